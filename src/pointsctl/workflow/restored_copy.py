"""Use case: a copy of a stored backup in a scratch place, for as long as somebody works on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pointsctl.backup_engines.interface import Engine, Restored
from pointsctl.backup_stores.interface import Store
from pointsctl.encryption import Identities, read_identities
from pointsctl.model.backup import Manifest
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.progress import Progress
from pointsctl.postgres.scratch import Scratch
from pointsctl.postgres.workspace import Workspace, require_room
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.drill_place import EPHEMERAL, drill_place
from pointsctl.workflow.transfer import Way, fetch, room_for

_FILES = "backup"
_IDENTITY = "POINTSCTL_AGE_IDENTITY"
_BESIDE = 1.2
"""What a restored copy takes on the disk, as a multiple of the database's size: sorting for indexes needs room too."""


@dataclass(frozen=True)
class RestoredCopy:
    """The copy, where it is, the engine that made it, and the folder with the backup's files."""

    copy: Restored
    scratch: Scratch
    engine: Engine
    folder: Path


def require_room_for_copy(request: BackupRequest, workspace: Workspace, manifest: Manifest) -> None:
    """Raises StorageError unless the backup's files, and the copy where it lies beside them, have room."""
    copy = round(manifest.database_size * _BESIDE) if request.settings.restore_into == EPHEMERAL else 0
    require_room(workspace.folder, room_for(manifest, Way.jobs) + copy)


@contextmanager
def restored_copy(
    request: BackupRequest,
    store: Store,
    manifest: Manifest,
    workspace: Workspace,
    cancellation: Cancellation,
    progress: Progress,
    *,
    settings: Mapping[str, str] | None = None,
) -> Iterator[RestoredCopy]:
    """Bring the backup's objects from the store, prove each by its digest, and restore them; all is gone after the block.

    `settings` are further ones for a server of our own. Raises what `fetch`, `drill_place` and the engine raise.
    """
    folder = workspace.directory(_FILES)
    way = Way(store, folder, cancellation, progress)
    # What somebody has added to the folder in the store is never read, and must not keep anybody from a restore.
    fetch(way, manifest, identities=_identities(request, manifest), extra=False)
    engine = request.engine(manifest.engine)
    with drill_place(request, workspace, manifest, settings=settings) as scratch:
        copy = engine.restore(manifest.contents, folder, scratch, cancellation, progress)
        yield RestoredCopy(copy, scratch, engine, folder)


def _identities(request: BackupRequest, manifest: Manifest) -> Identities | None:
    path = request.variables.get(_IDENTITY)
    return read_identities(Path(path)) if manifest.encryption and path else None
