"""The step `backup`: a backup of this database that is fresh, proven by a restore, and still in the store."""

from __future__ import annotations

from pointsctl.errors import ExitCode, RefusedError
from pointsctl.model.ages import minute
from pointsctl.model.backup_history import RecordedBackup, is_fresh, proven
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.model.progress import Progress
from pointsctl.workflow.create_backup import create_backup
from pointsctl.workflow.deploy_steps.context import LONG, Context
from pointsctl.workflow.look_at_store import StoreToLookAt, look_at_store
from pointsctl.workflow.procedure import Step
from pointsctl.workflow.verify_backup import verify_backup


class Backup(Step):
    """Taken and verified here when there is none that will do."""

    definition = StepDefinition("backup", "A fresh, verified backup", LONG, "backups are never removed by a deployment")

    def __init__(self, context: Context) -> None:
        self._context = context

    def skipped(self) -> str:
        """Where the environment does without."""
        return self._context.without("backup")

    def observe(self, cancellation: Cancellation) -> Seen:
        """Ask the ledger which is proven, and the store whether it is there."""
        del cancellation
        history = self._context.history()
        backup, settings = proven(history.backups), self._context.request.settings
        if backup is None or backup.verification is None or history.now is None:
            return Seen(done=False, summary=backup.in_a_sentence if backup else "no backup is verified")
        taken = f"backup {backup.id}, taken {minute(backup.taken_at)}"
        # A backup of the time after the migration would be no way back.
        if not is_fresh(backup, history.now, settings.fresh_for) and not self._context.migrated():
            return Seen(done=False, summary=f"{taken}, is too old")
        gone = self._gone(backup)
        if gone:
            return Seen(done=False, summary=f"{taken}, is not whole in its store: {gone}")
        return Seen(done=True, summary=taken, evidence={"backup": backup.id, "manifest": backup.digest})

    def _gone(self, backup: RecordedBackup) -> str:
        request = self._context.request
        url = request.loaded.checklist.store_of(request.environment)
        seen = look_at_store(StoreToLookAt(url, request.name, request.settings.retention), backup)
        return seen.missing[0] if seen.missing else ""

    def perform(self, cancellation: Cancellation, progress: Progress) -> None:
        """Take one and restore it. Raises RefusedError when the copy is not the source."""
        request = self._context.request
        if self._context.migrated():
            message = "the backup from before the migration is gone, and one that is taken now is no way back"
            raise RefusedError(message, hint="bring the backup back into its store")
        created = create_backup(request, cancellation, progress)
        if created.recorded.failure is not None:
            raise created.recorded.failure
        verified = verify_backup(request, created.manifest.id, cancellation, progress)
        if verified.exit_code is not ExitCode.DONE:
            message = f"backup {created.manifest.id} was taken, and its restore proves nothing good"
            raise RefusedError(message, hint=f"see `pointsctl backup show {created.manifest.id} --env {request.name}`")
