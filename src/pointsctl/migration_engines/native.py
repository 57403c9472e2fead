"""Applies migrations itself: a file, its row in the history and its audit record in one transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from pointsctl.errors import ConnectionLostError, PointsctlError, RefusedError
from pointsctl.ledger.migration_marks import append_alone, applied_seq, committed_statements
from pointsctl.ledger.store import append_within
from pointsctl.migration_engines.interface import Engine, Order, Target
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.checklist import Checklist
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.migration_segments import Segment
from pointsctl.model.pending_migration import AppliedMigration, HistoryRow, PendingMigration
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres import supabase_history
from pointsctl.postgres.blockers import Blocker, MigrationBlockedError
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.deployment_lock import session_name
from pointsctl.postgres.history_row import row_of
from pointsctl.postgres.migrating import FileRun
from pointsctl.postgres.migrating_session import MigratingSession, is_locked, is_lost, pause
from pointsctl.postgres.statement_progress import StatementProgress

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_LEFT = "; an index that it was building may be left invalid, and running again builds it anew"
_UNKNOWN = "when the server is up, see `pointsctl migrate status`; running again completes it, and repeats nothing"
_LOST = "the server ended the session in the middle; run again when it is up"


class Native(Engine):
    """`jitter` gives numbers from 0 to 1, `pause` waits for seconds, `monotonic` counts them."""

    def __init__(
        self,
        *,
        jitter: Callable[[], float] = random.random,
        pause: Callable[[float, Cancellation], object] = pause,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jitter, self._pause, self._monotonic = jitter, pause, monotonic
        self._session: MigratingSession | None = None

    @classmethod
    def open(cls, checklist: Checklist, variables: Mapping[str, str], directory: Path) -> Self:
        """The engine; the checklist's limits come with each target."""
        del checklist, variables, directory
        return cls()

    def close(self) -> None:
        """End the session that applies."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def apply(self, order: Order, target: Target, cancellation: Cancellation, progress: Progress) -> AppliedMigration:
        """Apply one file, again and again while it meets locked tables; see `Engine.apply`.

        1. What is there already is completed. 2. Every part is run, and committed with how far the file came. 3. The last one
        is committed with the history's row and the record. 4. When the session is lost, the database is asked what it has.
        """
        session = self._opened(order, target)
        connection = session.open(cancellation)
        there = _there(connection, order, target.url)
        if there is not None:
            return there
        file = _File(order, target, session, cancellation, progress, self._monotonic, order.pending.parts)
        stage = order.pending.full_name
        progress.begin(stage, Unit.THINGS, len(order.pending.script.statements))
        applied = self._tried(file)
        progress.end(stage)
        return applied

    def _opened(self, order: Order, target: Target) -> MigratingSession:
        if self._session is None or self._session.url != target.url:
            self.close()
            name = session_name("apply", order.draft.applied_by, order.draft.run or "")
            self._session = MigratingSession(target.url, name, target.limits.lock_timeout)
        return self._session

    def _tried(self, file: _File) -> AppliedMigration:
        for tries in range(1, file.target.limits.tries + 1):
            try:
                return file.run(tries)
            except PointsctlError as error:
                if is_lost(error):
                    return file.look_again(error)
                if not is_locked(error):
                    raise file.told(error) from error
                if tries == file.target.limits.tries:
                    raise file.blocked(error) from error
            file.wait(self._pause, min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (tries - 1)) * (0.5 + self._jitter()))
        raise AssertionError("a file is tried at least once")


@dataclass
class _File:
    """One file on its way, through all its tries."""

    order: Order
    target: Target
    session: MigratingSession
    cancellation: Cancellation
    progress: Progress
    monotonic: Callable[[], float]
    parts: tuple[Segment, ...]
    done: int = 0
    begun: bool = False
    rebuilt: list[str] = field(default_factory=list)
    blockers: tuple[Blocker, ...] = ()

    def __post_init__(self) -> None:
        self.began = self.monotonic()
        if len(self.parts) > 1:
            found = _progress_of(self.order, self.target.url)
            self.done, self.begun = found or 0, found is not None

    def run(self, tries: int) -> AppliedMigration:
        """One try, from where the last one came to."""
        connection = self.session.open(self.cancellation)
        name = self.order.pending.full_name
        observer = StatementProgress(self.progress, name)
        run = FileRun(connection, self.target.limits, self.cancellation, self._advance, observer)
        run.done, run.begun, run.rebuilt = self.done, self.begun, self.rebuilt
        watch = self.session.watch
        try:
            with watch.watching(self.session.pid, observer.waits):
                done = run.run(self.parts, lambda opened: self._close(opened, tries))
            self.session.has_history = True
            return done
        finally:
            self.done, self.begun = run.done, run.begun
            self.blockers = watch.blockers or self.blockers

    def _advance(self, connection: Connection, statements: int) -> None:
        draft = self.order.draft
        data = {key: draft.data[key] for key in ("version", "file", "sha256", "tool")}
        kept = replace(draft, kind=Kind.MIGRATION_PROGRESSED, data={**data, "statements": statements})
        append_within(connection, replace(kept, migration_name=None, backup_taken=None))

    def _close(self, connection: Connection, tries: int) -> AppliedMigration:
        pending = self.order.pending
        if not self.session.has_history:
            supabase_history.install(connection)
        supabase_history.insert(connection, _row(pending))
        duration = round((self.monotonic() - self.began) * 1000)
        record = append_within(connection, _draft(self.order, duration, tries))
        count = len(pending.script.statements)
        return AppliedMigration(
            pending.migration, pending.version, count, duration, tries, record.seq, tuple(dict.fromkeys(self.rebuilt))
        )

    def look_again(self, error: PointsctlError) -> AppliedMigration:
        """What came of a file whose session was lost. Raises the error with what is known of it."""
        try:
            connection = self.session.again(self.cancellation)
            there = _there(connection, self.order, self.target.url)
            if len(self.parts) > 1:
                self.done = _progress_of(self.order, self.target.url) or 0
        except PointsctlError as second:
            name = self.order.pending.migration.name
            message = f"{name}: {error.message}; whether it was applied is not known: {second.message}"
            raise ConnectionLostError(message, hint=_UNKNOWN) from error
        if there is not None:
            return there
        raise ConnectionLostError(self.told(error).message, hint=_LOST) from error

    def told(self, error: PointsctlError) -> PointsctlError:
        """The error with what of the file is applied."""
        error.message = f"{self.order.pending.migration.name}: {error.message}; {self._so_far()}"
        return error

    def blocked(self, error: PointsctlError) -> PointsctlError:
        """The error when every try met locked tables."""
        limits = self.target.limits
        by = "; ".join(str(one) for one in self.blockers) or "whoever it was had gone before they could be seen"
        message = f"{self.order.pending.migration.name}: blocked in {limits.tries} tries: {by}; {self._so_far()}"
        hint = "have that session end its transaction, or apply at a quieter time; then run again"
        return MigrationBlockedError(f"{message} ({error.message})", hint=hint)

    def wait(self, pause: Callable[[float, Cancellation], object], seconds: float) -> None:
        """Wait before the next try, and say why."""
        by = str(self.blockers[0]) if self.blockers else "a locked table"
        self.progress.move(self.order.pending.full_name, self.done, f"waits for {by}")
        pause(seconds, self.cancellation)
        stop_if_over(self.cancellation, "the migration")

    def _so_far(self) -> str:
        if self.done == 0:
            return f"nothing of this file is applied{_LEFT if self.begun else ''}"
        count = len(self.order.pending.script.statements)
        return f"its first {self.done} of {count} statements are committed, the others are not; running again goes on there"


def _draft(order: Order, duration_ms: int, tries: int) -> Draft:
    return replace(order.draft, data={**order.draft.data, "duration_ms": duration_ms, "tries": tries})


def _row(pending: PendingMigration) -> HistoryRow:
    return HistoryRow(pending.version, pending.name, tuple(one.text for one in pending.script.statements))


def _there(connection: Connection, order: Order, url: str) -> AppliedMigration | None:
    """What an earlier run has done whose end nobody heard. Raises RefusedError when the version was applied with other content."""
    pending = order.pending
    row = row_of(connection, pending.version)
    if row is None:
        return None
    if row.statements is not None and row.statements != _row(pending).statements:
        message = f"{pending.migration.name} was applied with other content"
        raise RefusedError(message, hint="see the difference with `pointsctl migrate status --diff`")
    known = applied_seq(url, pending.version, pending.migration.sha256)
    return AppliedMigration(
        pending.migration,
        pending.version,
        len(pending.script.statements),
        duration_ms=0,
        tries=0,
        record=append_alone(connection, _draft(order, 0, 0)) if known is None else known,
    )


def _progress_of(order: Order, url: str) -> int | None:
    return committed_statements(url, order.pending.version, order.pending.migration.sha256)
