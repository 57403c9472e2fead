"""Synthetic clients on a copy: they wait for what real ones would wait for, change nothing, and end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from pointsctl.model.rehearsal import ClientWait
from pointsctl.postgres.administration import run_script
from pointsctl.postgres.client_traffic import client_traffic
from pointsctl.postgres.connection import Connection, connect
from tests.support.copies import rows
from tests.support.servers import Server

_CLIENTS = (
    "select count(*) from pg_stat_activity where application_name = 'pointsctl client' and datname = current_database()"
)
_WAITING = (
    "select count(*) from pg_stat_activity where application_name = 'pointsctl client' and datname = current_database()"
    " and wait_event_type = 'Lock'"
)
_STATEMENTS_OF_A_REQUEST = 3


@pytest.fixture
def url_of_tables(server: Server) -> Iterator[str]:
    """A database with tables of every kind that clients meet, as the superuser."""
    with server.database("template0") as name:
        url = server.cluster.url(name)
        prepare(url)
        yield url


def prepare(url: str) -> None:
    script = """
    create type colour as enum ('red', 'green');
    create table plain (id bigint generated always as identity primary key, note text);
    create table "Odd ""name" (colour colour, "when" date, twice int generated always as (1) stored,
        primary key (colour, "when"));
    create table keyless (id int);
    create table nothing (id int primary key);
    create table told (id int);
    create function tell() returns trigger language plpgsql as 'begin insert into told values (1); return new; end';
    create trigger tells before update on plain for each row execute function tell();
    create sequence counted;
    insert into plain (note) select 'x' from generate_series(1, 100);
    insert into "Odd ""name" values ('red', '2026-01-01'), ('green', '2026-01-02');
    insert into keyless values (1);
    """
    run_script(url, script, what="making tables")


@contextmanager
def held(url: str, statement: str) -> Iterator[Connection]:
    with closing(connect(url, autocommit=False)) as connection:
        connection.execute(statement.encode())
        yield connection


def until(url: str, statement: str, wanted: int) -> None:
    """Come back when the statement gives so much; the run's own limit ends a test that never comes there."""
    with connect(url) as connection:
        while (connection.execute(statement.encode()).fetchone() or (0,))[0] < wanted:
            pass


def done(waited: ClientWait | None) -> ClientWait:
    assert waited is not None
    return waited


def test_readers_and_writers_wait_for_a_lock_on_all_of_a_table(url_of_tables: str) -> None:
    url = url_of_tables
    with client_traffic(url, time.monotonic) as traffic, held(url, "lock table plain in access exclusive mode"):
        until(url, _WAITING, 2)
    waited = done(traffic.waited)
    assert [one.table for one in waited.tables] == ["public.plain", 'public."Odd ""name"']
    assert waited.failed == 0
    assert waited.calm_requests > 0
    assert waited.slowest_ms >= waited.p95_ms
    assert rows(url, _CLIENTS) == [(0,)]


def test_only_writers_wait_for_a_lock_against_writing(url_of_tables: str) -> None:
    url = url_of_tables
    with client_traffic(url, time.monotonic), held(url, "lock table plain in share mode"):
        until(url, _WAITING, 1)
        assert rows(url, f"{_WAITING} and query like 'SELECT%'") == [(0,)]


def test_the_copy_stays_as_it_is(url_of_tables: str) -> None:
    url = url_of_tables
    before = rows(url, 'select p::text from plain p union all select o::text from "Odd ""name" o order by 1')
    with client_traffic(url, time.monotonic) as traffic:
        pass
    assert done(traffic.waited).failed == 0
    assert rows(url, 'select p::text from plain p union all select o::text from "Odd ""name" o order by 1') == before
    assert rows(url, "select count(*) from told") == [(0,)]


def test_clients_that_know_a_dropped_column_fail_and_say_why(url_of_tables: str) -> None:
    url = url_of_tables
    with client_traffic(url, time.monotonic) as traffic:
        run_script(url, "alter table plain drop column note", what="dropping a column")
        for _ in range(_STATEMENTS_OF_A_REQUEST + 1):
            ((now,),) = rows(url, "select clock_timestamp()")
            until(url, f"{_CLIENTS} and query_start > '{now}'", 4)
    plain = next(one for one in done(traffic.waited).tables if one.table == "public.plain")
    assert plain.failed > 0
    assert plain.why == 'column "note" does not exist'


def test_what_fails_without_a_migration_is_not_counted_as_failed(url_of_tables: str) -> None:
    url = url_of_tables
    run_script(url, "create function f(int) returns int language sql as 'select 1 / ($1 - $1)'", what="a function")
    run_script(
        url, "alter table plain add check (f(id::int) > 0) not valid", what="a constraint that nothing satisfies"
    )
    with client_traffic(url, time.monotonic) as traffic:
        pass
    waited = done(traffic.waited)
    assert waited.failed == 0
    assert any(one.why.startswith("without a migration too: division by zero") for one in waited.tables)


def test_a_role_that_would_fire_triggers_only_reads(url_of_tables: str) -> None:
    url = url_of_tables
    run_script(url, "grant select on all tables in schema public to postgres", what="granting")
    own = url.replace("supabase_admin@", "postgres@")
    with client_traffic(own, time.monotonic) as traffic, held(url, "lock table plain in share mode"):
        pass
    assert done(traffic.waited).failed == 0
    assert rows(url, "select count(*) from told") == [(0,)]


def test_without_a_table_there_is_nobody_who_waits(empty_database_url: str) -> None:
    with client_traffic(empty_database_url, time.monotonic) as traffic:
        pass
    assert traffic.waited is None
