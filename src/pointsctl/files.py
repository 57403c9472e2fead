"""Files: opened without waiting for pipes or reading without end; written privately, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pointsctl.errors import CouldNotLookError, StorageError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import stop_if_over

MAX_CONTENT_BYTES = 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class FileSeen:
    """A regular file at one moment: size in bytes, time of its last change, digest, and its content if it was wanted."""

    place: Path
    size: int
    modified_at: datetime
    sha256: str
    content: bytes = field(default=b"", repr=False)


def see(place: Path, cancellation: Cancellation, *, keep: bool) -> FileSeen | str:
    """The file at `place`, or why there is none ("does not exist", "is not a file").

    `keep` asks for the content too, at most 1 MiB. Raises StorageError (cannot be read), CouldNotLookError (too large to
    keep), TookTooLongError, InterruptedByOperatorError.
    """
    try:
        # Without O_NONBLOCK a pipe that nobody writes to would be waited for.
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _seen(place, descriptor, cancellation, keep=keep)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return "does not exist"
    except OSError as error:
        raise _unreadable(place, error) from None


def _seen(place: Path, descriptor: int, cancellation: Cancellation, *, keep: bool) -> FileSeen | str:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return "is not a file"
    if keep and status.st_size > MAX_CONTENT_BYTES:
        message = f"{place.name!r} has {status.st_size:,} bytes, more than the {MAX_CONTENT_BYTES:,} that are read"
        raise CouldNotLookError(message, hint="name a smaller file, or split it")
    sha256, content = _read(descriptor, cancellation, keep=keep)
    return FileSeen(place, status.st_size, datetime.fromtimestamp(status.st_mtime, tz=UTC), sha256, content)


def exists(place: Path) -> bool:
    """Whether there is anything at `place`. Raises StorageError when that cannot be known."""
    try:
        place.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        raise _unreadable(place, error) from None
    return True


def _read(descriptor: int, cancellation: Cancellation, *, keep: bool) -> tuple[str, bytes]:
    digest, content = hashlib.sha256(), bytearray()
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        stop_if_over(cancellation, "reading the file")
        digest.update(chunk)
        if keep and len(content) <= MAX_CONTENT_BYTES:
            content += chunk
    return digest.hexdigest(), bytes(content)


def _unreadable(place: Path, error: OSError) -> StorageError:
    reason = (error.strerror or "refused").lower()
    return StorageError(f"the file {place.name!r} cannot be read: {reason}", hint="see its permissions and its links")


def write_private(path: Path, text: str) -> None:
    """Put `text` under `path` with mode 0600; a reader sees the old or the new file. Raises StorageError.

    A link stays a link, and what is no regular file (`/dev/null`, a pipe with a reader) is written to, never replaced.
    """
    write_private_parts(path, (text,))


def write_private_parts(path: Path, parts: Iterable[str]) -> None:
    """The same for a text that comes in parts and is never in memory as a whole."""
    try:
        if path.exists() and not path.is_file():
            _write_into(path, parts)
        else:
            _replace(Path(os.path.realpath(path)), parts)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}", hint=f"check that {path.parent} may be written to"
        ) from error


def _write_into(path: Path, parts: Iterable[str]) -> None:
    # Without O_NONBLOCK a pipe that nobody reads would be waited for.
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.writelines(parts)


def _replace(path: Path, parts: Iterable[str]) -> None:
    with _replacing(path) as file:
        file.writelines(part.encode("utf-8", errors="backslashreplace") for part in parts)


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """A new file with mode 0600 that takes the place of `path` when the block ends well, and is gone when it does not.

    A link stays a link. Raises StorageError, also when there is something at `path` that is no regular file.
    """
    try:
        if path.exists() and not path.is_file():
            raise StorageError(f"cannot write {path}: it is no regular file", hint="name a file that may be replaced")
        with _replacing(Path(os.path.realpath(path))) as file:
            yield file
    except OSError as error:
        hint = f"check that {path.parent} may be written to"
        raise StorageError(f"cannot write {path}: {error.strerror}", hint=hint) from error


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def copy(
    source: BinaryIO,
    target: BinaryIO,
    cancellation: Cancellation,
    *,
    moved: Callable[[int], object],
    limit: int | None = None,
) -> tuple[int, str]:
    """Copy a stream; its size in bytes and its SHA-256, computed on the way. `moved` is told of each piece, in bytes.

    More than `limit` bytes are not read to the end: the size that comes back is then above it. Raises OSError,
    TookTooLongError, InterruptedByOperatorError.
    """
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        stop_if_over(cancellation, "copying the file")
        size += len(chunk)
        if limit is not None and size > limit:
            break
        digest.update(chunk)
        target.write(chunk)
        moved(len(chunk))
    return size, digest.hexdigest()


@contextmanager
def new_private_file(path: Path) -> Iterator[BinaryIO]:
    """A file with mode 0600 that was not there before, and is gone when the block does not end well. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
