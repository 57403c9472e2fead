"""What a kind of check is: a frozen value made from an item's `with`, and one method that looks at the world."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pydantic

from pointsctl.errors import CouldNotLookError

if TYPE_CHECKING:  # every command loads this, and most need none of what a check may look at
    from pointsctl.model.backup_history import RecordedBackup
    from pointsctl.model.cancellation import Cancellation
    from pointsctl.model.checklist import Item
    from pointsctl.model.configuration import Without
    from pointsctl.model.deployed_function import DeployedFunction, LogLine
    from pointsctl.model.deployment import Deployment
    from pointsctl.model.finding import Finding, Observation
    from pointsctl.model.history import History
    from pointsctl.model.store_seen import StoreSeen
    from pointsctl.postgres.database import Database


def _no_store(_backup: RecordedBackup | None) -> StoreSeen:
    raise CouldNotLookError("nobody knows where the backups are", hint="this is a defect of the workflow; report it")


@dataclass(frozen=True)
class Backups:
    """What the checklist says of the target's backups, and a look at their store.

    `stored` gives what the store shows now of one backup, or only of itself, and raises where it cannot be looked into;
    `protected` is whether the target is.
    """

    fresh_for: timedelta = timedelta(0)
    retention: timedelta = timedelta(0)
    protected: bool = True
    stored: Callable[[RecordedBackup | None], StoreSeen] = _no_store


NO_BACKUPS = Backups()
"""Nothing is known of them."""


def _no_project() -> str:
    raise CouldNotLookError("nobody knows where the functions are", hint="this is a defect of the workflow; report it")


@dataclass(frozen=True)
class Functions:
    """What the checklist says of the target's edge functions, and looks at their platform.

    `project` is the target's there; `listed` gives what is deployed now; `logs` the lines of a time, None where none can be
    read. All of them raise where it cannot be looked.
    """

    names: tuple[str, ...] = ()
    watch_logs_for: timedelta = timedelta(0)
    project: Callable[[], str] = _no_project
    listed: Callable[[Cancellation], tuple[DeployedFunction, ...]] = lambda _cancellation: ()
    logs: Callable[[datetime, datetime, Cancellation], tuple[LogLine, ...] | None] = lambda *_: None


NO_FUNCTIONS = Functions()
"""Nothing is known of them."""


@dataclass(frozen=True)
class World:
    """Everything that a check may look at; handed in, so that no check reads the process environment or the clock.

    `environment` is the name of what is looked at (the item's `at`, or the target); `variables` are its variables;
    `target_functions_url` is the target's address where another environment is looked at;
    `directory` is the checklist's folder, against which relative paths count; `findings` holds what this run found for the
    items that this one needs or refers to; `references` are the items that a gate stands for. `target` is the name of the
    deployment's target; `history` gives what its ledger says, `deployment` that together with the plan in force (both None
    where it has no ledger, both raise where it cannot be read); `definition` is the digest of the item's definition;
    `without` is what the target does without; `backups` and `functions` are about the target's, too.
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
    target: str = ""
    history: Callable[[], History | None] = lambda: None
    definition: str = ""
    backups: Backups = NO_BACKUPS
    functions: Functions = NO_FUNCTIONS


class Check(pydantic.BaseModel, ABC):
    """Base of every kind. The fields are the item's `with`; their descriptions are the kind's documentation.

    A check returns what it saw. It does not decide what follows, print, or write to the database it looks at. Errors that
    keep it from looking are raised as `pointsctl.errors.PointsctlError`; the runner turns every exception into `error`.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    needs_environment: ClassVar[bool] = True
    """Whether the kind looks at the environment at all; where it cannot be used, the item is an error at once."""

    reads_the_ledger: ClassVar[bool] = False
    """Whether the kind asks only the ledger, or other items, so that `pointsctl gate` asks it as it is."""

    never_waived: ClassVar[bool] = False
    """Whether nobody may sign for going on without it, whatever the item says."""

    @abstractmethod
    def look(self, world: World) -> Observation:
        """Look at the world once, within `world.timeout`."""

    def from_the_ledger(self, world: World) -> Observation | None:
        """What `pointsctl gate` says of the item, which looks at nothing but the ledger; None where it takes the newest
        finding that is recorded.
        """
        return self.look(world) if self.reads_the_ledger else None

    def item_references(self) -> tuple[str, ...] | None:
        """Ids (or globs of ids) of other items that this check is about, looked at first; None means the sub-items."""
        return ()

    def secret_variables(self) -> tuple[str, ...]:
        """Names of variables whose values must never appear in any finding."""
        return ()

    def attested_by(self) -> str | None:
        """The role that may attest the item; empty for everybody who holds a role, None where no person can."""
        return None

    def how(self) -> str:
        """How the item is executed, in a few words, for tables (`audits rls-enabled, rls-policies`)."""
        return ""
