"""Use case: look at what the store of an environment shows of one backup: its manifest, and every object with its size."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pointsctl.backup_stores.interface import NotStoredError
from pointsctl.errors import UsageError
from pointsctl.model.backup import LONGEST_MANIFEST, ManifestError, folder_of, read_manifest
from pointsctl.model.backup_history import RecordedBackup
from pointsctl.model.posture_rules import posture_problems
from pointsctl.model.store_seen import StoreSeen
from pointsctl.workflow.open_store import open_store
from pointsctl.workflow.stored_backups import object_problems


@dataclass(frozen=True)
class StoreToLookAt:
    """The store of an environment by its URL, empty where none is configured, and how long backups must be kept there."""

    url: str
    environment: str
    retention: timedelta


def look_at_store(at: StoreToLookAt, backup: RecordedBackup | None) -> StoreSeen:
    """What the store shows now; without a backup only how it keeps things.

    Raises UsageError without a store, StorageError when it cannot be looked into.
    """
    if not at.url:
        hint = "set `backup.store` in the checklist: file:///folder or s3://bucket/prefix"
        raise UsageError(f"environment {at.environment!r} has no store for its backups", hint=hint)
    store = open_store(at.url)
    posture = store.posture(folder_of(at.environment))
    problems = posture_problems(posture, at.retention)
    if backup is None:
        return StoreSeen(store.address, posture, problems)
    folder = folder_of(at.environment, backup.id)
    # By the digest that the ledger recorded: another manifest in the folder says nothing about this backup.
    name = f"{folder}/manifest-{backup.digest}.json"
    try:
        manifest = read_manifest(name, store.get(name, LONGEST_MANIFEST))
    except NotStoredError:
        return StoreSeen(store.address, posture, problems, None, ("its manifest is not there",))
    except ManifestError as error:
        return StoreSeen(store.address, posture, problems, None, (error.message,))
    missing = object_problems(manifest, store.sizes(folder), extra=False)
    return StoreSeen(store.address, posture, problems, manifest, missing)


def looking_once(at: StoreToLookAt) -> Callable[[RecordedBackup | None], StoreSeen]:
    """Looks once for each backup, however many items ask at the same time; what failed is tried again."""
    lock = threading.Lock()
    seen: dict[str, StoreSeen] = {}

    def look(backup: RecordedBackup | None) -> StoreSeen:
        name = backup.digest if backup else ""
        with lock:
            if name not in seen:
                seen[name] = look_at_store(at, backup)
            return seen[name]

    return look
