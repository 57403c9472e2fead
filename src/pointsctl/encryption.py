"""Encryption to age keys, file by file in bounded memory: whoever holds the store alone cannot read what lies in it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from pointsctl.errors import BackupDamagedError, PermissionMissingError, RefusedError, StorageError, UsageError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import stop_if_over

IDENTITY_VARIABLE = "POINTSCTL_AGE_IDENTITY"
"""Names the file with the secret keys (as `age-keygen` writes it), never a key itself."""

_LONGEST_IDENTITY_FILE = 256 * 1024
_HINT = f"name the file with the secret key of one of its recipients in {IDENTITY_VARIABLE}"


@dataclass(frozen=True)
class Recipients:
    """Public keys (`age1...`), any of whose owners can decrypt."""

    keys: tuple[str, ...]
    _read: tuple[Any, ...] = field(repr=False)


@dataclass(frozen=True)
class Identities:
    """Secret keys, which never show."""

    _read: tuple[Any, ...] = field(repr=False)


@dataclass(frozen=True)
class Digests:
    """Size in bytes and SHA-256 of what was read and of what was written."""

    read_size: int
    read_sha256: str
    written_size: int
    written_sha256: str


def recipients_of(keys: Sequence[str]) -> Recipients:
    """The keys, read. Raises UsageError for a text that is no public age key."""
    import pyrage  # type: ignore[import-untyped]  # ships no types

    found = []
    for number, key in enumerate(keys, 1):
        try:
            found.append(pyrage.x25519.Recipient.from_str(key))
        except pyrage.RecipientError:
            # Somebody may have put the secret key there, so it is not repeated.
            message = f"key {number} of `backup.encrypt_to` is no public age key"
            raise UsageError(message, hint="write the line `age1...` that `age-keygen -y` prints") from None
    return Recipients(tuple(keys), tuple(found))


def read_identities(path: Path) -> Identities:
    """The secret keys in a file as `age-keygen` writes it: one a line, `#` for comments.

    Raises RefusedError when others may read the file, StorageError when it cannot be read, UsageError when it holds no keys.
    """
    import pyrage  # mypy knows from above

    keys = []
    for number, line in enumerate(_lines(path), 1):
        if line and not line.startswith("#"):
            try:
                keys.append(pyrage.x25519.Identity.from_str(line))
            except pyrage.IdentityError:
                message = f"line {number} of {path} is no secret age key"
                raise UsageError(message, hint="name a file as `age-keygen -o FILE` writes it") from None
    if not keys:
        raise UsageError(f"{path} holds no secret age key", hint="name a file as `age-keygen -o FILE` writes it")
    return Identities(tuple(keys))


def encrypt(
    source: Path,
    target: Path,
    recipients: Recipients,
    cancellation: Cancellation,
    moved: Callable[[int], None] = lambda _bytes: None,
) -> Digests:
    """Encrypt the file `source` into the new file `target` (mode 0600). Raises StorageError."""
    import pyrage

    with _streams(source, target, cancellation, moved) as (reading, writing):
        try:
            pyrage.encrypt_io(reading, writing, recipients._read)
        except (pyrage.EncryptError, OSError) as error:
            raise _failure(reading, writing) or _cannot("encrypt", source, error) from None
        return _digests(reading, writing)


def decrypt(
    source: Path,
    target: Path,
    identities: Identities,
    cancellation: Cancellation,
    moved: Callable[[int], None] = lambda _bytes: None,
) -> Digests:
    """Decrypt the file `source` into the new file `target` (mode 0600).

    Raises PermissionMissingError when it is encrypted to none of the identities, BackupDamagedError when its bytes were
    changed or cut off, StorageError. What was written before an error is removed.
    """
    import pyrage

    with _streams(source, target, cancellation, moved) as (reading, writing):
        try:
            pyrage.decrypt_io(reading, writing, identities._read)
        except (pyrage.DecryptError, OSError) as error:
            raise _failure(reading, writing) or _undecryptable(source, error) from None
        return _digests(reading, writing)


def _undecryptable(source: Path, error: Exception) -> PermissionMissingError | BackupDamagedError:
    if "no matching keys" in str(error).lower():
        return PermissionMissingError(f"{source.name!r} is encrypted to other keys than yours", hint=_HINT)
    message = f"{source.name!r} cannot be decrypted: its bytes are not what was encrypted"
    return BackupDamagedError(message, hint="use another backup", problems=(message,))


class _Reading:
    """Hashes and counts what is read, and ends the work when its time is up. pyrage reports an exception of ours only as text,
    so that it is kept here.
    """

    def __init__(self, file: BinaryIO, cancellation: Cancellation, moved: Callable[[int], None]) -> None:
        self._file, self._cancellation, self._moved = file, cancellation, moved
        self.sha256, self.size = hashlib.sha256(), 0
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            stop_if_over(self._cancellation, "encryption")
            data = self._file.read(size)
            self.sha256.update(data)
            self.size += len(data)
            self._moved(len(data))
        except BaseException as error:
            self.failure = error
            raise
        return data


class _Writing:
    """Hashes and counts what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256, self.size = hashlib.sha256(), 0
        self.failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
        except BaseException as error:
            self.failure = error
            raise
        self.sha256.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()


@contextmanager
def _streams(
    source: Path, target: Path, cancellation: Cancellation, moved: Callable[[int], None]
) -> Iterator[tuple[_Reading, _Writing]]:
    created = False
    try:
        with source.open("rb") as file:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            created = True
            with os.fdopen(descriptor, "wb") as written:
                yield _Reading(file, cancellation, moved), _Writing(written)
    except OSError as error:
        if created:
            target.unlink(missing_ok=True)
        raise _cannot("encrypt or decrypt", source, error) from None
    except BaseException:
        if created:
            target.unlink(missing_ok=True)
        raise


def _failure(reading: _Reading, writing: _Writing) -> BaseException | None:
    return reading.failure or writing.failure


def _cannot(what: str, source: Path, error: Exception) -> StorageError:
    reason = (getattr(error, "strerror", None) or type(error).__name__).lower()
    return StorageError(f"cannot {what} {source.name!r}: {reason}", hint="see the space that is left, and try again")


def _digests(reading: _Reading, writing: _Writing) -> Digests:
    return Digests(reading.size, reading.sha256.hexdigest(), writing.size, writing.sha256.hexdigest())


def _lines(path: Path) -> list[str]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST_IDENTITY_FILE:
                raise UsageError(f"{path} is no file of secret age keys", hint=_HINT)
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                message = f"{path} holds secret keys and has the mode {status.st_mode & 0o777:04o}, expected 0600"
                raise RefusedError(message, hint=f"chmod 600 {path}")
            return [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise StorageError(f"cannot read {path}: {reason}", hint=_HINT) from None
