"""Which migrations a database says to have had, as the Supabase CLI and compatible tools write it down."""

from __future__ import annotations

from pointsctl.errors import PermissionMissingError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection


def applied_versions(connection: Connection) -> frozenset[str]:
    """The versions in `supabase_migrations.schema_migrations`; none where there is no such table.

    Raises PermissionMissingError when the table is there and may not be read.
    """
    found = connection.execute(sqlfiles.load("context", "migration-history").statement.encode()).fetchone()
    exists, readable = found or (False, False)
    if not exists:
        return frozenset()
    if not readable:
        raise PermissionMissingError(
            "the role may not read supabase_migrations.schema_migrations, so nobody knows which migrations are pending",
            hint="grant it SELECT there, and USAGE on the schema supabase_migrations",
        )
    rows = connection.execute(sqlfiles.load("context", "applied-migrations").statement.encode()).fetchall()
    return frozenset(str(row[0]) for row in rows)
