"""A file of a backup as it goes into the store: hashed, and encrypted in its place, so that a call that was cut off goes on."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pydantic

from pointsctl.encryption import Recipients, encrypt
from pointsctl.errors import StorageError
from pointsctl.files import see
from pointsctl.model.backup import StoredObject
from pointsctl.model.cancellation import Cancellation

_SUFFIX = ".age"


class Sealed:
    """The journal of what has been encrypted: one JSON line an object, the last one of a name counts; safe for threads."""

    def __init__(self, journal: Path, recipients: Recipients | None, known: dict[str, StoredObject]) -> None:
        self.journal, self.recipients = journal, recipients
        self._known = known
        self._lock = threading.Lock()

    @classmethod
    def open(cls, journal: Path, recipients: Recipients | None) -> Sealed:
        """Read what an earlier call has written; a last line that was cut off does not count. Raises StorageError."""
        known: dict[str, StoredObject] = {}
        try:
            lines = journal.read_bytes().split(b"\n") if journal.exists() else []
        except OSError as error:
            raise _cannot("read", journal, error) from None
        for line in lines[:-1]:
            try:
                one = StoredObject.model_validate_json(line)
            except pydantic.ValidationError:
                continue  # written by a call that was killed: the object is looked at again
            known[one.name] = one
        return cls(journal, recipients, known)

    def known(self, name: str) -> StoredObject | None:
        """What was noted of the object."""
        with self._lock:
            return self._known.get(name)

    def note(self, stored: StoredObject) -> None:
        """Note it, and return when a power cut would not forget it."""
        line = f"{json.dumps(stored.model_dump(mode='json'))}\n".encode()
        with self._lock:
            try:
                descriptor = os.open(self.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(line)
                    file.flush()
                    os.fsync(descriptor)
            except OSError as error:
                raise _cannot("write", self.journal, error) from None
            self._known[stored.name] = stored


def seal(folder: Path, name: str, sealing: Sealed, cancellation: Cancellation) -> StoredObject:
    """The object that the file `name` is, after encrypting it in its place where there are recipients.

    Raises StorageError for a name that no object may have, and for a file that is neither what was noted nor what was sealed.
    """
    path = folder / name
    known, recipients = sealing.known(name), sealing.recipients
    size, sha256 = _seen(path, cancellation)
    if known and (size, sha256) == (known.size, known.sha256):
        return known
    if known and (size, sha256) != (known.plain_size, known.plain_sha256):
        raise StorageError(f"{name!r} has changed since it was read", hint="take the backup again")
    if recipients is None:
        return _object(name, size, sha256, size, sha256)
    # Beside the folder, because whatever is in it belongs to the backup.
    target = sealing.journal.with_name(f"{name.replace('/', ',')}{_SUFFIX}")
    target.unlink(missing_ok=True)
    digests = encrypt(path, target, recipients, cancellation)
    stored = _object(name, digests.written_size, digests.written_sha256, digests.read_size, digests.read_sha256)
    if (stored.plain_size, stored.plain_sha256) != (size, sha256):
        target.unlink()
        raise StorageError(f"{name!r} has changed while it was read", hint="take the backup again")
    sealing.note(stored)
    try:
        target.replace(path)
    except OSError as error:
        raise _cannot("replace", path, error) from None
    return stored


def _object(name: str, size: int, sha256: str, plain_size: int, plain_sha256: str) -> StoredObject:
    try:
        return StoredObject(name=name, size=size, sha256=sha256, plain_size=plain_size, plain_sha256=plain_sha256)
    except pydantic.ValidationError:
        raise StorageError(f"{name!r} is no name of an object", hint="take the backup again") from None


def _seen(path: Path, cancellation: Cancellation) -> tuple[int, str]:
    found = see(path, cancellation, keep=False)
    if isinstance(found, str):
        raise StorageError(f"{path.name!r} of the backup {found}", hint="take the backup again")
    return found.size, found.sha256


def _cannot(what: str, path: Path, error: OSError) -> StorageError:
    reason = (error.strerror or type(error).__name__).lower()
    return StorageError(f"cannot {what} {path.name!r}: {reason}", hint="see the space that is left, and try again")
