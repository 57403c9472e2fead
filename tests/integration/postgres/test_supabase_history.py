"""The Supabase CLI's history: read by roles that may and may not look, made and written as the CLI does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import LiteralString

import pytest

from pointsctl.errors import PermissionMissingError, RefusedError
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.supabase_history import applied_versions, insert, install
from pointsctl.sandbox.databases import OWNER
from tests.support.migrations import query
from tests.support.servers import Server
from tests.support.supabase_cli import project


@pytest.fixture
def table(admin_url: str) -> Iterator[Connection]:
    with connect(admin_url) as connection:
        connection.execute("create schema supabase_migrations")
        connection.execute("create table supabase_migrations.schema_migrations (version text primary key, name text)")
        connection.execute("insert into supabase_migrations.schema_migrations values ('1', 'a'), ('20250101', 'b')")
        yield connection


def test_without_a_table_nothing_was_applied(admin_url: str) -> None:
    with connect(admin_url) as connection:
        assert applied_versions(connection) == frozenset()
        connection.execute("create schema supabase_migrations")
        assert applied_versions(connection) == frozenset()


def test_the_versions_that_were_applied(table: Connection) -> None:
    assert applied_versions(table) == {"1", "20250101"}


def test_a_role_that_may_not_look_is_told_so(table: Connection) -> None:
    table.execute("set role service_role")
    with pytest.raises(PermissionMissingError, match="pending") as caught:
        applied_versions(table)
    assert "grant" in caught.value.hint
    table.execute("reset role")
    table.execute("grant select on supabase_migrations.schema_migrations to service_role")
    table.execute("set role service_role")
    with pytest.raises(PermissionMissingError):
        applied_versions(table)
    table.execute("reset role")
    table.execute("grant usage on schema supabase_migrations to service_role")
    table.execute("set role service_role")
    assert applied_versions(table) == {"1", "20250101"}


SHAPE: LiteralString = """
select a.attnum, a.attname, a.atttypid::regtype::text, a.attnotnull, a.atthasdef, c.relowner::regrole::text, c.relacl::text,
    n.nspowner::regrole::text, n.nspacl::text, c.relrowsecurity, i.indexrelid::regclass::text
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid
join pg_namespace as n on n.oid = c.relnamespace
join pg_index as i on i.indrelid = c.oid
where a.attrelid = 'supabase_migrations.schema_migrations'::regclass and a.attnum > 0
order by 1
"""


def test_it_is_made_as_the_cli_makes_it(tmp_path: Path, server: Server, empty_database_url: str) -> None:
    with closing(connect(empty_database_url)) as connection, connection.transaction():
        connection.execute("create schema trap; create type trap.text as (x int); set search_path = trap, pg_catalog")
        install(connection)
        install(connection)
    made = project(tmp_path)
    made.write("1_a.sql", "select 1;")
    with server.database("template0") as name:
        other = server.cluster.url(name, OWNER)
        made.push(other)
        assert query(empty_database_url, SHAPE) == query(other, SHAPE)


def test_an_older_table_gets_what_it_lacks(empty_database_url: str) -> None:
    with closing(connect(empty_database_url)) as connection:
        connection.execute("create schema supabase_migrations")
        connection.execute("create table supabase_migrations.schema_migrations (version text primary key)")
        install(connection)
        insert(connection, HistoryRow("1", "a", ("select 1", "select '%s'")))
        assert applied_versions(connection) == {"1"}


def test_a_row_is_written_once(empty_database_url: str) -> None:
    with closing(connect(empty_database_url)) as connection:
        install(connection)
        insert(connection, HistoryRow("1", "a", ()))
        with pytest.raises(RefusedError, match="holds version 1 already"):
            insert(connection, HistoryRow("1", "b", ()))
    rows = query(empty_database_url, "select version, name, statements from supabase_migrations.schema_migrations")
    assert rows == [("1", "a", [])]
