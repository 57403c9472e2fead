"""Takes the fingerprints of a database in a snapshot: of a source while it is dumped, of a copy when it is restored."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import LeftOut
from pointsctl.model.fingerprint import (
    Fingerprints,
    LargeObjects,
    TableFingerprint,
    shown_name,
)
from pointsctl.model.progress import Progress, Unit
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.relations import query
from pointsctl.postgres.row_hash import Piece, Table, by_size, statement
from pointsctl.postgres.snapshot import HeldSnapshot, held_snapshot
from pointsctl.postgres.survey import Survey, survey_copy

STAGE = "fingerprints"
_MAJOR = 10_000


def fingerprints_of_copy(
    url: str, left_out: LeftOut, jobs: int, cancellation: Cancellation, progress: Progress
) -> Fingerprints:
    """The fingerprints of a database that nobody else uses, with `jobs` connections. Raises pointsctl's errors."""
    with held_snapshot(url, cancellation, deploying=False) as snapshot:
        survey = survey_copy(snapshot, left_out, cancellation)
        return take_fingerprints(snapshot, survey, jobs, cancellation, progress)


def take_fingerprints(
    snapshot: HeldSnapshot, survey: Survey, jobs: int, cancellation: Cancellation, progress: Progress
) -> Fingerprints:
    """Read every row of what `survey` names, with `jobs` connections in the snapshot at the same time.

    `survey` was made in the same snapshot, for a source before the dump began. Raises pointsctl's errors;
    ConnectionLostError when the snapshot did not last until the end.
    """
    work = _Work(survey.tables, progress)
    with ThreadPoolExecutor(jobs, thread_name_prefix=STAGE) as pool:
        # First, and in one thread of the same few: they cannot be shared out.
        large_objects = pool.submit(_read_large_objects, snapshot, work, cancellation)
        running = [pool.submit(_read_pieces, snapshot, work, cancellation) for _ in range(jobs)]
        for one in running:
            one.result()
        found = large_objects.result()
    snapshot.still_held()
    progress.end(STAGE, f"{sum(work.rows.values()):,} rows")
    return Fingerprints(
        server_major=snapshot.identity.server_version // _MAJOR,
        tables=tuple(_table(work, table) for table in survey.tables),
        sequences=tuple(
            one.model_copy(update={"data_end": work.ends.get(key)})
            for key, one in zip(survey.keys, survey.sequences, strict=True)
        ),
        materialized_views=survey.views,
        large_objects=found,
        left_out=survey.left_out,
    )


@dataclass
class _Work:
    """What is to do, shared by the threads, and what came out: rows, digests and ends, added up over the pieces."""

    tables: Sequence[Table]
    progress: Progress
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    digests: dict[tuple[str, str], int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    failed: bool = False
    done_bytes: float = 0

    def __post_init__(self) -> None:
        self._left = deque(by_size(self.tables))
        self._gate = threading.Lock()
        self.progress.begin(STAGE, Unit.BYTES, sum(table.bytes for table in self.tables))

    def next(self) -> Piece | None:
        """A piece that nobody has taken; None when there is none, or when another thread has failed."""
        with suppress(IndexError):
            return None if self.failed else self._left.popleft()
        return None

    def add(self, piece: Piece, found: tuple[int, str, *tuple[int | None, ...]]) -> None:
        """What `row_hash.statement` gave for the piece."""
        table = piece.table
        rows, digest, *ends = found
        with self._gate:
            key = (table.in_schema, table.name)
            self.rows[key] = self.rows.get(key, 0) + rows
            self.digests[key] = self.digests.get(key, 0) + int(digest)
            for end, value in zip(table.ends, ends, strict=True):
                known = [one for one in (self.ends.get(end.sequence), value) if one is not None]
                if known:
                    self.ends[end.sequence] = max(known) if end.rising else min(known)
            self.done_bytes += table.bytes * piece.share
            self.progress.move(STAGE, round(self.done_bytes), shown_name(*key))


def _read_pieces(snapshot: HeldSnapshot, work: _Work, cancellation: Cancellation) -> None:
    try:
        with snapshot.reader(cancellation) as connection:
            while (piece := work.next()) is not None:
                [row] = connection.execute(statement(piece)).fetchall()
                work.add(piece, row)
    except BaseException:
        work.failed = True
        raise


def _read_large_objects(snapshot: HeldSnapshot, work: _Work, cancellation: Cancellation) -> LargeObjects:
    try:
        with snapshot.reader(cancellation) as connection:
            return _large_objects(connection, work)
    except BaseException:
        work.failed = True
        raise


def _large_objects(connection: Connection, work: _Work) -> LargeObjects:
    count = size = content = access = after = 0
    while not work.failed:
        [(last, found, bytes_, content_, access_)] = query(connection, "large-objects", {"after": after})
        if not found:
            break
        count, size, after = count + found, size + bytes_, last
        content, access = content + int(content_), access + int(access_)
    return LargeObjects(count=count, bytes=size, content=str(content), access=str(access))


def _table(work: _Work, table: Table) -> TableFingerprint:
    key = (table.in_schema, table.name)
    return TableFingerprint(in_schema=key[0], name=key[1], rows=work.rows[key], digest=str(work.digests[key]))
