"""Which database this really is: identities come from the server, never from the text of a URL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated


@dataclass(frozen=True)
class Identity:
    """A database as its server names it.

    `system_identifier` is made by initdb and kept by physical copies, which `server_started_at` tells apart; it is None
    where the role may not read it.
    """

    system_identifier: str | None
    database_oid: int
    database: str
    server_version: int
    role: str
    in_recovery: bool
    server_started_at: datetime

    def same_database(self, other: Identity) -> bool:
        """Whether both are one database. Closed by default: servers that hide their identifier may be the same one."""
        # A read replica has the same rows and was started at its own time; a copy that has been opened is a database of its own.
        replica = self.in_recovery or other.in_recovery
        started = replica or self.server_started_at == other.server_started_at
        hidden = self.system_identifier is None or other.system_identifier is None
        same_cluster = hidden or self.system_identifier == other.system_identifier
        return started and same_cluster and self.database_oid == other.database_oid

    def as_json(self) -> dict[str, object]:
        """The identity as evidence."""
        return {
            "system_identifier": self.system_identifier,
            "database_oid": self.database_oid,
            "database": self.database,
            "server_version": self.server_version,
            "role": self.role,
            "in_recovery": self.in_recovery,
        }


def identify(connection: Connection) -> Identity:
    """Ask the server who it is."""
    with translated("reading the database's identity"):
        row = connection.execute(
            "SELECT oid::bigint, datname, current_setting('server_version_num')::int, current_user,"
            " pg_catalog.pg_is_in_recovery(), pg_catalog.pg_postmaster_start_time() FROM pg_catalog.pg_database WHERE datname = current_database()"
        ).fetchone()
    if row is None:
        raise AssertionError("pg_database has no row for the current database")
    return Identity(_system_identifier(connection), row[0], row[1], row[2], row[3], row[4], row[5])


def _system_identifier(connection: Connection) -> str | None:
    try:
        with connection.transaction():
            row = connection.execute("SELECT system_identifier::text FROM pg_catalog.pg_control_system()").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return row[0] if row else None
