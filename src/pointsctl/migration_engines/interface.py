"""What an engine is: a way to apply one migration file with its row in the history, and its audit record exactly once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.checklist import Checklist
from pointsctl.model.ledger import Draft
from pointsctl.model.migration_segments import obstacles
from pointsctl.model.pending_migration import AppliedMigration, Limits, PendingMigration
from pointsctl.model.progress import Progress

_SHOWN = 5


@dataclass(frozen=True)
class Target:
    """The database to migrate; `url` may hold a password. The caller has compared its identity, and holds its locks."""

    url: str = field(repr=False)
    limits: Limits


@dataclass(frozen=True)
class Order:
    """One migration to apply, and the audit record that is written with it (`migration.applied`).

    An engine that can stores the record in the transaction that makes the history's row; `draft.data` lacks only
    `duration_ms` and `tries`, which the engine adds.
    """

    pending: PendingMigration
    draft: Draft


class Engine(ABC):
    """Base of every engine."""

    @classmethod
    @abstractmethod
    def open(cls, checklist: Checklist, variables: Mapping[str, str], directory: Path) -> Self:
        """The engine as the checklist in `directory` configures it. `variables` is the process environment, of which PATH
        and what the engine documents are used.
        """

    def refuse(self, pending: Sequence[PendingMigration], target: Target) -> None:
        """Raises RefusedError (naming file and line) for what cannot be applied, before anything is changed.

        Here: files whose statements cannot be sent one after the other. An engine that cannot apply more than these adds to it.
        """
        del target
        for one in pending:
            found = obstacles(one.script)
            if found:
                told = [f"line {each.line}: {each.why}" for each in found[:_SHOWN]]
                message = f"{one.migration.name} cannot be applied: {'; '.join(told)}"
                raise RefusedError(message, hint=found[0].hint)

    @abstractmethod
    def apply(self, order: Order, target: Target, cancellation: Cancellation, progress: Progress) -> AppliedMigration:
        """Apply one migration. What is there already (after a kill) is completed, never repeated.

        When it raises, the error's message says what of the file is applied, and its hint what to do.
        """

    def close(self) -> None:
        """End what is kept open between two files; nothing by default."""
        return
