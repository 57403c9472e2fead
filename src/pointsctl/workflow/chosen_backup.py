"""Use case: which backup is meant, and its manifest from the store, which must be the one that the ledger recorded."""

from __future__ import annotations

from collections.abc import Sequence

from pointsctl.backup_stores.interface import NotStoredError, Store
from pointsctl.errors import BackupDamagedError, ContextMissingError, PointsctlError, RefusedError, UsageError
from pointsctl.model.backup import LONGEST_MANIFEST, Manifest, ManifestError, manifest_name, read_manifest
from pointsctl.model.backup_history import BackupState, RecordedBackup, newest
from pointsctl.model.escape import plain
from pointsctl.workflow.backup_ledger import BackupLedger
from pointsctl.workflow.stored_backups import LATEST, require_whole, stored_backups


def chosen_backup(store: Store, ledger: BackupLedger, wanted: str) -> Manifest:
    """The manifest of the backup whose id begins with `wanted`, or of the newest one for `latest`.

    With a ledger only a backup counts that it has recorded: who can write to the store must not be able to slip one in.
    Raises ContextMissingError when there is none, RefusedError for one that the ledger does not know or that does not count,
    UsageError for a beginning of several, BackupDamagedError when its manifest is gone or was changed, StorageError.
    """
    recorded = recorded_backup(ledger, wanted)
    if recorded is None:
        # Objects are looked at when they are fetched; what is read here is which backups there are.
        return require_whole(stored_backups(store, ledger.name).find(wanted), extra=False)
    return recorded_manifest(store, ledger.name, recorded)


def recorded_backup(ledger: BackupLedger, wanted: str) -> RecordedBackup | None:
    """The record of the backup that `wanted` names, as in `chosen_backup`; None where there is no ledger."""
    return _recorded(ledger.name, ledger.history.backups, wanted) if ledger.history else None


def _recorded(name: str, backups: Sequence[RecordedBackup], wanted: str) -> RecordedBackup:
    hint = f"take one: `pointsctl backup create --env {name}`"
    if wanted == LATEST:
        found = newest(backups)
        if found is None:
            raise ContextMissingError(f"the ledger of {name!r} knows no backup that counts", hint=hint)
        return found
    matching = [one for one in backups if wanted and one.id.lower().startswith(wanted.lower())]
    if not matching:
        message = f"the ledger of {name!r} knows no backup {plain(wanted, 60)!r}"
        raise RefusedError(message, hint="see `pointsctl backup list`; what is only in the store may be anybody's")
    if len({one.id for one in matching}) > 1:
        raise UsageError(
            f"{len(matching)} backups begin with {plain(wanted, 60)!r}", hint="`pointsctl backup list` names them"
        )
    return _counting(matching[-1])


def _counting(backup: RecordedBackup) -> RecordedBackup:
    if backup.state in (BackupState.REJECTED, BackupState.PRUNED):
        raise RefusedError(backup.in_a_sentence, hint="use another backup; `pointsctl backup list` names them")
    return backup


def recorded_manifest(store: Store, name: str, backup: RecordedBackup) -> Manifest:
    """The manifest that the ledger recorded for `backup`, from the store. Raises as `chosen_backup` does."""
    place = manifest_name(name, backup.id, backup.digest)
    try:
        return read_manifest(place, store.get(place, LONGEST_MANIFEST))
    except NotStoredError:
        raise _gone(store, backup) from None
    except ManifestError as error:
        raise BackupDamagedError(error.message, hint=error.hint, problems=(error.message,)) from None


def _gone(store: Store, backup: RecordedBackup) -> PointsctlError:
    if store.address != backup.data.store:
        message = (
            f"backup {backup.id} was stored in {plain(backup.data.store)}, the store here is {plain(store.address)}"
        )
        return RefusedError(message, hint="correct `backup.store`, or bring the backup there")
    message = f"the manifest that the ledger recorded for backup {backup.id} is not in {plain(store.address)}"
    return BackupDamagedError(
        message, hint="use another backup; `pointsctl backup list` names them", problems=(message,)
    )
