"""One dump or migration of a database at a time: the lock that they take, and a look for others that know no such lock."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pointsctl.errors import RefusedError
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated

KEY: Final = 5213076884410290657
"""The advisory lock of the session that backs up or migrates a database. It falls with the session."""

_FOLDER = "backup"
# pg_dump names itself; the others are what the Supabase CLI and its Go predecessor say.
_PROGRAMS = ["pg_dump", "@effect/sql-pg", "supabase-cli"]
# What locks a table for a moment (TRUNCATE of a work table, a trigger that is made) is over by the second look.
_SECOND_LOOK_S = 1.0


def take_deployment_lock(connection: Connection) -> None:
    """Take the lock for as long as the session lives. Raises RefusedError naming who holds it."""
    with translated("taking the lock of deployments"):
        (got,) = _one(connection, "SELECT pg_catalog.pg_try_advisory_lock(%s)", (KEY,))
        if got:
            return
        statement = sqlfiles.load(_FOLDER, "lock-holder").statement.encode()
        holder = connection.execute(statement, {"key": KEY}).fetchone()
    who = _told(*holder) if holder else "a session that has just ended"
    raise RefusedError(
        f"another backup or migration of this database is running: {who} holds the lock of deployments",
        hint="wait until it has ended, then run again; the lock falls with that session",
    )


def refuse_other_work(connection: Connection) -> None:
    """Raises RefusedError when a dump or a migration that takes no such lock runs in this database right now."""
    found = _other_work(connection)
    if found:
        with translated("waiting for a table's lock"):
            connection.execute("SELECT pg_catalog.pg_sleep(%s)", (_SECOND_LOOK_S,))
        still = {(pid, what) for pid, _, what, _ in _other_work(connection)}
        found = [one for one in found if (one[0], one[2]) in still]
    if found:
        pid, application, what, since = found[0]
        raise RefusedError(
            f"a dump or migration is running here already: {_told(pid, application, since)} {plain(what, 200)}",
            hint="wait until it has ended, then run again",
        )


def _other_work(connection: Connection) -> list[tuple[Any, ...]]:
    with translated("looking for other dumps and migrations"):
        statement = sqlfiles.load(_FOLDER, "other-work").statement.encode()
        return connection.execute(statement, {"programs": _PROGRAMS}).fetchall()


def _told(pid: int, application: str | None, since: datetime | None) -> str:
    name = f" ({plain(application, 80)})" if application else ""
    return f"process {pid}{name}{f', since {utc_text(since)},' if since else ''}"


def _one(connection: Connection, statement: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    row = connection.execute(statement.encode(), values).fetchone()
    if row is None:
        raise AssertionError("a statement without its one row")
    return row
