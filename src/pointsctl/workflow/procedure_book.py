"""Writes down a procedure in the ledger, and keeps what the ledger says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointsctl.model.configuration import Environment
from pointsctl.model.procedure import RecordedProcedure, RecordedStep, follow
from pointsctl.model.procedure_records import (
    Ending,
    FailedStep,
    FinishedProcedure,
    FinishedStep,
    ProcedureData,
    StartedProcedure,
    StartedStep,
    draft_of,
)
from pointsctl.workflow.open_ledger import open_ledger


@dataclass(frozen=True)
class Author:
    """Who writes: the environment, the operator as the machine names them, the version of pointsctl."""

    name: str
    environment: Environment
    operator: str
    tool: str


class ProcedureBook:
    """The records of one run. Before `begin` nothing is written: a procedure whose gate is closed has never begun.

    `recorded` is what the ledger says of it; the ledger is opened for every record, since hours may lie between two.
    """

    def __init__(self, author: Author, recorded: RecordedProcedure, *, begun: bool) -> None:
        self._author = author
        self._recorded = recorded
        self._waiting: list[ProcedureData] = []
        self.begun = begun

    @property
    def procedure(self) -> str:
        """The procedure's name."""
        return self._recorded.procedure

    @property
    def run(self) -> str:
        """The id of this procedure, also after it was resumed."""
        return self._recorded.run

    @property
    def recorded(self) -> RecordedProcedure:
        """What the ledger says of it so far."""
        return self._recorded

    @property
    def steps(self) -> Mapping[str, RecordedStep]:
        """What the ledger says of its steps so far."""
        return self._recorded.steps

    def begin(self) -> None:
        """Record that it begins, with everything that waited for it, unless that was done. Raises what appending raises."""
        if self.begun:
            return
        known = self._recorded
        started = StartedProcedure(
            procedure=known.procedure, steps=tuple(known.steps), pending=known.pending, tool=self._author.tool
        )
        self._append([started, *self._waiting])
        self._waiting.clear()

    def step(self, data: StartedStep | FinishedStep | FailedStep) -> None:
        """Record what became of a step, or keep it until the procedure begins."""
        if self.begun:
            self._append([data])
        else:
            self._waiting.append(data)

    def finish(self, ending: Ending, summary: str, share: float | None) -> RecordedProcedure:
        """Record its end."""
        data = FinishedProcedure(procedure=self.procedure or "unreadable", ending=ending, summary=summary, share=share)
        self._append([data])
        return self._recorded

    def _append(self, entries: Sequence[ProcedureData]) -> None:
        author, run, plan = self._author, self._recorded.run, self._recorded.plan
        drafts = [draft_of(one, author.name, author.operator, run, plan) for one in entries]
        with open_ledger(author.name, author.environment) as ledger, ledger.transaction("recording the procedure"):
            records = [ledger.append(one) for one in drafts]
        for record in records:
            self._recorded = follow(self._recorded if self.begun else None, record)
            self.begun = True
