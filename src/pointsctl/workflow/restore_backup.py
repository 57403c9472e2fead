"""Use case: restore a backup into a named, empty database that stays, and prove that it is what was backed up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pointsctl.encryption import IDENTITY_VARIABLE, read_identities
from pointsctl.errors import ExitCode, PointsctlError, RefusedError
from pointsctl.model.backup import Manifest
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.progress import Progress
from pointsctl.model.proof import Proof
from pointsctl.postgres.given_database import GivenDatabase
from pointsctl.postgres.workspace import Workspace, require_room, sweep
from pointsctl.workflow.backup_ledger import ledger_if_wanted
from pointsctl.workflow.backup_request import BackupRequest, database_name
from pointsctl.workflow.chosen_backup import chosen_backup
from pointsctl.workflow.restore_target import RestoreTarget, protected_as
from pointsctl.workflow.stopwatch import StageTime, Stopwatch
from pointsctl.workflow.transfer import Way, fetch, room_for

_FILES = "backup"


@dataclass(frozen=True)
class RestoreRequest:
    """Which backup (the beginning of its id, or `latest`) of `backups`, and where to. `unrecorded` does without the ledger,
    whose server may be what is lost.
    """

    backups: BackupRequest
    wanted: str
    target: RestoreTarget
    unrecorded: bool = False


@dataclass(frozen=True)
class Proposed:
    """What is going to happen. `protected` names the protected environment whose database the target is, if it is one's."""

    manifest: Manifest
    store: str
    target: RestoreTarget
    protected: str | None


@dataclass(frozen=True)
class RestoredBackup:
    """A backup that was restored. `seconds` is the restore alone; the database stays, whatever the proof says."""

    proposed: Proposed
    seconds: float
    proof: Proof
    left_out: tuple[str, ...]
    stages: tuple[StageTime, ...]

    @property
    def exit_code(self) -> ExitCode:
        """Whether the copy is the source."""
        return ExitCode.DONE if self.proof.holds else ExitCode.BAD


def restore_backup(
    request: RestoreRequest, consent: Callable[[Proposed], None], cancellation: Cancellation, progress: Progress
) -> RestoredBackup:
    """Restore, after `consent` was shown what is going to happen; it raises to leave everything as it is.

    1. The ledger says which manifest is the backup. 2. The target must be empty; asked by identity whether it is a protected
    environment's. 3. Somebody agrees. 4. Every object is brought from the store and compared. 5. Restore, after looking once
    more that the target is empty. 6. Prove the copy. Raises RefusedError (not empty, roles that are missing, another major
    version), BackupDamagedError, and what the store, the engine and connecting raise.
    """
    backups, store = request.backups, request.backups.store()
    name, environment = backups.name, backups.environment
    ledger = ledger_if_wanted(name, environment, backups.variables, unrecorded=request.unrecorded)
    manifest = chosen_backup(store, ledger, request.wanted)
    target = _target(request, manifest)
    protected = protected_as(target.identity(), backups.loaded, backups.surroundings.monotonic)
    proposed = Proposed(manifest, store.address, request.target, protected)
    consent(proposed)
    sweep(backups.base)
    watch = Stopwatch(progress, backups.surroundings.monotonic)
    with Workspace.open(backups.base, f"backup restore {name}") as workspace:
        way = Way(store, workspace.directory(_FILES), cancellation, watch)
        require_room(workspace.folder, room_for(manifest, way.jobs))
        path = backups.variables.get(IDENTITY_VARIABLE)
        identities = read_identities(Path(path)) if manifest.encryption and path else None
        # What somebody has added to the store is never read, and must not keep anybody from a restore.
        fetch(way, manifest, identities=identities, extra=False)
        return _restored(request, proposed, target, way.folder, cancellation, watch)


def _target(request: RestoreRequest, manifest: Manifest) -> GivenDatabase:
    target = GivenDatabase(request.target.url, request.backups.settings.leave_out)
    try:
        target.require_empty()
    except RefusedError as error:
        if manifest.database.same_as(database_name(target.identity())):
            message = f"{error.message}; it is the very database that was backed up"
            raise RefusedError(message, hint="restore beside it, into a new database, and look at both") from None
        raise
    return target


def _restored(
    request: RestoreRequest,
    proposed: Proposed,
    target: GivenDatabase,
    folder: Path,
    cancellation: Cancellation,
    watch: Stopwatch,
) -> RestoredBackup:
    contents = proposed.manifest.contents
    engine = request.backups.engine(proposed.manifest.engine)
    try:
        copy = engine.restore(contents, folder, target, cancellation, watch)
        proof = engine.prove(contents, copy, target, cancellation, watch)
    except PointsctlError as error:
        error.hint = f"{error.hint}; {_state(target, proposed.target.label)}".lstrip("; ")
        raise
    return RestoredBackup(proposed, copy.seconds, proof, copy.left_out, watch.stages)


def _state(target: GivenDatabase, label: str) -> str:
    """In what state a restore that failed has left the database."""
    try:
        target.require_empty()
    except RefusedError:
        return f"{label} is half restored and was left so: drop it, make it anew, and run this again"
    except PointsctlError:
        return f"nobody could say what is in {label} now: look, and make it anew before you run this again"
    return f"{label} is still empty"
