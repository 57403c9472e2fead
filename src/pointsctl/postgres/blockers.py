"""Whom a migration waits for, told while it waits; and what is open in a database before one begins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pointsctl.errors import PermissionMissingError, PointsctlError, RefusedError, TookTooLongError
from pointsctl.model.canonical import utc_text
from pointsctl.model.duration import format_duration
from pointsctl.model.escape import plain
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import translated

_FOLDER = "migration"
_LONGEST_LOOK_S = 0.25
_SECOND_LOOK_S = 1.0


class MigrationBlockedError(TookTooLongError):
    """Tables stayed locked through every try."""

    code = "migration-blocked"


@dataclass(frozen=True)
class Blocker:
    """A session that another one waits for; what it runs is left out, since it may hold values."""

    pid: int
    application: str
    role: str | None
    state: str
    since: datetime | None

    def __str__(self) -> str:
        who = ", ".join(
            plain(part, 80) for part in (self.application, self.role and f"role {self.role}", self.state) if part
        )
        since = f", open since {utc_text(self.since)}" if self.since else ""
        return f"process {self.pid}{f' ({who})' if who else ''}{since}"


Told = Callable[[tuple[Blocker, ...]], object]


class BlockWatch:
    """Looks from a connection of its own whom a session waits for; `blockers` are those seen last in the block."""

    def __init__(self, url: str, lock_timeout: timedelta) -> None:
        self._url = url
        self._every_s = min(_LONGEST_LOOK_S, lock_timeout.total_seconds() / 4)
        self._over = threading.Event()
        self._watched: tuple[int, Told] | None = None
        self._watcher: threading.Thread | None = None
        self.blockers: tuple[Blocker, ...] = ()

    @contextmanager
    def watching(self, pid: int, told: Told) -> Iterator[None]:
        """While the block runs, `told` hears whom the session `pid` waits for, whenever these are others than before.

        Work that ends at once is not looked at; that somebody cannot be asked ends nothing.
        """
        self.blockers = ()
        self._watched = (pid, told)
        if self._watcher is None or not self._watcher.is_alive():
            self._watcher = threading.Thread(target=self._watch, daemon=True, name="blockers")
            self._watcher.start()
        try:
            yield
        finally:
            self._watched = None

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self) -> None:
        seen: tuple[int, Told] | None = None
        connection: Connection | None = None
        try:
            while not self._over.wait(self._every_s):
                watched = self._watched
                # Only what was going on at the look before as well: most files end before anybody waits.
                if watched is not None and watched is seen:
                    connection = connection or connect(self._url, application_name="pointsctl watch")
                    self._look(connection, *watched)
                seen = watched
        except PointsctlError:
            return  # the migration's own connection says what is wrong with the server
        finally:
            if connection is not None:
                connection.close()

    def _look(self, connection: Connection, pid: int, told: Told) -> None:
        found = blockers_of(connection, pid)
        if found and found != self.blockers:
            self.blockers = found
            told(found)


def blockers_of(connection: Connection, pid: int) -> tuple[Blocker, ...]:
    """Whom the session `pid` waits for now, the longest open first. Raises CouldNotLookError."""
    return tuple(Blocker(*row) for row in _rows(connection, "blockers", {"pid": pid}))


def refuse_open_work(connection: Connection, longest: timedelta) -> None:
    """Raises RefusedError when a transaction has been open in this database for `longest` or more, or one is prepared, and
    PermissionMissingError when sessions hold tables locked and the role may not see since when.
    """
    for pid, application, role, state, since, gid in _rows(
        connection, "in-the-way", {"seconds": longest.total_seconds()}
    ):
        if gid is not None:
            message = f"the transaction {plain(gid, 80)!r} of {plain(role, 80)} is prepared since {utc_text(since)}"
            raise RefusedError(message, hint="have it committed or rolled back (COMMIT PREPARED), then run again")
        raise RefusedError(
            f"a transaction is open for more than {format_duration(longest)}: {Blocker(pid, application, role, state, since)}",
            hint=f"have it ended, or run SELECT pg_terminate_backend({pid}), then run again",
        )
    _refuse_hidden(connection)


def _refuse_hidden(connection: Connection) -> None:
    found = set(_rows(connection, "hidden-transactions"))
    if found:
        with translated("waiting for a transaction's end"):
            connection.execute("SELECT pg_catalog.pg_sleep(%s)", (_SECOND_LOOK_S,))
        found &= set(_rows(connection, "hidden-transactions"))
    if found:
        pid = min(found)[0]
        raise PermissionMissingError(
            f"process {pid} holds tables locked, and the role may not see since when",
            hint="GRANT pg_read_all_stats to the role, or have that session ended, then run again",
        )


def _rows(connection: Connection, name: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with translated("looking for what is in the way"):
        return connection.execute(sqlfiles.load(_FOLDER, name).statement.encode(), values).fetchall()
