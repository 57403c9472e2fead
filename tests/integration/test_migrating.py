"""The native engine where something is in the way: locks, failures in the middle, sessions that end, what earlier runs have left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pointsctl.errors import ConnectionLostError, InterruptedByOperatorError, RefusedError
from pointsctl.migration_engines.interface import Target
from pointsctl.migration_engines.native import Native
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.ledger import Kind
from pointsctl.model.progress import NoProgress
from pointsctl.postgres.blockers import MigrationBlockedError
from pointsctl.postgres.connection import connect
from pointsctl.postgres.migrating import StatementFailedError
from pointsctl.workflow.cancellation import TimeLimit
from tests.support.ledgers import install
from tests.support.migrations import LIMITS, NAME, apply, order, query, records, versions

FIRST, SECOND = "20250101000001_a.sql", "20250101000002_b.sql"

_END_OTHERS = (
    "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid() and application_name like 'pointsctl apply%'"
)


class At(NoProgress):
    """Does something when the work comes to a statement that is described so."""

    def __init__(self, words: str, act: object) -> None:
        self.words, self.act, self.told = words, act, list[str]()

    def move(self, stage: str, done: int, detail: str = "") -> None:
        del stage, done
        self.told.append(detail)
        if self.words in detail and callable(self.act):
            act, self.act = self.act, None
            act()


@pytest.fixture
def url(empty_database_url: str) -> str:
    install(empty_database_url, NAME)
    return empty_database_url


@pytest.fixture
def engine() -> Iterator[Native]:
    opened = Native(jitter=lambda: 0.0, pause=lambda _seconds, _cancellation: None)
    yield opened
    opened.close()


def test_a_blocker_that_never_lets_go_is_named_without_its_query(engine: Native, url: str) -> None:
    query(url, "create table a (x int)")
    with closing(connect(url, application_name="nightly report")) as other:
        other.execute("BEGIN")
        other.execute("select 'a-secret-value', count(*) from a")
        with pytest.raises(MigrationBlockedError) as caught:
            apply(engine, url, FIRST, "create table b (x int);\nalter table a add y int;\n")
        assert str(other.info.backend_pid) in caught.value.message
    message = caught.value.message
    assert "nightly report" in message
    assert "idle in transaction" in message
    assert "a-secret-value" not in message
    assert "3 tries" in message
    assert "nothing of this file is applied" in message
    assert versions(url) == []
    assert query(url, "select to_regclass('public.b')") == [(None,)]


def test_a_blocker_that_lets_go_costs_a_try(url: str) -> None:
    query(url, "create table a (x int)")
    other = connect(url)
    other.execute("BEGIN")
    other.execute("lock table a in access share mode")
    waited: list[float] = []

    def pause(seconds: float, _cancellation: Cancellation) -> None:
        waited.append(seconds)
        other.close()

    engine = Native(jitter=lambda: 0.5, pause=pause)
    done = apply(engine, url, FIRST, "alter table a add y int;")
    engine.close()
    assert (done.tries, waited) == (2, [0.5])
    assert [one.data["tries"] for one in records(url)] == [2]


def test_pauses_grow_and_are_bounded(url: str) -> None:
    query(url, "create table a (x int)")
    waited: list[float] = []
    engine = Native(jitter=lambda: 0.5, pause=lambda seconds, _cancellation: waited.append(seconds))
    limits = replace(LIMITS, lock_timeout=timedelta(milliseconds=5), tries=9)
    with closing(connect(url)) as other:
        other.execute("BEGIN")
        other.execute("lock table a")
        with pytest.raises(MigrationBlockedError):
            apply(engine, url, FIRST, "alter table a add y int;", limits=limits)
    engine.close()
    assert waited == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_deadlock_is_rolled_back_and_tried_again(engine: Native, url: str) -> None:
    query(url, "create table a (x int)")
    query(url, "create table b (x int)")
    other = connect(url)
    other.execute("BEGIN")
    other.execute("lock table b")

    def work() -> None:
        with closing(other):
            other.execute("lock table a")

    thread = threading.Thread(target=work, daemon=True)
    # Of two that wait for each other the server ends the one that has waited for longer.
    progress = At("waits for", thread.start)
    limits = replace(LIMITS, lock_timeout=timedelta(seconds=20))
    text = "alter table a add y int;\nalter table b add y int;\n"
    done = apply(engine, url, FIRST, text, limits=limits, progress=progress)
    thread.join()
    assert done.tries == 2
    assert versions(url) == ["20250101000001"]
    assert len(records(url)) == 1


def test_a_session_that_the_server_ends_leaves_nothing(engine: Native, url: str) -> None:
    progress = At("INSERT", lambda: query(url, _END_OTHERS))
    with pytest.raises(ConnectionLostError, match="nothing of this file is applied"):
        apply(engine, url, FIRST, "create table a (x int);\ninsert into a values (1);\n", progress=progress)
    assert versions(url) == []
    assert records(url) == []
    done = apply(engine, url, FIRST, "create table a (x int);\ninsert into a values (1);\n")
    assert done.tries == 1


def test_a_connection_that_is_lost_at_the_commit_is_looked_after(
    engine: Native, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(url, LIMITS)
    session = engine._opened(order(FIRST, "select 1;"), target)
    connection = session.open(TimeLimit(60, lambda: 0.0))
    execute = connection.execute

    def lossy(statement: Any, *given: Any, **named: Any) -> object:
        answer = execute(statement, *given, **named)
        if statement == b"COMMIT":
            query(url, _END_OTHERS)
            return execute("select 1")
        return answer

    monkeypatch.setattr(connection, "execute", lossy)
    done = engine.apply(order(FIRST, "create table a (x int);"), target, TimeLimit(60, lambda: 0.0), NoProgress())
    assert versions(url) == ["20250101000001"]
    assert [one.seq for one in records(url)] == [done.record]


def test_the_failing_line_is_named_and_earlier_parts_are_told(engine: Native, url: str) -> None:
    text = "create table a (x int);\ncreate index concurrently i on a (x);\n-- and\ninsert into a\nvalues ('no');\n"
    with pytest.raises(StatementFailedError) as caught:
        apply(engine, url, FIRST, text)
    assert caught.value.line == 5
    assert "its first 2 of 3 statements are committed" in caught.value.message
    assert versions(url) == []
    assert [one.data["statements"] for one in records(url, Kind.MIGRATION_PROGRESSED)] == [1, 2]
    with pytest.raises(RefusedError, match=r"another 20250101000001_a\.sql are committed"):
        apply(engine, url, FIRST, text.replace("'no'", "1"))


def test_a_file_that_was_begun_goes_on_where_it_stopped(engine: Native, url: str) -> None:
    text = "create table a (x int);\ncreate index concurrently i on a (x);\ninsert into b values (1);\n"
    with pytest.raises(StatementFailedError):
        apply(engine, url, FIRST, text)
    query(url, "create table b (x int)")
    apply(engine, url, FIRST, text)
    assert versions(url) == ["20250101000001"]
    assert query(url, "select count(*) from b") == [(1,)]


@pytest.mark.parametrize("exists", ["", "if not exists "])
def test_an_invalid_index_is_dropped_and_built_again(engine: Native, url: str, exists: str) -> None:
    query(url, "create table a (x int)")
    query(url, "insert into a values (1), (1)")
    statement = f"create unique index concurrently {exists}i on a (x);"
    with pytest.raises(StatementFailedError, match="could not create unique index"):
        apply(engine, url, FIRST, statement)
    assert query(url, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [(False,)]
    query(url, "delete from a where ctid = '(0,1)'")
    done = apply(engine, url, FIRST, statement)
    assert query(url, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [(True,)]
    assert done.rebuilt == ("public.i",)


def test_an_index_that_a_killed_run_finished_is_not_built_twice(engine: Native, url: str) -> None:
    query(url, "create table a (x int, t text)")
    query(url, "create index i on a using btree (lower(t), x desc) where x > 0")
    (before,) = query(url, "select 'i'::regclass::oid")
    apply(engine, url, FIRST, "create index concurrently i on public.a (lower(t), x desc) where (x > 0);")
    assert query(url, "select 'i'::regclass::oid") == [before]
    assert versions(url) == ["20250101000001"]


@pytest.mark.parametrize(
    "other", ["(x)", "(t) where x > 0", "(lower(t))", "using hash (t)", "(t) with (fillfactor = 50)"]
)
def test_another_index_of_that_name_is_not_taken_for_it(engine: Native, url: str, other: str) -> None:
    query(url, "create table a (x int, t text)")
    query(url, f"create index i on a {other}")
    with pytest.raises(StatementFailedError, match="already exists"):
        apply(engine, url, FIRST, "create index concurrently i on a (t);")
    assert versions(url) == []


def test_an_invalid_index_of_another_table_is_left_alone(engine: Native, url: str) -> None:
    query(url, "create table a (x int)")
    query(url, "create table b (x int)")
    query(url, "insert into b values (1), (1)")
    with closing(connect(url)) as other, pytest.raises(Exception, match="could not create"):
        other.execute("create unique index concurrently i on b (x)")
    with pytest.raises(StatementFailedError, match="already exists"):
        apply(engine, url, FIRST, "create index concurrently i on a (x);")
    assert query(url, "select count(*) from pg_class where relname = 'i'") == [(1,)]


def test_an_index_that_a_killed_run_dropped_is_not_missed(engine: Native, url: str) -> None:
    query(url, "create table a (x int)")
    query(url, "create index i on a (x)")
    text = "drop index concurrently i;\ninsert into b values (1);"
    with pytest.raises(StatementFailedError, match="line 2"):
        apply(engine, url, FIRST, text)
    query(url, "create table b (x int)")
    # As after a kill between the drop and what records it: only that it was begun is known.
    apply(engine, url, FIRST, text)
    assert versions(url) == ["20250101000001"]


def test_an_index_that_never_was_is_an_error(engine: Native, url: str) -> None:
    with pytest.raises(StatementFailedError, match="does not exist"):
        apply(engine, url, FIRST, "drop index concurrently i;")


def test_settings_of_a_file_reach_its_later_parts_and_no_other_file(engine: Native, url: str) -> None:
    query(url, "create schema s")
    query(url, "create table s.a (x int)")
    text = "set search_path = s;\ncreate index concurrently i on a (x);\ncreate table b (x int);\n"
    apply(engine, url, FIRST, text)
    apply(engine, url, SECOND, "create table c (x int);")
    assert query(
        url, "select to_regclass('s.i') is null, to_regclass('s.b') is null, to_regclass('public.c') is null"
    ) == [(False, False, False)]


def test_begin_and_commit_around_a_file_are_one_transaction(engine: Native, url: str) -> None:
    with pytest.raises(StatementFailedError):
        apply(engine, url, FIRST, "begin;\ncreate table a (x int);\ninsert into a values ('no');\ncommit;\n")
    assert query(url, "select to_regclass('public.a')") == [(None,)]
    apply(engine, url, FIRST, "begin;\ncreate table a (x int);\ncommit;\n")
    assert query(url, "select statements from supabase_migrations.schema_migrations") == [
        (["begin", "create table a (x int)", "commit"],)
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("create table a (x int);\ncommit;\ncreate table b (x int);\n", 2),
        ("begin;\nvacuum;\ncommit;\n", 2),
        ("begin isolation level serializable;\nselect 1;\ncommit;\n", 1),
        ("select 1;\n\n-- why\nrollback;\n", 4),
        ("create table a (x int);\ncreate index concurrently on a (x);\n", 2),
        ("discard all;\n", 1),
        ("-- pg-delta: transaction=false\nselect 1;\n", 1),
        ("copy a from stdin;\n", 1),
        ("prepare transaction 'x';\n", 1),
    ],
)
def test_what_would_break_the_transaction_is_refused(engine: Native, url: str, text: str, line: int) -> None:
    with pytest.raises(RefusedError, match=f"line {line}:"):
        engine.refuse([order(FIRST, text).pending], Target(url, LIMITS))


def test_no_text_is_two_statements_to_the_server(engine: Native, url: str) -> None:
    # With backslash escapes in plain strings, the server sees another end of the string than the split does.
    query(url, "create table a (x text)")
    text = "set standard_conforming_strings = off;\ninsert into a values ('\\'); commit; drop table a; --');\n"
    with pytest.raises(StatementFailedError):
        apply(engine, url, FIRST, text)
    assert query(url, "select to_regclass('public.a') is null") == [(False,)]
    assert versions(url) == []


def test_a_deferred_constraint_is_told_as_the_end_of_the_file(engine: Native, url: str) -> None:
    text = (
        "create table p (x int primary key);"
        "create table c (x int references p deferrable initially deferred);"
        "insert into c values (1);"
    )
    with pytest.raises(StatementFailedError, match=r"at its end: .*foreign key"):
        apply(engine, url, FIRST, text)
    assert versions(url) == []


def test_a_statement_that_takes_too_long_is_ended(engine: Native, url: str) -> None:
    limits = replace(LIMITS, statement_timeout=timedelta(milliseconds=100))
    with pytest.raises(StatementFailedError, match="statement timeout") as caught:
        apply(engine, url, FIRST, "select pg_sleep(60);", limits=limits)
    assert "migrations.statement_timeout" in caught.value.hint


def test_a_request_to_stop_cancels_the_statement_and_rolls_back(engine: Native, url: str) -> None:
    stop = TimeLimit(60, lambda: 0.0)
    progress = At("SELECT", lambda: threading.Timer(0.2, lambda: stop.cancel("interrupted")).start())
    stop.remaining = lambda: 60.0  # type: ignore[method-assign]  # as the command line's own does
    with pytest.raises(InterruptedByOperatorError):
        apply(
            engine, url, FIRST, "create table a (x int);\nselect pg_sleep(60);\n", cancellation=stop, progress=progress
        )
    assert query(url, "select to_regclass('public.a')") == [(None,)]
    assert versions(url) == []
