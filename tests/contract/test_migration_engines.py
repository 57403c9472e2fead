"""What every migration engine promises."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from pointsctl.errors import PointsctlError, RefusedError
from pointsctl.ledger.migration_marks import applied_seq
from pointsctl.migration_engines.interface import Engine, Target
from pointsctl.migration_engines.native import Native
from pointsctl.migration_engines.supabase import Supabase
from tests.support import supabase_cli
from tests.support.ledgers import install
from tests.support.migrations import LIMITS, NAME, apply, order, query, records, versions

ENGINES: dict[str, Callable[[], Engine]] = {
    "native": Native,
    "supabase": lambda: Supabase({"PATH": os.environ["PATH"]}, supabase_cli.installed()),
}


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    opened = ENGINES[request.param]()
    yield opened
    opened.close()


@pytest.fixture
def url(empty_database_url: str) -> str:
    install(empty_database_url, NAME)
    return empty_database_url


def test_a_file_its_row_and_its_record_are_there_together(engine: Engine, url: str) -> None:
    done = apply(engine, url, "20250101000001_a.sql", "create table a (x int);\ninsert into a values (1), (2);\n")
    assert query(url, "select count(*) from a") == [(2,)]
    assert query(url, "select version, name, statements from supabase_migrations.schema_migrations") == [
        ("20250101000001", "a", ["create table a (x int)", "insert into a values (1), (2)"])
    ]
    (record,) = records(url)
    assert (done.record, done.tries, done.statements) == (record.seq, 1, 2)
    assert record.migration_name == "20250101000001_a"
    assert (record.data["version"], record.data["tries"]) == ("20250101000001", 1)


def test_what_is_applied_is_not_repeated(engine: Engine, url: str) -> None:
    first = apply(engine, url, "20250101000001_a.sql", "create table a (x int);")
    again = apply(engine, url, "20250101000001_a.sql", "create table a (x int);")
    assert again.record == first.record
    assert len(records(url)) == 1


def test_a_version_that_was_applied_with_other_content_is_refused(engine: Engine, url: str) -> None:
    apply(engine, url, "20250101000001_a.sql", "create table a (x int);")
    with pytest.raises(RefusedError, match="with other content"):
        apply(engine, url, "20250101000001_a.sql", "create table a (x bigint);")


def test_a_row_without_a_record_gets_one(engine: Engine, url: str) -> None:
    apply(engine, url, "20250101000001_a.sql", "create table a (x int);")
    query(url, "insert into supabase_migrations.schema_migrations values ('20250101000002', array['select 1'], 'b')")
    done = apply(engine, url, "20250101000002_b.sql", "select 1;")
    assert [one.data["version"] for one in records(url)] == ["20250101000001", "20250101000002"]
    assert done.record == records(url)[-1].seq


def test_a_statement_that_fails_leaves_nothing_and_is_named(engine: Engine, url: str) -> None:
    text = "create table a (x int);\n\n-- then\ninsert into b values (1);\n"
    with pytest.raises(PointsctlError) as caught:
        apply(engine, url, "20250101000001_a.sql", text)
    assert "20250101000001_a.sql" in caught.value.message
    assert versions(url) == []
    assert records(url) == []
    assert query(url, "select to_regclass('public.a')") == [(None,)]


def test_a_concurrent_index_is_built(engine: Engine, url: str) -> None:
    apply(engine, url, "20250101000001_a.sql", "create table a (x int);")
    apply(engine, url, "20250101000002_i.sql", "create index concurrently i on a (x);")
    assert query(url, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [(True,)]
    assert versions(url) == ["20250101000001", "20250101000002"]
    assert len(records(url)) == 2


def test_what_cannot_be_applied_is_refused_with_its_line(engine: Engine, url: str) -> None:
    pending = [order("20250101000001_a.sql", "select 1;\n\\connect other\nselect 2;\n").pending]
    with pytest.raises(RefusedError, match=r"20250101000001_a\.sql.*line 2"):
        engine.refuse(pending, Target(url, LIMITS))
    assert versions(url) == []


def test_a_file_that_sets_a_role_and_a_path_fools_nobody(engine: Engine, url: str) -> None:
    # The Supabase CLI writes its row as whoever the file has become, so that such a file has to reset the role there.
    reset = "reset role;" if isinstance(engine, Supabase) else ""
    text = (
        "create schema trap; create table trap.schema_migrations (version text);"
        f"set search_path = trap; set role authenticated; select 1; {reset}"
    )
    done = apply(engine, url, "20250101000001_a.sql", text)
    assert versions(url) == ["20250101000001"]
    assert applied_seq(url, "20250101000001", done.migration.sha256) == done.record
    apply(engine, url, "20250101000002_b.sql", "create table here (x int);")
    assert query(url, "select to_regclass('public.here') is not null") == [(True,)]
