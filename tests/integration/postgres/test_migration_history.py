"""Which migrations were applied, as a real server tells it to roles that may and may not look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pointsctl.errors import PermissionMissingError
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.migration_history import applied_versions


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
