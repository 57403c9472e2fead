"""Use case: execute a selection of items concurrently and fold what they saw into a run.

1. Items start as soon as everything they need is known, at most `jobs` at once: those that may take longest first, so that
   a long one does not begin when all others have ended; else in the order of the file.
2. An item whose needs are not satisfied waits: it is `pending`, never looked at.
3. Each look runs in a thread of its own with a time limit. When the time is up it is told to stop; when it does not, it
   is left behind: a check that hangs cannot hold up the others, nor the end of the program.
4. What failed or waits is `waived` where somebody signed for it; what could not be looked at never is.
5. An operator's Ctrl-C (asked for between steps, so that nothing is left half noted) tells every look to stop; what was
   not looked at is an `error`, and the run says that it was interrupted.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pointsctl.checks.interface import NO_BACKUPS, NO_FUNCTIONS, Backups, Check, Functions
from pointsctl.model.checklist import Item
from pointsctl.model.configuration import Without
from pointsctl.model.duration import format_duration
from pointsctl.model.finding import Finding, Observation, Outcome
from pointsctl.model.redactor import Redactor
from pointsctl.model.run import Run
from pointsctl.model.selection import Selection
from pointsctl.model.waiver import Waiver, waived
from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.look import UNKNOWN, Known, Look, Place, Seen, look
from pointsctl.workflow.observer import NullObserver, Observer

_SATISFIES_A_NEED = {Outcome.PASS, Outcome.WAIVED, Outcome.SKIP}
_GRACE_S = 3.0
_LONGEST_WAIT_S = 0.1


@dataclass(frozen=True)
class Request:
    """What to execute and against what. `sections` maps item ids to section ids; `place` finds an environment.

    `known` is what the target's ledger says; `definitions` are the digests of the items' definitions; `waivers` those that
    count, by item; `ask_all` asks an item although its needs are not satisfied, so that it can say what it lacks itself; `without` is what the target does without; `backups` and `functions` what is known of them.
    """

    run_id: str
    selection: Selection
    environment: str
    checklist_sha256: str
    directory: Path
    checks: Mapping[str, Check]
    references: Mapping[str, tuple[str, ...]]
    sections: Mapping[str, str]
    place: Callable[[Item], Place]
    redactor: Redactor
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    interrupted: Callable[[], bool] = lambda: False
    jobs: int = 4
    known: Known = UNKNOWN
    definitions: Mapping[str, str] = field(default_factory=dict)
    waivers: Mapping[str, Waiver] = field(default_factory=dict)
    ask_all: bool = False
    without: tuple[Without, ...] = ()
    backups: Backups = NO_BACKUPS
    functions: Functions = NO_FUNCTIONS


@dataclass
class _Running:
    item: Item
    place: Place
    limit: TimeLimit
    started_at: datetime
    stop_by: float | None = None
    """When to leave the look behind, once it has been told to stop; on the monotonic clock."""


@dataclass
class _State:
    waiting: list[Item]
    running: dict[str, _Running] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    interrupted: bool = False


def run_items(request: Request, observer: Observer | None = None) -> Run:
    """Execute the selection. Always returns a run: failures of any kind are findings in it."""
    return _Runner(request, observer or NullObserver()).run()


class _Runner:
    def __init__(self, request: Request, observer: Observer) -> None:
        self.request = request
        self.observer = observer
        self.state = _State(sorted(request.selection.items, key=lambda item: -item.timeout))
        self.done: queue.SimpleQueue[tuple[str, Seen]] = queue.SimpleQueue()
        self.started_at = request.clock()

    def run(self) -> Run:
        self.observer.run_started(self.request.selection.items)
        while self.state.waiting or self.state.running:
            if self.request.interrupted() and not self.state.interrupted:
                self._interrupt()
            self._start_ready()
            if self.state.running:
                self._collect()
                self._enforce_limits()
        run = self._result()
        self.observer.run_finished(run)
        return run

    def _start_ready(self) -> None:
        started = True
        while started:  # an item that needs no look may make others ready
            started = False
            for item in list(self.state.waiting):
                if len(self.state.running) >= self.request.jobs:
                    return
                if self._depends_on(item) <= self.state.findings.keys():
                    self.state.waiting.remove(item)
                    self._start(item)
                    started = True

    def _depends_on(self, item: Item) -> set[str]:
        return {*item.needs, *self.request.references.get(item.id, ())}

    def _start(self, item: Item) -> None:
        place = self.request.place(item)
        instead = self._without_a_look(item)
        if instead is not None:
            now = self.request.clock()
            self._finish(item, place, now, Seen(instead, {}))
            return
        limit = TimeLimit(item.timeout.total_seconds(), self.request.monotonic)
        running = _Running(item, place, limit, self.request.clock())
        self.state.running[item.id] = running
        self.observer.item_started(item, place.name)
        task = self._task(running)
        threading.Thread(target=lambda: self.done.put((item.id, look(task))), daemon=True, name=item.id).start()

    def _without_a_look(self, item: Item) -> Observation | None:
        if self.state.interrupted:
            return Observation.error("interrupted before it was looked at", hint="run again")
        if item.environments and self.request.environment not in item.environments:
            return Observation.skipped(f"applies to {', '.join(item.environments)} only")
        return None if self.request.ask_all else self._unmet(item)

    def _unmet(self, item: Item) -> Observation | None:
        """What stands in for an item whose needs are not satisfied; None when they are."""
        unmet = [need for need in item.needs if self.state.findings[need].outcome not in _SATISFIES_A_NEED]
        if unmet:
            names = ", ".join(f"{need} ({self.state.findings[need].outcome.value})" for need in unmet)
            evidence = {"waits_for": ", ".join(unmet)}
            return Observation.pending(f"waits for {names}", hint=f"pointsctl check show {unmet[0]}", evidence=evidence)
        return None

    def _task(self, running: _Running) -> Look:
        item = running.item
        related = self._depends_on(item)
        return Look(
            item=item,
            check=self.request.checks[item.id],
            place=running.place,
            directory=self.request.directory,
            now=running.started_at,
            limit=running.limit,
            findings={key: self.state.findings[key] for key in related},
            references=self.request.references.get(item.id, ()),
            target=self.request.environment,
            definition=self.request.definitions.get(item.id, ""),
            known=self.request.known,
            without=self.request.without,
            backups=self.request.backups,
            functions=self.request.functions,
        )

    def _collect(self) -> None:
        try:
            item_id, seen = self.done.get(timeout=self._patience())
        except queue.Empty:
            return
        running = self.state.running.pop(item_id, None)
        if running is not None:  # None: it was left behind, and came back too late
            self._finish(running.item, running.place, running.started_at, seen)

    def _patience(self) -> float:
        waits = [running.limit.remaining() for running in self.state.running.values() if not running.limit.requested]
        return min([*waits, _LONGEST_WAIT_S]) + 0.005

    def _enforce_limits(self) -> None:
        for running in list(self.state.running.values()):
            if running.limit.over and not running.limit.requested:
                self._tell_to_stop(running, f"took longer than {format_duration(running.item.timeout)}")
            elif running.stop_by is not None and self.request.monotonic() >= running.stop_by:
                del self.state.running[running.item.id]
                reason = f"{running.limit.reason}, and did not stop when told to"
                observation = Observation.error(reason, hint="look at what the item waits for; it was left behind")
                self._finish(running.item, running.place, running.started_at, Seen(observation, {}))

    def _tell_to_stop(self, running: _Running, reason: str) -> None:
        running.limit.cancel(reason)
        running.stop_by = self.request.monotonic() + _GRACE_S

    def _interrupt(self) -> None:
        self.state.interrupted = True
        for running in self.state.running.values():
            if not running.limit.requested:
                self._tell_to_stop(running, "interrupted")

    def _finish(self, item: Item, place: Place, started_at: datetime, seen: Seen) -> None:
        observation = waived(seen.observation, self.request.waivers.get(item.id))
        if self.request.ask_all and observation.outcome in (Outcome.PASS, Outcome.WAIVED):
            observation = self._unmet(item) or observation
        finding = Finding(
            id=item.id,
            section=self.request.sections.get(item.id, ""),
            title=self.request.redactor.text(item.title),
            kind=item.kind,
            severity=item.severity,
            observation=self.request.redactor.observation(observation),
            started_at=started_at,
            finished_at=self.request.clock(),
            environment=place.name,
            looked_at=seen.looked_at,
            definition=self.request.definitions.get(item.id, ""),
        )
        self.state.findings[item.id] = finding
        self.observer.item_finished(finding)

    def _result(self) -> Run:
        return Run(
            run_id=self.request.run_id,
            phase=self.request.selection.name,
            environment=self.request.environment,
            checklist_sha256=self.request.checklist_sha256,
            started_at=self.started_at,
            finished_at=self.request.clock(),
            findings=tuple(self.state.findings[item.id] for item in self.request.selection.items),
            interrupted=self.state.interrupted,
        )
