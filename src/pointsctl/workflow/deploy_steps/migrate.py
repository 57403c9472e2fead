"""The step `migrate`: the database has had every migration of the project."""

from __future__ import annotations

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.model.progress import Progress
from pointsctl.workflow.apply_migrations import ApplyRequest, apply_pending
from pointsctl.workflow.deploy_steps.context import LONG, MIGRATE, Context
from pointsctl.workflow.procedure import Step
from pointsctl.workflow.unchanged_database import require_unchanged

_SHOWN = 3


class Migrate(Step):
    """What is applied is seen in the history, in whichever run or by whichever tool it was."""

    definition = StepDefinition(
        MIGRATE, "The database is migrated", LONG, "run the reverse scripts, newest first, or restore the backup"
    )
    changes = True

    def __init__(self, context: Context) -> None:
        self._context = context

    def observe(self, cancellation: Cancellation) -> Seen:
        """Read files and history. Raises RefusedError for what cannot be applied."""
        del cancellation
        found = self._request().pending()
        if found.migrations:
            names = ", ".join(plain(one.full_name, 120) for one in found.migrations[:_SHOWN])
            more = f" and {len(found.migrations) - _SHOWN} more" if len(found.migrations) > _SHOWN else ""
            return Seen(done=False, summary=f"to apply: {names}{more}")
        return Seen(done=True, summary=f"{found.applied} migrations are applied", evidence={"applied": found.applied})

    def perform(self, cancellation: Cancellation, progress: Progress) -> None:
        """Apply them. Raises RefusedError when somebody has changed the database since the backup."""
        if not self._context.without("rehearsal"):
            require_unchanged(self._context.request, self._context.history(), cancellation, progress)
        recorded = self._context.recorded()
        held = self._context.held
        apply_pending(self._request(), recorded.plan, cancellation, progress, procedure=recorded.run, held=held)

    def _request(self) -> ApplyRequest:
        return ApplyRequest(self._context.request, self._context.recorded().run)
