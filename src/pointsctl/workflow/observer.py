"""Who watches a run while it goes on; the default watches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pointsctl.model.checklist import Item
from pointsctl.model.finding import Finding
from pointsctl.model.run import Run


class Observer(Protocol):
    """Told by the runner, always from the thread that called it, in the order of events."""

    def run_started(self, items: Sequence[Item]) -> None:
        """Before anything is looked at; `items` is everything that will be."""

    def item_started(self, item: Item, environment: str) -> None:
        """A look begins at `environment`."""

    def item_finished(self, finding: Finding) -> None:
        """A look has ended (or was not needed); called once for every item of the run."""

    def run_finished(self, run: Run) -> None:
        """Everything is known."""


class NullObserver:
    """Watches nothing."""

    def run_started(self, items: Sequence[Item]) -> None:
        """Ignored."""

    def item_started(self, item: Item, environment: str) -> None:
        """Ignored."""

    def item_finished(self, finding: Finding) -> None:
        """Ignored."""

    def run_finished(self, run: Run) -> None:
        """Ignored."""
