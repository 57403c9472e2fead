"""The engine that has the Supabase CLI apply: what it is given, what a kill leaves, and what is made of that."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from pointsctl.errors import CouldNotLookError, InterruptedByOperatorError, RefusedError
from pointsctl.migration_engines.interface import Target
from pointsctl.migration_engines.supabase import Supabase
from pointsctl.postgres.connection import connect
from tests.support import supabase_cli
from tests.support.ledgers import install
from tests.support.migrations import LIMITS, NAME, apply, order, query, records, versions
from tests.support.stores import Stopped

FIRST = "20250101000001_a.sql"
INDEX = "create index concurrently i on t (x);"


@pytest.fixture
def url(empty_database_url: str) -> str:
    install(empty_database_url, NAME)
    return empty_database_url


@pytest.fixture
def engine() -> Iterator[Supabase]:
    opened = Supabase({"PATH": os.environ["PATH"]}, supabase_cli.installed(), pause=lambda _seconds, _stop: None)
    yield opened
    opened.close()


@dataclass
class StoppedWhileWorking(Stopped):
    """A stop that is asked for when the CLI's statement runs."""

    url: str = ""

    def watch(self) -> threading.Thread:
        """Look for the statement until it runs."""
        thread = threading.Thread(target=self._look)
        thread.start()
        return thread

    def _look(self) -> None:
        with closing(connect(self.url)) as connection:
            statement = "select from pg_stat_activity where query like '%%pg_sleep(60)%%' and pid <> pg_backend_pid()"
            while not connection.execute(statement).fetchall():
                connection.execute("select pg_sleep(0.01)")
        self.requested = True


def test_a_stop_ends_the_session_too_and_says_that_nothing_is_applied(engine: Supabase, url: str) -> None:
    stop = StoppedWhileWorking(url=url)
    thread = stop.watch()
    with pytest.raises(InterruptedByOperatorError) as caught:
        apply(engine, url, FIRST, "create table a (x int); select pg_sleep(60);", cancellation=stop)
    thread.join()
    assert caught.value.message.endswith("was stopped; nothing of this file is applied")
    # Without the check of the connection the session would sleep on, and commit.
    assert query(url, "select from pg_stat_activity where application_name = '@effect/sql-pg'") == []
    assert (versions(url), records(url)) == ([], [])
    apply(engine, url, FIRST, "create table a (x int);")
    assert versions(url) == ["20250101000001"]


def test_an_invalid_index_of_an_earlier_try_is_built_again(engine: Supabase, url: str) -> None:
    query(url, "create table t (x int)")
    query(url, "insert into t values (1), (1)")
    with pytest.raises(CouldNotLookError, match="could not create unique index") as caught:
        apply(engine, url, FIRST, INDEX.replace("index", "unique index"))
    assert caught.value.message.endswith("; nothing of this file is applied")
    assert query(url, "select indisvalid from pg_index where indrelid = 't'::regclass") == [(False,)]
    apply(engine, url, FIRST, INDEX)
    assert query(url, "select indisvalid from pg_index where indrelid = 't'::regclass") == [(True,)]


def test_an_index_that_was_built_before_a_kill_is_taken_as_done(engine: Supabase, url: str) -> None:
    query(url, "create table t (x int)")
    query(url, "create index i on t (x)")
    apply(engine, url, FIRST, INDEX)
    rows = query(url, "select version, name, statements from supabase_migrations.schema_migrations")
    assert rows == [("20250101000001", "a", [INDEX.removesuffix(";")])]
    assert len(records(url)) == 1


def test_a_file_that_a_kill_could_leave_half_applied_is_refused(engine: Supabase, url: str) -> None:
    mixed = order(FIRST, f"create table b ();\n{INDEX}\nselect 1;").pending
    with pytest.raises(RefusedError, match="line 2: CREATE INDEX CONCURRENTLY") as caught:
        engine.refuse([mixed], Target(url, LIMITS))
    assert "native" in caught.value.hint
    with pytest.raises(RefusedError, match=r"line 1: .*command of psql"):
        engine.refuse([order(FIRST, "\\i x").pending], Target(url, LIMITS))


def test_a_locked_table_is_tried_again_and_told(engine: Supabase, url: str) -> None:
    query(url, "create table t (x int)")
    with closing(connect(url, autocommit=False)) as blocker:
        blocker.execute("lock table t in access share mode")
        with pytest.raises(CouldNotLookError, match="55P03") as caught:
            apply(engine, url, FIRST, "alter table t add column y int;")
    assert caught.value.message.endswith(" in 3 tries; nothing of this file is applied")
    assert versions(url) == []
    apply(engine, url, FIRST, "alter table t add column y int;")


def test_a_file_that_the_cli_skips_is_not_applied(engine: Supabase, url: str) -> None:
    with pytest.raises(CouldNotLookError, match="no such row"):
        apply(engine, url, "20200101000001_init.sql", "create table a (x int);")
    assert records(url) == []


def test_a_version_that_the_cli_cannot_have_written_is_told(engine: Supabase, url: str) -> None:
    apply(engine, url, FIRST, "select 1;")
    query(url, "insert into supabase_migrations.schema_migrations values ('../../x', array['select 1'], 'x')")
    with pytest.raises(RefusedError, match="cannot have written"):
        apply(engine, url, "20250101000002_b.sql", "select 1;")


def test_an_older_file_goes_in_where_the_caller_has_allowed_it(engine: Supabase, url: str) -> None:
    apply(engine, url, "20250101000002_b.sql", "create table b ();")
    apply(engine, url, FIRST, "create table a ();")
    assert versions(url) == ["20250101000001", "20250101000002"]


def test_the_older_version_of_the_cli_does_the_same(url: str) -> None:
    older = Supabase({"PATH": os.environ["PATH"]}, supabase_cli.installed(supabase_cli.OLDER_VERSION))
    try:
        apply(older, url, FIRST, "create table a (x int);\n")
        apply(older, url, "20250101000002_b.sql", "create index concurrently i on a (x);")
    finally:
        older.close()
    assert versions(url) == ["20250101000001", "20250101000002"]
    assert len(records(url)) == 2


def test_no_argument_tells_where_it_connects_or_with_which_password(url: str, tmp_path: Path) -> None:
    local = tmp_path / "node_modules" / ".bin"
    local.mkdir(parents=True)
    seen = tmp_path / "seen"
    program = local / "supabase"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {seen}\nenv >> {seen}.env\nexec {supabase_cli.node()} {supabase_cli.script()} "$@"\n'
    )
    program.chmod(0o755)
    variables = {"PATH": os.environ["PATH"], "DATABASE_URL": "a-secret", "SUPABASE_ACCESS_TOKEN": "a-secret"}
    engine = Supabase(variables, tmp_path)
    try:
        apply(engine, f"{url}&password=pass-of-ada", FIRST, "create table a (x int);")
    finally:
        engine.close()
    said = seen.read_text()
    assert "db push --remote=postgresql:// --include-all --yes --output-format json" in said
    assert "pass-of-ada" not in said
    environment = Path(f"{seen}.env").read_text()
    assert "PGPASSWORD=pass-of-ada" in environment
    assert "-c lock_timeout=200" in environment
    assert "-c client_connection_check_interval=500" in environment
    assert "a-secret" not in environment
