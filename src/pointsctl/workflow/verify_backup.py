"""Use case: the restore drill: a backup from the store is restored into a scratch place, and the copy is proven to be the source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pointsctl.backup_engines.interface import Restored
from pointsctl.errors import BackupDamagedError, ExitCode, PointsctlError
from pointsctl.model.backup import Manifest
from pointsctl.model.backup_history import RecordedBackup
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.progress import Progress
from pointsctl.model.proof import Proof
from pointsctl.postgres.scratch import Scratch
from pointsctl.postgres.workspace import Workspace, sweep
from pointsctl.workflow.backup_ledger import BackupLedger, Recorded, ledger_if_wanted
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.chosen_backup import chosen_backup, recorded_backup, recorded_manifest
from pointsctl.workflow.copy_audits import CopyAudits, audit_copy
from pointsctl.workflow.record_backup import record_refuted, record_verified
from pointsctl.workflow.restored_copy import require_room_for_copy, restored_copy
from pointsctl.workflow.stopwatch import StageTime, Stopwatch

_NOTHING_RESTORED = 0


@dataclass(frozen=True)
class Verified:
    """A drill that came to its end. `restore_seconds` is the restore alone, without proofs: the time that a recovery takes.

    `restored_into` is `ephemeral` or an environment; `audits` None where the checklist has none; `left_over` is the work of
    killed runs that was removed.
    """

    manifest: Manifest
    store: str
    restored_into: str
    server_version: int
    restore_seconds: float
    proof: Proof
    audits: CopyAudits | None
    recorded: Recorded
    stages: tuple[StageTime, ...]
    left_over: tuple[Path, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """What the proof, the audits and the record say together."""
        codes = [
            ExitCode.DONE if self.proof.holds else ExitCode.BAD,
            self.audits.exit_code if self.audits else ExitCode.DONE,
            ExitCode.COULD_NOT_LOOK if self.recorded.failure else ExitCode.DONE,
        ]
        order = (ExitCode.COULD_NOT_LOOK, ExitCode.BAD, ExitCode.WAITING)
        return next((code for code in order if code in codes), ExitCode.DONE)


def verify_backup(
    request: BackupRequest, wanted: str, cancellation: Cancellation, progress: Progress, *, unrecorded: bool = False
) -> Verified:
    """Verify the backup whose id begins with `wanted` (`latest` for the newest one).

    1. The ledger says which manifest is the backup; `unrecorded` does without. 2. What killed drills have left is removed.
    3. Every object is brought from the store and compared. 4. Restore into the scratch place. 5. Prove the copy, run the
    audits on it. 6. Record it. The scratch is removed in every case.
    A damaged object and a restore that fails are recorded as `backup.refuted` and raised (BackupDamagedError and others with
    the exit code 1); a proof that fails is recorded and returned. Whatever kept us from looking is raised and not recorded.
    Raises also RefusedError for a backup that the ledger does not know, and for a scratch server that is the source.
    """
    return _Drill(request, cancellation, Stopwatch(progress, request.surroundings.monotonic)).run(
        wanted, unrecorded=unrecorded
    )


class _Drill:
    def __init__(self, request: BackupRequest, cancellation: Cancellation, progress: Stopwatch) -> None:
        self.request = request
        self.cancellation = cancellation
        self.progress = progress
        self.store = request.store()
        self.into = request.settings.restore_into

    def run(self, wanted: str, *, unrecorded: bool) -> Verified:
        name, environment = self.request.name, self.request.environment
        ledger = ledger_if_wanted(name, environment, self.request.variables, unrecorded=unrecorded)
        manifest = self._manifest(ledger, wanted)
        left_over = sweep(self.request.base)
        with Workspace.open(self.request.base, f"backup verify {name}") as workspace:
            require_room_for_copy(self.request, workspace, manifest)
            try:
                return self._restored(ledger, manifest, workspace, left_over)
            except PointsctlError as error:
                if error.exit_code is ExitCode.BAD:
                    self._refute(ledger, manifest, error, manifest.server_version)
                raise

    def _manifest(self, ledger: BackupLedger, wanted: str) -> Manifest:
        recorded = recorded_backup(ledger, wanted)
        if recorded is None:
            return chosen_backup(self.store, ledger, wanted)
        try:
            return recorded_manifest(self.store, ledger.name, recorded)
        except BackupDamagedError as error:
            # A backup whose manifest is gone or was changed opens no gate either.
            self._refute(ledger, recorded, error, _NOTHING_RESTORED)
            raise

    def _restored(
        self, ledger: BackupLedger, manifest: Manifest, workspace: Workspace, left_over: tuple[Path, ...]
    ) -> Verified:
        work = (self.cancellation, self.progress)
        with restored_copy(self.request, self.store, manifest, workspace, *work) as restored:
            copy, scratch = restored.copy, restored.scratch
            proof = restored.engine.prove(manifest.contents, copy, scratch, *work)
            audits = audit_copy(self.request, copy.url, self.progress)
            recorded = self._record(ledger, manifest, copy, scratch, proof, audits)
        return Verified(
            manifest=manifest,
            store=self.store.address,
            restored_into=self.into,
            server_version=scratch.identity().server_version,
            restore_seconds=copy.seconds,
            proof=proof,
            audits=audits,
            recorded=recorded,
            stages=self.progress.stages,
            left_over=left_over,
        )

    def _record(
        self,
        ledger: BackupLedger,
        manifest: Manifest,
        copy: Restored,
        scratch: Scratch,
        proof: Proof,
        audits: CopyAudits | None,
    ) -> Recorded:
        name, address, operator = self.request.name, self.store.address, self.request.operator
        restore_ms, version = round(copy.seconds * 1000), scratch.identity().server_version
        if proof.holds:
            return ledger.record(
                lambda opened: record_verified(
                    opened,
                    name,
                    manifest,
                    address,
                    operator,
                    restore_ms=restore_ms,
                    restored_into=self.into,
                    server_version=version,
                    proof=proof,
                    audits=audits.results if audits else (),
                )
            )
        return ledger.record(
            lambda opened: record_refuted(
                opened,
                name,
                manifest,
                address,
                operator,
                why=_why(proof),
                restored_into=self.into,
                server_version=version,
                proof=proof,
                restore_ms=restore_ms,
            )
        )

    def _refute(
        self, ledger: BackupLedger, backup: Manifest | RecordedBackup, error: PointsctlError, server_version: int
    ) -> None:
        request = self.request
        recorded = ledger.record(
            lambda opened: record_refuted(
                opened,
                request.name,
                backup,
                self.store.address,
                request.operator,
                why=error.message,
                restored_into=self.into,
                server_version=server_version,
            )
        )
        told = (
            f"recorded as refuted in record {recorded.head.seq}" if recorded.head else f"not recorded: {recorded.why}"
        )
        error.hint = f"{error.hint}; {told}".lstrip("; ")


def _why(proof: Proof) -> str:
    if not proof.differences:
        return "the copy holds nothing that could be compared"
    first, more = proof.differences[0], len(proof.differences) - 1
    what = f"{first.what} {first.differs.value}: expected {first.expected}, found {first.found}"
    return f"{what} (and {more:,} more)" if more else what
