"""Watches a restore from a connection of its own, and tells how many rows it has copied and what it is at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pointsctl.errors import PointsctlError
from pointsctl.model.escape import plain
from pointsctl.model.progress import Progress
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection, connect

_INTERVAL_S = 0.5
_LONGEST_DETAIL = 120


@contextmanager
def watched(url: str, stage: str, progress: Progress) -> Iterator[None]:
    """Tell `progress` during the block how the restore into the database of `url` moves; the stage has begun already."""
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(url, stage, progress, done), name="restore progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


class CopiedRows:
    """Adds up rows over all tables, of which the server shows only those that are being copied at the moment."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], int] = {}

    def add(self, session: int, table: int, rows: int) -> None:
        """A session has copied so many rows into a table by now."""
        self._seen[session, table] = max(rows, self._seen.get((session, table), 0))

    @property
    def total(self) -> int:
        """Rows seen so far; never fewer than before."""
        return sum(self._seen.values())


def _watch(url: str, stage: str, progress: Progress, done: threading.Event) -> None:
    # Without this connection there is nothing to tell; whether the restore itself can connect, it says.
    try:
        with connect(url, application_name="pointsctl progress") as connection:
            copied = CopiedRows()
            while not done.wait(_INTERVAL_S):
                _tell(connection, copied, stage, progress)
    except (psycopg.Error, PointsctlError):
        return


def _tell(connection: Connection, copied: CopiedRows, stage: str, progress: Progress) -> None:
    rows = connection.execute(sqlfiles.load("backup", "restore-progress").statement.encode(), {}).fetchall()
    for session, table, _, tuples in rows:
        copied.add(session, table, tuples)
    detail = ", ".join(sorted({what for _, _, what, _ in rows}))
    progress.move(stage, copied.total, plain(detail, _LONGEST_DETAIL))
