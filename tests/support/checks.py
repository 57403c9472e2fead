"""Small checks for tests of the runner: they do what the test tells them to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydantic

from pointsctl.checks.gate import Gate
from pointsctl.checks.interface import Check, World
from pointsctl.model.checklist import Item
from pointsctl.model.finding import Observation
from pointsctl.model.redactor import Redactor
from pointsctl.model.selection import Selection
from pointsctl.workflow.look import Place
from pointsctl.workflow.run_items import Request

GOOD = Observation.passed("fine", observed="1 thing")
BAD = Observation.failed("broken", observed="1", expected="0", hint="mend it")


class Scripted(Check):
    """Runs `act` when it is looked at."""

    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, frozen=True)
    act: Callable[[World], Any]

    def look(self, world: World) -> Observation:
        """Whatever `act` gives back, valid or not."""
        result: Observation = self.act(world)
        return result


def gives(observation: Any) -> Scripted:
    """A check that always gives this back."""
    return Scripted(act=lambda _world: observation)


def raises(error: BaseException) -> Scripted:
    """A check that raises."""

    def act(_world: World) -> Observation:
        raise error

    return Scripted(act=act)


class Clock:
    """A monotonic clock in the test's hand, in seconds; safe to read from any thread."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        with self._lock:
            return self._seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._seconds += seconds

    def wall(self) -> datetime:
        """The same moment as a wall clock would show it."""
        return datetime(2026, 3, 14, tzinfo=UTC) + timedelta(seconds=self())


def item(item_id: str, **changes: Any) -> Item:
    """An item of kind `planned`; what it really does is decided by the check given beside it."""
    return Item.model_validate({"id": item_id, "title": f"item {item_id}", "kind": "planned", **changes})


def request(
    checks: Mapping[str, Check],
    *,
    items: Sequence[Item] | None = None,
    references: Mapping[str, tuple[str, ...]] | None = None,
    secrets: Sequence[str] = (),
    clock: Clock | None = None,
    environment: str = "production",
    **changes: Any,
) -> Request:
    """A request to execute these checks; items are made from the keys unless given."""
    ticking = clock or Clock()
    chosen = tuple(items or [item(key) for key in checks])
    given: dict[str, Any] = {
        "run_id": "01JTEST",
        "selection": Selection("pre-deployment", chosen),
        "environment": environment,
        "checklist_sha256": "00" * 32,
        "directory": Path(),
        "checks": checks,
        "references": references or {},
        "sections": {one.id: "section" for one in chosen},
        "place": lambda _item: Place(environment, None, {}, None),
        "redactor": Redactor(secrets),
        "clock": ticking.wall,
        "monotonic": ticking,
        **changes,
    }
    return Request(**given)


def gate(*items: str) -> Gate:
    """A gate over these items."""
    return Gate(items=items)
