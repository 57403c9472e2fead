"""Builds the `World` that a check looks at in a test, with a cancellation that a test can trigger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from pointsctl.checks.interface import World
from pointsctl.model.checklist import Item
from pointsctl.model.finding import Finding
from pointsctl.postgres.database import Database

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
"""The time at which every test happens unless it says otherwise."""


@dataclass
class Switch:
    """A cancellation in the test's hand: `stop()` does what Ctrl-C does, and `limit` (seconds) is the item's time limit.

    Nobody watches the clock: a test that wants the limit to strike gives a small one and the check must notice by itself,
    or calls `stop()`.
    """

    limit: float = 20.0
    started: float = field(default_factory=monotonic)
    _requested: threading.Event = field(default_factory=threading.Event)
    _entered: threading.Event = field(default_factory=threading.Event)
    _callbacks: list[Callable[[], object]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:
        """Register `stop` for as long as the context is open; called at once when the request came before."""
        with self._lock:
            self._callbacks.append(stop)
            late = self._requested.is_set()
        self._entered.set()
        if late:
            threading.Thread(target=stop).start()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(stop)

    @property
    def requested(self) -> bool:
        """Whether `stop()` was called."""
        return self._requested.is_set()

    def remaining(self) -> float:
        """Seconds until the limit; never negative."""
        return max(0.0, self.started + self.limit - monotonic())

    def stop(self) -> None:
        """Ask the look to end, from the calling thread."""
        with self._lock:
            self._requested.set()
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            callback()

    def stop_once_looking(self) -> threading.Thread:
        """Start a thread that waits until a check has registered its callback, then stops it. Join it at the end."""
        return self.stop_when(self._entered.is_set)

    def stop_when(self, ready: Callable[[], bool]) -> threading.Thread:
        """Start a thread that stops the look as soon as `ready` says so, or after 20 s. Join it at the end."""
        return self._when(ready, self.stop)

    def expire_when(self, ready: Callable[[], bool]) -> threading.Thread:
        """The same, but the time limit is over then; nobody calls the callback, the check must notice by itself."""
        return self._when(ready, self._expire)

    def _expire(self) -> None:
        self.limit = 0.0

    def _when(self, ready: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
        def wait_and_act() -> None:
            end = monotonic() + 20
            while not ready() and monotonic() < end:
                self._requested.wait(timeout=0.02)
            act()

        thread = threading.Thread(target=wait_and_act)
        thread.start()
        return thread


def make_item(kind: str = "env", parameters: Mapping[str, Any] | None = None, **changes: Any) -> Item:
    """An item as the checklist would give it; `changes` are other fields of the item."""
    fields = {"id": "test.item", "title": "An item of a test", "kind": kind, "with": dict(parameters or {})}
    return Item.model_validate({**fields, **changes})


def _no_database() -> Database:
    raise AssertionError("this test gave no database, and the check asked for one")


def make_world(
    directory: Path,
    *,
    item: Item | None = None,
    environment: str = "sandbox",
    variables: Mapping[str, str] | None = None,
    now: datetime = NOW,
    timeout: timedelta = timedelta(seconds=20),
    cancellation: Switch | None = None,
    database: Callable[[], Database] = _no_database,
    functions_url: str = "",
    findings: Mapping[str, Finding] | None = None,
    references: tuple[str, ...] = (),
) -> World:
    """A world with nothing in it but what is given. `timeout` also limits the cancellation made when none is given."""
    return World(
        item=item or make_item(),
        environment=environment,
        variables=dict(variables or {}),
        directory=directory,
        now=now,
        timeout=timeout,
        cancellation=cancellation or Switch(limit=timeout.total_seconds()),
        database=database,
        functions_url=functions_url,
        findings=dict(findings or {}),
        references=references,
    )


def cancelled(world: World) -> World:
    """The same world, in which the operator has already asked to stop."""
    switch = Switch()
    switch.stop()
    return replace(world, cancellation=switch)
