"""A procedure: steps that look before they act, and what the ledger's records say of how far one came. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pointsctl.model.ledger import Kind, Record

PROCEDURE_KINDS = frozenset(
    str(kind)
    for kind in (
        Kind.PROCEDURE_STARTED,
        Kind.PROCEDURE_FINISHED,
        Kind.STEP_STARTED,
        Kind.STEP_FINISHED,
        Kind.STEP_FAILED,
    )
)


class StepState(StrEnum):
    """How far a step came; ids that scripts may rely on."""

    NOT_STARTED = "not-started"
    STARTED = "started"  # nobody recorded its end: it may have been done, in part or whole
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True)
class StepDefinition:
    """A step of a procedure. `undo` says in a sentence what undoing it means; `timeout` bounds one attempt."""

    id: str
    title: str
    timeout: timedelta
    undo: str


@dataclass(frozen=True)
class Seen:
    """What a look at the world showed: whether the step's work is there, in a sentence, with evidence (JSON)."""

    done: bool
    summary: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedStep:
    """A step as the ledger has it; `attempts` counts how often it was started."""

    id: str
    state: StepState
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    summary: str = ""


@dataclass(frozen=True)
class RecordedProcedure:
    """A procedure (`deploy`, `rollback`) as the ledger has it. `run` is its id; `plan` the digest of what it deploys."""

    run: str
    procedure: str
    plan: str | None
    operator: str
    started_at: datetime
    steps: Mapping[str, RecordedStep]
    finished_at: datetime | None = None
    objection: str = ""

    @property
    def open(self) -> bool:
        """Whether it was begun and not brought to its end."""
        return self.finished_at is None and not self.objection


def fold_procedures(records: Sequence[Record]) -> tuple[RecordedProcedure, ...]:
    """The procedures of the ledger's records (of PROCEDURE_KINDS), oldest first."""
    if records:
        raise NotImplementedError
    return ()
