"""The step `migrate`: the database has had every migration of the project."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.model.progress import Progress
from pointsctl.workflow.apply_migrations import ApplyRequest, apply_pending
from pointsctl.workflow.deploy_steps.context import LONG, MIGRATE, Context
from pointsctl.workflow.procedure import Step
from pointsctl.workflow.verify_migrations import unchanged_since_backup

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
            self._refuse_changed(cancellation, progress)
        recorded = self._context.recorded()
        held = self._context.held
        apply_pending(self._request(), recorded.plan, cancellation, progress, procedure=recorded.run, held=held)

    def _refuse_changed(self, cancellation: Cancellation, progress: Progress) -> None:
        context = self._context
        found = unchanged_since_backup(context.request, context.history(), cancellation, progress)
        if found:
            told = "; ".join(f"{plain(one.what, 200)} has {plain(one.found, 80)}" for one in found[:_SHOWN])
            more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            message = f"the database is not what the backup held: {told}{more}"
            hint = "find out who changed it, then take a backup and rehearse again"
            raise RefusedError(message, hint=hint)

    def _request(self) -> ApplyRequest:
        return ApplyRequest(self._context.request, self._context.recorded().run)
