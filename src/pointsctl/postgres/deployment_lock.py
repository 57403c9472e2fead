"""One dump or migration of a database at a time, and one procedure: the locks that they take, and a look for others that know no such lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import conninfo

from pointsctl.errors import ConnectionLostError, RefusedError
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection, connect, parse_url
from pointsctl.postgres.failures import translated
from pointsctl.postgres.pooler import refuse_transaction_pooler

KEY: Final = 5213076884410290657
"""The advisory lock of the session that backs up or migrates a database. It falls with the session."""

PROCEDURE_KEY: Final = 2907751630418846123
"""The advisory lock of the session that keeps everybody else from deploying, rolling back or migrating meanwhile. Whoever
holds it takes `KEY` too, for as long as a dump or a migration runs.
"""

_FOLDER = "backup"
# pg_dump names itself; the others are what the Supabase CLI and its Go predecessor say.
_PROGRAMS = ["pg_dump", "@effect/sql-pg", "supabase-cli"]
# What locks a table for a moment (TRUNCATE of a work table, a trigger that is made) is over by the second look.
_SECOND_LOOK_S = 1.0
_ENDING_S = 0.5
# A session that waits while a person reads must not be ended for that; a dead network is noticed within a minute.
_LIMITS = ["idle_session_timeout", "idle_in_transaction_session_timeout", "statement_timeout"]
_KEEPALIVES = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 4, "tcp_user_timeout": 60_000}
_LONGEST_NAME = 63
_PREFIX = "pointsctl"
_END = "wait until it has ended, then run again; the lock falls with that session"


def take_deployment_lock(connection: Connection) -> None:
    """Take the lock for as long as the session lives. Raises RefusedError naming who holds it."""
    who = _held_by_another(connection, KEY)
    if who is not None:
        raise RefusedError(
            f"another backup or migration of this database is running: {who} holds the lock of deployments", hint=_END
        )


class ProcedureLock:
    """The lock of procedures, held by a session of its own; see `procedure_lock`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rename(self, who: str) -> None:
        """Call the session `who`, for everybody who asks who holds the lock."""
        with translated("naming the session"):
            self._connection.execute("SELECT set_config('application_name', %s, false)", (who,))

    def require_held(self) -> None:
        """Raises ConnectionLostError when the session that held it is gone, and with it the lock."""
        try:
            held = self._connection.execute(
                sqlfiles.load(_FOLDER, "lock-held").statement.encode(), {"key": PROCEDURE_KEY}
            ).fetchone()
        except psycopg.Error:
            held = None
        if held != (True,):
            raise ConnectionLostError(
                "the session that held the lock of procedures is gone, and with it the lock",
                hint="somebody else may have begun meanwhile; run again, which looks at everything anew",
            )


@contextmanager
def procedure_lock(url: str, who: str) -> Iterator[ProcedureLock]:
    """Hold the lock of procedures of the database at `url` during the block, on a connection of its own, which is named `who`
    (see `session_name`) for everybody who asks.

    Raises RefusedError naming who holds it since when, or for a pooler that shares sessions; and what connecting raises.
    """
    given = conninfo.make_conninfo(url, **{**_KEEPALIVES, **parse_url(url)})
    with closing(connect(given, application_name=who)) as connection:
        with translated("taking the lock of procedures"):
            connection.execute("SET search_path = pg_catalog, pg_temp")
            connection.execute("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = ANY (%s)", (_LIMITS,))
        refuse_transaction_pooler(connection, given)
        holder = _held_by_another(connection, PROCEDURE_KEY)
        if holder is not None:
            message = f"another deployment, rollback or migration of this database is going on: {holder} holds its lock"
            raise RefusedError(message, hint=_END)
        yield ProcedureLock(connection)


def session_name(what: str, operator: str, run: str) -> str:
    """What a session of a procedure is called, such as `pointsctl deploy ada@host 01J...`: at most 63 bytes, as servers keep
    them. A long `operator` is cut, the others are not.
    """
    room = _LONGEST_NAME - len(f"{_PREFIX} {what}  {run}".encode())
    shown = plain(operator, 200).encode("ascii", "replace").decode()[: max(room, 0)]
    return " ".join(part for part in (_PREFIX, what, shown, run) if part)


def lock_holder(connection: Connection, key: int) -> str | None:
    """Who holds the lock `key` in this database, as `process 12 (pointsctl deploy ada@host 01J...), since ...`; None when nobody does."""
    with translated("asking who holds a lock"):
        statement = sqlfiles.load(_FOLDER, "lock-holder").statement.encode()
        holder = connection.execute(statement, {"key": key}).fetchone()
    return _told(*holder).rstrip(",") if holder else None


def _held_by_another(connection: Connection, key: int) -> str | None:
    """Who holds the lock `key`; None when it is ours now. The session of a command that has ended a moment ago may still be
    ending, so there is a second look.
    """
    if not _taken(connection, key):
        with translated("waiting for a lock of deployments"):
            connection.execute("SELECT pg_catalog.pg_sleep(%s)", (_ENDING_S,))
        if not _taken(connection, key):
            return lock_holder(connection, key) or "a session that has just ended"
    return None


def _taken(connection: Connection, key: int) -> bool:
    with translated("taking a lock of deployments"):
        (got,) = _one(connection, "SELECT pg_catalog.pg_try_advisory_lock(%s)", (key,))
    return bool(got)


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
