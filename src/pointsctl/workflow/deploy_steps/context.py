"""What every step of a deployment works with: the environment, the plan, what the ledger says now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pointsctl.ledger.reading import read_history
from pointsctl.model.configuration import Without
from pointsctl.model.history import History
from pointsctl.model.plan import Migration
from pointsctl.model.procedure import RecordedProcedure
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.plan_content import FoundContent, find_content

MOMENT = timedelta(minutes=2)
"""The time limit of a step that only looks."""
LONG = timedelta(hours=12)
"""The time limit of a step that moves data; what it calls has limits of its own."""
MIGRATE = "migrate"


@dataclass(frozen=True)
class Context:
    """`request` names the environment and who deploys; `plan` is the digest of the plan, None where none is needed.

    `recorded` gives what the ledger says of this procedure so far; `held` raises when the lock of procedures is lost;
    `project` is what a person says of the functions' project.
    """

    request: BackupRequest
    plan: str | None
    recorded: Callable[[], RecordedProcedure]
    held: Callable[[], None] = lambda: None
    project: str | None = None

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.request.name

    def history(self) -> History:
        """What the ledger says now. Raises RefusedError for a damaged one, and what connecting raises."""
        with open_ledger(self.name, self.request.environment) as ledger:
            return read_history(ledger, self.request.variables)

    def pending(self) -> tuple[Migration, ...]:
        """The migrations that the database has not had, now; the files are read anew."""
        found = self.content()
        return tuple(one for one in found.values.migrations if one.name in found.pending)

    def content(self) -> FoundContent:
        """What would be deployed now; every file is read anew."""
        request = self.request
        with open_ledger(self.name, request.environment) as ledger:
            history = read_history(ledger, request.variables)
            return find_content(request.loaded, self.name, request.environment, ledger, history)

    def migrated(self) -> bool:
        """Whether this procedure has begun to migrate, and nothing is left to apply: what must be so before is over then."""
        step = self.recorded().steps.get(MIGRATE)
        return step is not None and step.attempts > 0 and not self.pending()

    def without(self, what: Without) -> str:
        """Why a step does not apply to an environment that does without; empty when it does not."""
        return f"{self.name} does without {what}" if what in self.request.environment.without else ""
