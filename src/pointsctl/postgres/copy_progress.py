"""Tells how far COPY is in a database, by asking the server about it from a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from pointsctl.errors import PointsctlError
from pointsctl.model.progress import Progress, Unit
from pointsctl.postgres.connection import connect
from pointsctl.postgres.relations import Relation, query
from pointsctl.postgres.snapshot import APPLICATION_NAME

_EVERY_S = 0.5


@contextmanager
def copies_watched(
    url: str, tables: Sequence[Relation], progress: Progress, stage: str, command: str = "COPY TO"
) -> Iterator[None]:
    """While the block runs, `progress` is told of the stage in bytes; where the server does not show it, only its beginning.

    `command` is `COPY TO` for a dump and `COPY FROM` for a restore of `tables`.
    """
    total = sum(one.bytes for one in tables)
    progress.begin(stage, Unit.BYTES, total)
    over = threading.Event()
    look = _Look({one.oid: one for one in tables}, progress, stage, command)
    thread = threading.Thread(target=look.repeat, args=(url, over), daemon=True, name="copy-progress")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    # Looks come now and then, and the last one was before the end: what they saw is not what was done.
    progress.move(stage, total)
    progress.end(stage)


@dataclass(frozen=True)
class _Look:
    tables: Mapping[int, Relation]
    progress: Progress
    stage: str
    command: str
    seen: dict[int, int] = field(default_factory=dict)

    def repeat(self, url: str, over: threading.Event) -> None:
        # Nobody may miss a backup because nobody could watch it.
        with suppress(psycopg.Error, PointsctlError), connect(url, application_name=APPLICATION_NAME) as connection:
            while not over.wait(_EVERY_S):
                self.tell(dict(query(connection, "running-copies", {"command": self.command})))

    def tell(self, running: Mapping[int, int]) -> None:
        for oid in {*self.seen, *running} & self.tables.keys():
            # A table's text is not as long as its pages: what is not copied any more counts as a whole.
            size = self.tables[oid].bytes
            self.seen[oid] = min(running.get(oid, size), size)
        names = sorted(self.tables[oid].shown for oid in running if oid in self.tables)
        self.progress.move(self.stage, sum(self.seen.values()), ", ".join(names))
