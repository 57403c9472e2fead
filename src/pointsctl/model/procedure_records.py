"""What the ledger records of a procedure: that it begins, each step's beginning and end, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.plan import Migration

Short = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Sentence = Annotated[str, StringConstraints(max_length=2000)]
Attempt = Annotated[int, pydantic.Field(strict=True, ge=0)]
Flag = Annotated[bool, pydantic.Field(strict=True)]


class Ending(StrEnum):
    """How a procedure ended; ids that scripts may rely on."""

    DONE = "done"
    ABANDONED = "abandoned"


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    procedure: Short


class StartedProcedure(_Strict):
    """`data` of `procedure.started`: the ids of its steps in their order, and the migrations that it sets out to apply."""

    steps: tuple[Short, ...] = pydantic.Field(min_length=1)
    pending: tuple[Migration, ...]
    tool: Short


class StepData(_Strict):
    """What the records of a step have in common. `attempt` counts from 1; 0 for what was there before anybody tried."""

    step: Short
    attempt: Attempt
    summary: Sentence


class StartedStep(StepData):
    """`data` of `step.started`: what was seen before."""


class FinishedStep(StepData):
    """`data` of `step.finished`: what was seen afterwards; `skipped` when the step does not apply, and `summary` says why."""

    skipped: Flag
    evidence: dict[str, Any]


class FailedStep(StepData):
    """`data` of `step.failed`: `code` is the error's, `summary` its message."""

    code: Short


class FinishedProcedure(_Strict):
    """`data` of `procedure.finished`; `share` is the part of the users, in percent, who had the new features then."""

    ending: Ending
    summary: Sentence
    share: Annotated[float, pydantic.Field(ge=0, le=100)] | None


ProcedureData = StartedProcedure | StartedStep | FinishedStep | FailedStep | FinishedProcedure

_READ: Mapping[str, type[ProcedureData]] = {
    Kind.PROCEDURE_STARTED: StartedProcedure,
    Kind.PROCEDURE_FINISHED: FinishedProcedure,
    Kind.STEP_STARTED: StartedStep,
    Kind.STEP_FINISHED: FinishedStep,
    Kind.STEP_FAILED: FailedStep,
}
_KINDS: Mapping[type[ProcedureData], Kind] = {data: Kind(kind) for kind, data in _READ.items()}


def read_procedure_record(record: Record) -> ProcedureData:
    """What the record says. Raises pydantic's ValidationError, KeyError for a record of another kind."""
    return _READ[record.kind].model_validate(record.data)


def draft_of(data: ProcedureData, environment: str, operator: str, run: str, plan: str | None) -> Draft:
    """The record to append."""
    note = data.summary if isinstance(data, FinishedProcedure) else None
    return Draft(
        _KINDS[type(data)], environment, operator, data.model_dump(mode="json"), plan=plan, run=run, notes=note
    )
