"""A database that somebody names as the place for a copy: it must be empty, and it stays whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pointsctl.errors import RefusedError
from pointsctl.model.configuration import LeftOut
from pointsctl.model.escape import plain
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection, connect, describe
from pointsctl.postgres.failures import translated
from pointsctl.postgres.identity import Identity, identify
from pointsctl.postgres.locale import DatabaseLocale
from pointsctl.postgres.roles import Role, require_roles

_NAMED = 5


class GivenDatabase:
    """What `Scratch` asks for, for the database of a URL. `supplied` is what the platform brings along and may be there."""

    own_server = False
    programs: Path | None = None

    def __init__(self, url: str, supplied: LeftOut) -> None:
        self._url = url
        self._supplied = supplied
        with connect(url) as connection:
            self._identity = identify(connection)
        self.major = self._identity.server_version // 10_000

    def prepare_roles(self, roles: Sequence[Role]) -> None:
        """Look for the roles; none is made on a server that others use too. Raises RefusedError naming those that are missing."""
        with connect(self._url) as connection:
            try:
                require_roles(connection, roles)
            except RefusedError as error:
                message = error.message.replace("the scratch server", "the server", 1)
                raise RefusedError(message, hint="create them there, or make its role a member of them") from None

    def empty_database(self, like: DatabaseLocale | None = None) -> str:  # noqa: ARG002  (it is there already)
        """The URL, after looking that the database is empty."""
        self.require_empty()
        return self._url

    def identity(self) -> Identity:
        """Who the database is."""
        return self._identity

    def require_empty(self) -> None:
        """Raises RefusedError naming what is there: a copy is never mixed with something else. And when it is another database
        than at first, as behind a URL with several hosts, or cannot be written to.
        """
        with connect(self._url) as connection:
            found = identify(connection)
            if not found.same_database(self._identity):
                message = f"the address led to the database {self._identity.database!r} first, and then to {found.database!r} of another server"
                raise RefusedError(message, hint="name one host in it")
            if found.in_recovery:
                raise RefusedError(f"{describe(self._url)} is a read replica", hint="name the primary server")
            there = occupied(connection, self._supplied)
        if there:
            more = f" and {len(there) - _NAMED:,} more" if len(there) > _NAMED else ""
            message = f"{describe(self._url)} is not empty: {', '.join(there[:_NAMED])}{more}"
            raise RefusedError(
                message, hint="make a new database (CREATE DATABASE ... TEMPLATE template0) and name that"
            )


def occupied(connection: Connection, supplied: LeftOut) -> tuple[str, ...]:
    """What the database holds beyond a fresh one and beyond `supplied`, by name: `table public.coupons`. The first thousand."""
    statement = sqlfiles.load("backup", "occupied").statement
    given = {"schemas": list(supplied.schemas), "extensions": list(supplied.extensions)}
    with translated("looking whether the database is empty"), connection.transaction():
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        rows = connection.execute(statement.encode(), given).fetchall()
    return tuple(plain(f"{what} {name}", 200) for what, name in rows)
