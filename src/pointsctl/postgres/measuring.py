"""Measures what each statement of a migration costs on a copy: time, rows, locks, files written anew, log and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from pointsctl.model.lock_modes import blocks, decisive
from pointsctl.model.migration_segments import Step
from pointsctl.model.rehearsal import MeasuredStatement
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import translated
from pointsctl.postgres.lock_sampling import LockSampling
from pointsctl.postgres.relation_look import Look, aside, look, look_again, written
from pointsctl.postgres.statement_cost import Cost, Taken, held_lock, locks_of_tables, sampled_locks, shown_table

MEASURING_SETTINGS: Mapping[str, str] = {"wal_level": "replica", "full_page_writes": "on"}
"""What a private server needs so that it writes as much log as a real one; with less, what fills a new table is not logged."""

_APPLICATION = "pointsctl measuring"
_WHAT = "measuring a statement"
_ITS_SIGHT = frozenset({"SET", "SET ROLE", "SHOW"})
"""Statements after which nothing is asked: SET TRANSACTION must come before whatever is."""


@dataclass(frozen=True)
class _Measured:
    statement: MeasuredStatement
    taken: tuple[Taken, ...]

    def until(self, end: float) -> MeasuredStatement:
        """The statement with how long its locks were held, if they were held to the moment `end`."""
        held = tuple(held_lock(one, end - one.since) for one in self.taken)
        return self.statement.model_copy(update={"locks": (*self.statement.locks, *held)})


class Measuring:
    """A `migrating.StatementObserver` of one try at one file, on a copy that nobody else changes.

    `url` leads to the copy; `clock` gives seconds that only grow. `after_each` is told the number of statements done and
    what the last one is. Times are those of the copy, whose server does not wait for disks: a real one takes longer. What is
    asked between statements is left out of them. `rows` are those of the server's own answer; the log counts everybody's
    writes, those of synthetic clients too; the size is of the tables and indexes that are there afterwards.
    A lock counts from the beginning of its statement to the end of the transaction; on what the transaction itself has made
    it keeps nobody waiting. Of several locks on a table those are told that keep somebody else waiting than those before.
    """

    def __init__(
        self, url: str, clock: Callable[[], float], after_each: Callable[[int, str], object] = lambda *_: None
    ) -> None:
        self._url, self._clock, self._after_each = url, clock, after_each
        self._beside: Connection | None = None
        self._sampling: LockSampling | None = None
        self._committed: list[MeasuredStatement] = []
        self._open: list[_Measured] = []
        self._before: Look | None = None
        self._start: Look | None = None
        self._looked = self._began = 0.0
        self._wal = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def statements(self) -> tuple[MeasuredStatement, ...]:
        """What was measured; locks of a transaction that did not come to its end are counted up to now."""
        now = self._now()
        return (*self._committed, *(one.until(now) for one in self._open))

    def close(self) -> None:
        """End the connection that looks."""
        sampling, self._sampling = self._sampling, None
        try:
            if sampling is not None:
                sampling.end()
        finally:
            if self._beside is not None:
                self._beside.close()
                self._beside = None

    def before(self, connection: Connection, step: Step, *, alone: bool) -> None:
        """Look how it is, and start the clock. Raises pointsctl's errors."""
        del step
        asked = self._clock()
        pid = connection.info.backend_pid
        with translated(_WHAT):
            beside = self._connected()
            if self._before is None:
                self._before = self._start = look(beside, pid)
            self._wal = written(beside)
        self._looked += self._clock() - asked
        self._began = self._now()
        if alone:
            self._sampling = LockSampling(beside, pid, self._now).begin()

    def after(self, connection: Connection, step: Step, rows: int | None) -> None:
        """Stop the clock, and look what has changed. Raises pointsctl's errors."""
        took = self._now() - self._began
        asked = self._clock()
        sampling, self._sampling = self._sampling, None
        sampled = sampling.end() if sampling else None
        before = self._seen_before()
        with translated(_WHAT):
            wal = written(self._connected()) - self._wal
            now = self._look(connection, step, before, alone=sampling is not None)
        cost = Cost(step, took, rows, max(0, wal), before, now)
        if sampled is None:
            self._open.append(_Measured(cost.measured(), self._taken(before, now)))
        else:
            self._committed.append(cost.measured(sampled_locks(sampled, cost)))
        self._before = now
        self._looked += self._clock() - asked
        self._after_each(len(self._committed) + len(self._open), step.kind.words)

    def ending(self, connection: Connection) -> None:
        """The transaction ends: its locks were held up to now."""
        del connection
        self._committed, self._open = list(self.statements), []
        self._before = self._start = None

    def _taken(self, before: Look, now: Look) -> tuple[Taken, ...]:
        start = self._start or before
        shared = dict[int, set[str]]()
        for oid, mode in locks_of_tables(now.locks - before.locks, before, now, start):
            shared.setdefault(oid, set()).add(mode)
        held = dict[int, set[str]]()
        for oid, mode in locks_of_tables(before.locks, before, now, start):
            held.setdefault(oid, set()).add(mode)
        found = [
            Taken(
                shown_table(oid, before, now), mode, blocks(mode) if oid in start.relations else "nobody", self._began
            )
            for oid, modes in shared.items()
            for mode in decisive(modes, held.get(oid, ()))
        ]
        return tuple(sorted(found, key=lambda one: (one.table, one.mode)))

    def _look(self, connection: Connection, step: Step, before: Look, *, alone: bool) -> Look:
        pid = connection.info.backend_pid
        if alone:
            return look(self._connected(), pid)
        if step.kind.words in _ITS_SIGHT:
            return before
        with aside(connection):
            return look_again(connection, pid, before)

    def _seen_before(self) -> Look:
        if self._before is None:
            raise AssertionError("a statement begins before it ends")
        return self._before

    def _connected(self) -> Connection:
        if self._beside is None:
            self._beside = connect(self._url, application_name=_APPLICATION)
            self._beside.execute("SET search_path = pg_catalog, pg_temp")
        return self._beside

    def _now(self) -> float:
        """Seconds without those in which it was looked."""
        return self._clock() - self._looked
