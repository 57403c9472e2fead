"""A procedure: steps that look before they act, and what the ledger's records say of how far one came. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pydantic

from pointsctl.model.escape import plain
from pointsctl.model.ledger import Kind, Record
from pointsctl.model.plan import Migration
from pointsctl.model.procedure_records import (
    Ending,
    FailedStep,
    FinishedProcedure,
    FinishedStep,
    StartedProcedure,
    StartedStep,
    StepData,
    read_procedure_record,
)

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
    """How a step stands; ids that scripts may rely on."""

    NOT_STARTED = "not-started"
    STARTED = "started"  # nobody recorded its end: it may have been done, in part or whole
    FINISHED = "finished"
    SKIPPED = "skipped"  # it does not apply, and the record says why
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
    state: StepState = StepState.NOT_STARTED
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    summary: str = ""

    @property
    def over(self) -> bool:
        """Whether it is done, or does not apply."""
        return self.state in (StepState.FINISHED, StepState.SKIPPED)


@dataclass(frozen=True)
class RecordedProcedure:
    """A procedure (`deploy`, `rollback`) as the ledger has it. `run` is its id; `plan` the digest of what it deploys; `pending`
    are the migrations that it set out to apply. `abandoned` says why somebody gave it up (empty when nobody did). `seq` is the
    place of its first record in the ledger, 0 before there is one.

    `objection` says why its records cannot be believed (empty when they can): it is never gone on with.
    """

    run: str
    procedure: str
    plan: str | None
    operator: str
    started_at: datetime
    steps: Mapping[str, RecordedStep]
    finished_at: datetime | None = None
    objection: str = ""
    pending: tuple[Migration, ...] = ()
    abandoned: str = ""
    seq: int = 0

    @property
    def open(self) -> bool:
        """Whether it was begun and not brought to its end. One that cannot be believed is open until it is abandoned."""
        return self.finished_at is None

    @property
    def at(self) -> RecordedStep | None:
        """The step that it stopped at: the first that is neither done nor skipped."""
        return next((one for one in self.steps.values() if not one.over), None)


def fold_procedures(records: Sequence[Record]) -> tuple[RecordedProcedure, ...]:
    """The procedures of the ledger's records (of PROCEDURE_KINDS), oldest first.

    Closed by default: a record that cannot be read, or that does not follow from those before it, is an objection to its
    procedure. Records that name no procedure say nothing about any, and are left out.
    """
    found: dict[str, RecordedProcedure] = {}
    for record in records:
        if record.run:
            found[record.run] = follow(found.get(record.run), record)
    return tuple(found.values())


def open_procedure(procedures: Sequence[RecordedProcedure]) -> RecordedProcedure | None:
    """The newest procedure that is open."""
    return next((one for one in reversed(procedures) if one.open), None)


def follow(known: RecordedProcedure | None, record: Record) -> RecordedProcedure:
    """The procedure `known` (None before its first record) after one record more of the same run."""
    try:
        data = read_procedure_record(record)
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        return _objected(known, record, f"{plain(where, 60)} is not as expected")
    except KeyError:
        return _objected(known, record, "it is of an unknown kind")
    if isinstance(data, StartedProcedure):
        return _objected(known, record, "it begins a second time") if known else _begun(record, data)
    if known is None:
        return _objected(None, record, "nothing has begun it")
    if known.finished_at is not None:
        return _objected(known, record, "it had ended before")
    if isinstance(data, FinishedProcedure):
        return _ended(known, record, data)
    if known.procedure != data.procedure or known.plan != record.plan:
        return _objected(known, record, "it is of another procedure or plan")
    if data.step not in known.steps:
        return _objected(known, record, f"it has no step {plain(data.step, 60)!r}")
    return replace(known, steps={**known.steps, data.step: _step(known.steps[data.step], record, data)})


def _begun(record: Record, data: StartedProcedure) -> RecordedProcedure:
    return RecordedProcedure(
        run=record.run or "",
        procedure=data.procedure,
        plan=record.plan,
        operator=record.applied_by,
        started_at=record.recorded_at,
        steps={one: RecordedStep(one) for one in data.steps},
        pending=data.pending,
        seq=record.seq,
    )


def _ended(known: RecordedProcedure, record: Record, data: FinishedProcedure) -> RecordedProcedure:
    ended = replace(known, finished_at=record.recorded_at)
    if data.procedure != known.procedure:
        return _objected(ended, record, "it is of another procedure")
    if data.ending is Ending.ABANDONED:
        return replace(ended, abandoned=data.summary)
    if known.at is not None:
        return _objected(ended, record, f"the step {known.at.id!r} was not done")
    return ended


def _step(known: RecordedStep, record: Record, data: StepData) -> RecordedStep:
    if isinstance(data, StartedStep):
        began = replace(known, state=StepState.STARTED, attempts=known.attempts + 1, started_at=record.recorded_at)
        return replace(began, ended_at=None, summary="")
    state = StepState.FAILED if isinstance(data, FailedStep) else StepState.FINISHED
    if isinstance(data, FinishedStep) and data.skipped:
        state = StepState.SKIPPED
    return replace(known, state=state, ended_at=record.recorded_at, summary=data.summary)


def _objected(known: RecordedProcedure | None, record: Record, why: str) -> RecordedProcedure:
    objection = f"record {record.seq} ({record.kind}): {why}"
    if known is None:
        ended = record.recorded_at if record.kind == Kind.PROCEDURE_FINISHED else None
        known = RecordedProcedure(record.run or "", "", record.plan, record.applied_by, record.recorded_at, {}, ended)
    elif record.kind == Kind.PROCEDURE_FINISHED and known.finished_at is None:
        known = replace(known, finished_at=record.recorded_at)
    return known if known.objection else replace(known, objection=objection)
