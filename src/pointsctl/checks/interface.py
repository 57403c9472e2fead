"""What a kind of check is: a frozen value made from an item's `with`, and one method that looks at the world."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pydantic

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.checklist import Item
from pointsctl.model.configuration import Without
from pointsctl.model.deployment import Deployment
from pointsctl.model.finding import Finding, Observation
from pointsctl.postgres.database import Database


@dataclass(frozen=True)
class World:
    """Everything that a check may look at; handed in, so that no check reads the process environment or the clock.

    `environment` is the name of what is looked at (the item's `at`, or the target); `variables` are its variables;
    `target_functions_url` is the target's address where another environment is looked at;
    `directory` is the checklist's folder, against which relative paths count; `findings` holds what this run found for the
    items that this one needs or refers to; `references` are the items that a gate stands for. `deployment` gives what the
    target's ledger says (None where it has no ledger); `without` is what the target does without.
    """

    item: Item
    environment: str
    variables: Mapping[str, str]
    directory: Path
    now: datetime
    timeout: timedelta
    cancellation: Cancellation
    database: Callable[[], Database]
    functions_url: str = ""
    target_functions_url: str = ""
    findings: Mapping[str, Finding] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    deployment: Callable[[], Deployment | None] = lambda: None
    without: tuple[Without, ...] = ()


class Check(pydantic.BaseModel, ABC):
    """Base of every kind. The fields are the item's `with`; their descriptions are the kind's documentation.

    A check returns what it saw. It does not decide what follows, print, or write to the database it looks at. Errors that
    keep it from looking are raised as `pointsctl.errors.PointsctlError`; the runner turns every exception into `error`.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    needs_environment: ClassVar[bool] = True
    """Whether the kind looks at the environment at all; where it cannot be used, the item is an error at once."""

    @abstractmethod
    def look(self, world: World) -> Observation:
        """Look at the world once, within `world.timeout`."""

    def item_references(self) -> tuple[str, ...] | None:
        """Ids (or globs of ids) of other items that this check is about, looked at first; None means the sub-items."""
        return ()

    def secret_variables(self) -> tuple[str, ...]:
        """Names of variables whose values must never appear in any finding."""
        return ()

    def how(self) -> str:
        """How the item is executed, in a few words, for tables (`audits rls-enabled, rls-policies`)."""
        return ""
