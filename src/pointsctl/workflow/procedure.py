"""Executes a procedure: each step is observed, performed and observed again, and every one of its ends is recorded.

For each step: 1. nobody asked to stop, and the lock is held. 2. It is looked at; what is done is not done again. 3. Before
something is changed, the guard is asked, and the beginning is recorded. 4. It is performed within its time. 5. It is looked
at again, and must be done. 6. The end is recorded. Whatever ends the process, `observe` finds out how far it came.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pointsctl.errors import (
    InterruptedByOperatorError,
    PointsctlError,
    RefusedError,
    TookTooLongError,
    WaitingError,
)
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.duration import format_duration
from pointsctl.model.procedure import RecordedStep, Seen, StepDefinition, StepState
from pointsctl.model.procedure_records import FailedStep, FinishedStep, StartedStep
from pointsctl.model.progress import Progress, Unit
from pointsctl.workflow.interruption import Stoppable
from pointsctl.workflow.procedure_book import ProcedureBook

_LONGEST = 2000


class Step(ABC):
    """Base of every step. `changes` says whether performing it changes the target, or what runs for its users."""

    definition: StepDefinition
    changes: bool = False

    def skipped(self) -> str:
        """Why the step does not apply here, in a sentence; empty when it does."""
        return ""

    def require(self, cancellation: Cancellation) -> None:
        """Raises what would keep the step from being done later. Asked of every step before the first change."""
        del cancellation

    @abstractmethod
    def observe(self, cancellation: Cancellation) -> Seen:
        """Look in the world whether the step's work is done; changes nothing. Raises when that cannot be known."""

    def perform(self, cancellation: Cancellation, progress: Progress) -> None:
        """Do it. What is done in part already is completed. A step that only looks raises RefusedError with what it saw."""
        del progress
        raise RefusedError(self.observe(cancellation).summary, hint="put that right first")


@dataclass(frozen=True)
class StepReport:
    """What became of a step; `state` NOT_STARTED in a dry run means that it would be performed. Times in milliseconds; `hint` is
    the next action for a step that is in the way.
    """

    definition: StepDefinition
    state: StepState
    summary: str
    duration_ms: int
    attempts: int
    hint: str = ""


@dataclass(frozen=True)
class Hold:
    """What the executor asks before it goes on: `require_held` raises when the lock is lost, `before` when a step that changes
    something must not be performed now.
    """

    require_held: Callable[[], None]
    before: Callable[[Step], None]


class Execution:
    """One run of a procedure's steps. `again` is the command that goes on with it; `clock` counts seconds."""

    def __init__(
        self,
        steps: Sequence[Step],
        book: ProcedureBook,
        hold: Hold,
        work: tuple[Cancellation, Progress],
        clock: Callable[[], float],
        again: str,
    ) -> None:
        self._steps = steps
        self._book = book
        self._hold = hold
        self._stop, self._progress = work
        self._clock = clock
        self._again = again
        self._required = False
        self.reports: list[StepReport] = []

    def run(self) -> tuple[StepReport, ...]:
        """Execute every step, or raise the error of the one that could not be done, which says how to go on."""
        for step in self._steps:
            began = self._clock()
            stage = step.definition.id
            self._progress.begin(stage, Unit.THINGS)
            try:
                state, summary = self._one(step)
            except PointsctlError as error:
                self._told(step, error)
                raise
            self._progress.end(stage, f"skipped: {summary}" if state is StepState.SKIPPED else summary)
            taken = round((self._clock() - began) * 1000)
            self.reports.append(StepReport(step.definition, state, summary, taken, self._known(step).attempts))
        return tuple(self.reports)

    def _one(self, step: Step) -> tuple[StepState, str]:
        # 1.
        if self._stop.requested:
            raise InterruptedByOperatorError("stopped before the step was begun")
        self._hold.require_held()
        reason = step.skipped()
        if reason:
            self._finished(step, Seen(done=True, summary=reason), skipped=True)
            return StepState.SKIPPED, reason
        # 2.
        with self._limited(step) as limit:
            seen = step.observe(limit)
        if not seen.done:
            seen = self._performed(step, seen)
        # 6.
        self._finished(step, seen)
        return StepState.FINISHED, seen.summary

    def _performed(self, step: Step, seen: Seen) -> Seen:
        # 3.
        self._require_all()
        if step.changes:
            self._hold.before(step)
        self._hold.require_held()
        attempt = self._known(step).attempts + 1
        self._book.begin()
        self._book.step(StartedStep(**self._which(step), attempt=attempt, summary=seen.summary[:_LONGEST]))
        # 4.
        with self._limited(step) as limit:
            step.perform(limit, self._progress)
        # 5.
        with self._limited(step) as limit:
            seen = step.observe(limit)
        if not seen.done:
            message = f"it was performed, and is not done: {seen.summary}"
            raise RefusedError(message, hint="find out what undid it, or did it differently")
        return seen

    def _require_all(self) -> None:
        """Once, before the first change: nothing is begun whose end can be seen to fail."""
        if self._required:
            return
        for one in self._steps:
            if not one.skipped():
                self._require(one)
        self._required = True

    def _require(self, step: Step) -> None:
        try:
            with self._limited(step) as limit:
                step.require(limit)
        except PointsctlError as error:
            error.message = f"the later step {step.definition.id} could not be done: {error.message}"
            raise

    def _finished(self, step: Step, seen: Seen, *, skipped: bool = False) -> None:
        known = self._known(step)
        if known.state is (StepState.SKIPPED if skipped else StepState.FINISHED):
            return
        self._book.step(
            FinishedStep(
                **self._which(step),
                attempt=known.attempts,
                summary=seen.summary[:_LONGEST],
                skipped=skipped,
                evidence=dict(seen.evidence),
            )
        )

    def _told(self, step: Step, error: PointsctlError) -> None:
        """Completes the error: which step, what is done, what undoing means, how to go on; and records it."""
        failed = not isinstance(error, InterruptedByOperatorError | WaitingError)
        unrecorded = self._record_failure(step, error) if failed and self._book.begun else ""
        error.message = f"step {step.definition.id}: {error.message}"
        done = [one.definition.id for one in self.reports if one.state is StepState.FINISHED]
        hints = [error.hint]
        if self._book.begun:
            undo = f"to undo {step.definition.id}: {step.definition.undo}" if step.changes else ""
            hints += [f"done: {', '.join(done) or 'nothing'}", undo]
            hints += [f"go on with `{self._again}`", unrecorded]
        else:
            hints.append("nothing was changed, and no procedure was begun")
        error.args, error.hint = (error.message,), "; ".join(one for one in hints if one)

    def _record_failure(self, step: Step, error: PointsctlError) -> str:
        attempt = self._known(step).attempts
        data = FailedStep(**self._which(step), attempt=attempt, summary=error.message[:_LONGEST], code=error.code)
        try:
            self._book.step(data)
        except PointsctlError as other:
            return f"this could not be recorded: {other.message}"
        return ""

    def _known(self, step: Step) -> RecordedStep:
        return self._book.steps[step.definition.id]

    def _which(self, step: Step) -> dict[str, str]:
        return {"procedure": self._book.procedure, "step": step.definition.id}

    @contextmanager
    def _limited(self, step: Step) -> Iterator[Stoppable]:
        """The step's own time limit, which ends with the wish to stop as well."""
        with limited(step.definition.timeout.total_seconds(), self._stop, self._clock) as limit:
            try:
                yield limit
            except PointsctlError as error:
                if limit.over and not self._stop.requested:
                    message = f"it did not end within {format_duration(step.definition.timeout)}: {error.message}"
                    raise TookTooLongError(message, hint=error.hint) from error
                raise


@contextmanager
def limited(seconds: float, stop: Cancellation, clock: Callable[[], float]) -> Iterator[Stoppable]:
    """A limit that ends what it is given to after so many seconds, and as soon as `stop` says so."""
    limit = Stoppable(seconds, clock)
    timer = threading.Timer(seconds, limit.cancel, ["over its time"])
    timer.daemon = True
    timer.start()
    try:
        with stop.callback(lambda: limit.cancel("interrupted")):
            yield limit
    finally:
        timer.cancel()
