"""Tells whoever watches at which statement a migration is, and whom it waits for."""

from __future__ import annotations

from pointsctl.model.migration_segments import Step
from pointsctl.model.progress import Progress
from pointsctl.postgres.blockers import Blocker
from pointsctl.postgres.connection import Connection


class StatementProgress:
    """Observes the statements of the file that is the progress's stage `stage`."""

    def __init__(self, progress: Progress, stage: str) -> None:
        self._progress = progress
        self._stage = stage
        self._done = 0

    def before(self, connection: Connection, step: Step, *, alone: bool) -> None:
        """Show the statement that is sent next."""
        del connection, alone
        self._done = step.index
        self._progress.move(self._stage, step.index, f"line {step.statement.line}: {step.kind.words}")

    def after(self, connection: Connection, step: Step, rows: int | None) -> None:
        """Count it."""
        del connection, rows
        self._done = step.index + 1
        self._progress.move(self._stage, self._done, "")

    def ending(self, connection: Connection) -> None:
        """Show that it is committed next."""
        del connection
        self._progress.move(self._stage, self._done, "commit")

    def waits(self, blockers: tuple[Blocker, ...]) -> None:
        """Show whom it waits for."""
        self._progress.move(self._stage, self._done, f"waits for {blockers[0]}")
