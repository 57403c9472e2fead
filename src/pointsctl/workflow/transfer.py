"""A backup's objects on their way into the store and out of it: hashed, encrypted, several at a time, checked on arrival."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pointsctl.backup_stores.interface import NotStoredError, Store
from pointsctl.encryption import Identities, Recipients, decrypt
from pointsctl.errors import BackupDamagedError, PermissionMissingError, StorageError
from pointsctl.model.backup import Manifest, StoredObject
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.progress import Progress, Unit
from pointsctl.workflow.seal import Sealed, seal
from pointsctl.workflow.several import Stop, for_each
from pointsctl.workflow.stored_backups import damaged, object_problems

UPLOAD = "upload"
DOWNLOAD = "download"
_INCOMING = ".incoming"
"""No object's name begins with a dot, so nothing of a backup can be called so."""


@dataclass(frozen=True)
class Way:
    """Between which store and which folder of this machine, how many objects at a time, and who watches."""

    store: Store
    folder: Path
    cancellation: Cancellation
    progress: Progress
    jobs: int = 4


def send(
    way: Way,
    place: str,
    *,
    journal: Path,
    recipients: Recipients | None = None,
    retain_until: datetime | None = None,
) -> tuple[StoredObject, ...]:
    """Put every file below `way.folder` into the store, below `place` (the manifest's `folder`); the objects by name.

    With `recipients` each file is encrypted in its place first, so the folder then holds what is in the store. `journal` is a
    file beside the folder (made when missing) that says which are encrypted already, so that a call that was cut off can be
    made again; what has arrived is not sent again. Raises StorageError also for a file that changed on the way, for a name
    that no object may have, and for an empty folder.
    """
    files = _files(way.folder)
    sealing = Sealed.open(journal, recipients)
    moving = _Moving(way.progress, UPLOAD, sum((way.folder / name).stat().st_size for name in files))
    stop = Stop(way.cancellation)

    def one(name: str) -> StoredObject:
        stored = seal(way.folder, name, sealing, stop)
        moved = moving.of(name)
        target = f"{place}/objects/{name}"
        way.store.put_file(target, way.folder / name, stored.sha256, stop, moved=moved, retain_until=retain_until)
        return stored

    objects = for_each(files, one, way.jobs, stop)
    way.progress.end(UPLOAD)
    return tuple(objects)


def fetch(way: Way, manifest: Manifest, *, identities: Identities | None = None, extra: bool = True) -> None:
    """Bring every object of a backup into the empty `way.folder`, decrypted, and prove each by its SHA-256.

    Raises BackupDamagedError naming every object that is missing, of another size or of other bytes; with `extra` also what is
    in the store and not in the manifest, which is never read. Raises PermissionMissingError when it is encrypted and
    `identities` cannot read it, and what the store raises.
    """
    if manifest.encryption is not None and identities is None:
        raise PermissionMissingError(
            f"backup {manifest.id} is encrypted, and there is no key to read it",
            hint="name the file with the secret key of one of its recipients in POINTSCTL_AGE_IDENTITY",
        )
    problems = object_problems(manifest, way.store.sizes(manifest.folder), extra=extra)
    if problems:
        raise damaged(manifest.id, problems)
    moving = _Moving(way.progress, DOWNLOAD, manifest.stored_size)
    stop = Stop(way.cancellation)

    def one(stored: StoredObject) -> str:
        try:
            return _fetch_one(way, manifest, stored, identities, stop, moving.of(stored.name))
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            message = f"cannot write {stored.name!r} into {way.folder}: {reason}"
            raise StorageError(message, hint="see the space that is left, and that the folder is empty") from None

    with _incoming(way.folder):
        found = for_each(manifest.objects, one, way.jobs, stop)
    problems = tuple(problem for problem in found if problem)
    if problems:
        raise damaged(manifest.id, problems)
    way.progress.end(DOWNLOAD)


def room_for(manifest: Manifest, jobs: int) -> int:
    """Bytes that `fetch` takes on the disk at the most, with `jobs` objects at a time: what is still encrypted lies beside."""
    sizes = sorted((one.size for one in manifest.objects), reverse=True) if manifest.encryption else []
    return sum(one.plain_size for one in manifest.objects) + sum(sizes[:jobs])


def _fetch_one(
    way: Way,
    manifest: Manifest,
    stored: StoredObject,
    identities: Identities | None,
    cancellation: Cancellation,
    moved: Callable[[int], None],
) -> str:
    """What is wrong with the object, or nothing; then it is in the folder."""
    target = way.folder / stored.name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    incoming = way.folder / _INCOMING / stored.name.replace("/", ",") if manifest.encryption else target
    name = f"objects/{stored.name}"
    try:
        sha256 = way.store.get_file(manifest.place_of(stored), incoming, stored.size, cancellation, moved=moved)
    except NotStoredError:
        return f"{name} is missing"
    size = incoming.stat().st_size
    if (size, sha256) != (stored.size, stored.sha256):
        return _other(name, size, sha256, stored.size, stored.sha256)
    if manifest.encryption is None or identities is None:
        plain_size, plain_sha256 = size, sha256
    else:
        try:
            plain = decrypt(incoming, target, identities, cancellation)
        except BackupDamagedError as error:
            return f"{name}: {error.message}"
        incoming.unlink()
        plain_size, plain_sha256 = plain.written_size, plain.written_sha256
    if (plain_size, plain_sha256) != (stored.plain_size, stored.plain_sha256):
        return _other(f"{name}, decrypted,", plain_size, plain_sha256, stored.plain_size, stored.plain_sha256)
    return ""


def _other(name: str, size: int, sha256: str, expected_size: int, expected_sha256: str) -> str:
    if size != expected_size:
        return f"{name} has {size:,} bytes, expected {expected_size:,}"
    return f"{name} has the SHA-256 {sha256[:12]}…, expected {expected_sha256[:12]}…"


def _files(folder: Path) -> list[str]:
    """The names of every file below the folder, sorted. Raises StorageError for what no object can be."""
    names = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise StorageError(f"{name!r} in the backup is no regular file", hint="take the backup again")
        if path.is_file():
            names.append(name)
    if not names:
        raise StorageError("the backup has no files", hint="take the backup again")
    return names


@contextmanager
def _incoming(folder: Path) -> Iterator[None]:
    """A place for what is still encrypted."""
    place = folder / _INCOMING
    place.mkdir(mode=0o700)
    try:
        yield
    finally:
        for left in place.iterdir():
            left.unlink()
        place.rmdir()


@dataclass
class _Moving:
    """Adds up what several threads have moved."""

    progress: Progress
    stage: str
    total: int
    _done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.progress.begin(self.stage, Unit.BYTES, self.total)

    def of(self, name: str) -> Callable[[int], None]:
        def moved(more: int) -> None:
            with self._lock:
                self._done += more
                self.progress.move(self.stage, self._done, name)

        return moved
