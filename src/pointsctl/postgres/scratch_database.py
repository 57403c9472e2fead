"""A database for one copy on a server that others use too: never the source's, marked as ours, dropped in every case."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from psycopg import conninfo, sql

from pointsctl.errors import RefusedError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.administration import drop_database
from pointsctl.postgres.connection import Connection, connect, describe, parse_url
from pointsctl.postgres.failures import translated
from pointsctl.postgres.identity import Identity, identify
from pointsctl.postgres.locale import DatabaseLocale, create_like
from pointsctl.postgres.roles import Role, require_roles

MARK = "pointsctl restore drill"
"""What the comment on each of these databases starts with."""

_PREFIX = "pointsctl_drill_"
_NAMES = rf"^{_PREFIX}[0-9a-f]{{16}}$"
_LOCK = 1_886_350_953
# A comment comes a moment after its database, which a kill may use; this odd number comes with it.
_CONNECTIONS = 1037
_FOLDER = "backup"


class ScratchDatabase:
    """A database of one drill on another server; what `Scratch` asks for. `url` leads to that server."""

    own_server = False
    programs: Path | None = None

    def __init__(self, url: str, server: Connection) -> None:
        self.name = f"{_PREFIX}{secrets.token_hex(8)}"
        self.major = server.info.server_version // 10000
        self._url = url
        self._server = server
        self._identity: Identity | None = None

    def prepare_roles(self, roles: Sequence[Role]) -> None:
        """Raises RefusedError naming the roles that are missing: none is ever made on a server that others use."""
        require_roles(self._server, roles)

    def empty_database(self, like: DatabaseLocale | None = None) -> str:
        """The URL of the new database, which belongs to the role of the server's URL."""
        name = sql.Identifier(self.name)
        comment = f"{MARK}, since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}; dropped when it ends"
        with translated(f"making the scratch database {self.name}"):
            # Before there is a database: what is marked and not locked is dropped by anybody's next drill.
            self._server.execute("SELECT pg_catalog.pg_advisory_lock(%s, pg_catalog.hashtext(%s))", (_LOCK, self.name))
            create_like(self._server, self.name, like, sql.SQL("connection limit {}").format(sql.Literal(_CONNECTIONS)))
            self._server.execute(sql.SQL("comment on database {} is {}").format(name, sql.Literal(comment)))
        url = conninfo.make_conninfo(**{**parse_url(self._url), "dbname": self.name})
        with connect(url) as connection:
            self._identity = identify(connection)
        return url

    def identity(self) -> Identity:
        """Who that database is. Raises AssertionError before `empty_database`."""
        if self._identity is None:
            raise AssertionError("there is no database yet")
        return self._identity

    def drop(self) -> None:
        """Drop the database, whoever is connected to it. It may be missing."""
        drop_database(self._url, self.name)


@contextmanager
def scratch_database(url: str, source_system: str | None, major: int) -> Iterator[ScratchDatabase]:
    """A place for one copy on the server of `url`, dropped after the block.

    `source_system` is the source's system identifier, None where it could not be read; `major` the source's major version.
    Raises RefusedError when the server is, or may be, the source's, or one of its copies; or is of another version. Drops
    what drills that were killed have left there.
    """
    with connect(url) as server:
        server.execute("SET idle_session_timeout = 0")
        _refuse_source(identify(server), source_system, major, describe(url))
        drop_abandoned(server)
        scratch = ScratchDatabase(url, server)
        try:
            yield scratch
        finally:
            scratch.drop()


def drop_abandoned(server: Connection) -> tuple[str, ...]:
    """Drop the scratch databases of drills that no longer live; gives their names.

    Only what has the name and the mark of a drill, may be dropped by this role, and whose lock nobody holds.
    """
    statement = sqlfiles.load(_FOLDER, "abandoned-copies").statement.encode()
    given = {"names": _NAMES, "mark": MARK, "lock": _LOCK, "connections": _CONNECTIONS}
    with translated("dropping the scratch databases of ended drills"):
        names = [row[0] for row in server.execute(statement, given).fetchall()]
        for name in names:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
    return tuple(names)


def _refuse_source(server: Identity, source_system: str | None, major: int, where: str) -> None:
    hint = "name an environment on another server in `backup.restore_into`, or `ephemeral`"
    if server.in_recovery:
        raise RefusedError(f"{where} is a standby, which takes no copy", hint=hint)
    if server.system_identifier is None or source_system is None:
        hidden = "the scratch server" if server.system_identifier is None else "the source"
        raise RefusedError(
            f"{hidden} hides its system identifier, so {where} may be the server that the backup was taken of",
            hint=hint,
        )
    if server.system_identifier == source_system:
        raise RefusedError(
            f"{where} has the system identifier {source_system}: it is the server that the backup was taken of, or a copy of it",
            hint=hint,
        )
    if server.server_version // 10000 != major:
        raise RefusedError(
            f"{where} is of version {server.server_version // 10000}, the backup of version {major}: a copy can be proven "
            "on the same version only",
            hint=hint,
        )
