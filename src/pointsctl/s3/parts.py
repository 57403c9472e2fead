"""A file cut into parts: each measured once, and read again piece by piece while it is sent, so that memory stays bounded."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pointsctl.errors import StorageError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import stop_if_over

MIB = 1024 * 1024
SINGLE = 8 * MIB
"""What is no larger than this goes in one request."""
_MOST_PARTS = 9_000
_CHUNK = MIB


@dataclass(frozen=True)
class Sent:
    """A file to be put under `key`: its path, the SHA-256 that it must have, and until when it is to be locked."""

    key: str
    path: Path
    sha256: str
    until: datetime | None


@dataclass(frozen=True)
class Part:
    """A piece of a file; `offset` and `size` in bytes, `sha256` raw. Numbers begin at 1."""

    number: int
    offset: int
    size: int
    sha256: bytes

    @property
    def checksum(self) -> str:
        """The SHA-256 as S3 writes it."""
        return checksum(self.sha256)


class Measured:
    """The parts of the file at `path`, each as soon as it has been read; afterwards `sha256` is that of the whole file.

    The digest of the whole and those of the parts come from the same reading: a file that changes meanwhile cannot be sent
    as a mixture, since the store compares what arrives with the part's digest. Raises OSError and what a cancellation raises.
    """

    def __init__(self, path: Path, cancellation: Cancellation) -> None:
        self.size = path.stat().st_size
        self.sha256 = ""
        self._path = path
        self._cancellation = cancellation

    def __iter__(self) -> Iterator[Part]:
        """Reads the file from its beginning."""
        whole, length = hashlib.sha256(), part_size(self.size)
        with self._path.open("rb") as file:
            for number, offset in enumerate(range(0, max(self.size, 1), length), start=1):
                digest, size = hashlib.sha256(), 0
                while size < length and (chunk := file.read(min(_CHUNK, length - size))):
                    stop_if_over(self._cancellation, "reading the file")
                    whole.update(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                yield Part(number, offset, size, digest.digest())
        self.sha256 = whole.hexdigest()


def demand_digest(sent: Sent, measured: Measured) -> None:
    """Raises StorageError when what was read is not what was to be sent."""
    if measured.sha256 != sent.sha256:
        message = f"{sent.path.name!r} has the SHA-256 {measured.sha256}, not {sent.sha256}"
        raise StorageError(message, hint="the file was changed after it was made: make it again")


def part_size(size: int) -> int:
    """How large the parts of a file of `size` bytes are; always the same for the same size, so that an upload can go on."""
    needed = -(-size // _MOST_PARTS)
    return max(SINGLE, -(-needed // MIB) * MIB)


def checksum(digest: bytes) -> str:
    """A digest as S3 writes it: base64."""
    return base64.b64encode(digest).decode()


def composite(parts: Sequence[Part]) -> str:
    """The checksum that S3 gives an object made of these parts."""
    joined = hashlib.sha256(b"".join(part.sha256 for part in parts)).digest()
    return f"{checksum(joined)}-{len(parts)}"


class Slice(io.RawIOBase):
    """The bytes of one part, as boto3 wants to read them: seekable, of known length. Ends when the cancellation says so."""

    def __init__(self, path: Path, part: Part, cancellation: Cancellation) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._start, self._size, self._at = part.offset, part.size, 0
        self._cancellation = cancellation

    def __len__(self) -> int:
        """In bytes."""
        return self._size

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always: what was not taken is sent again."""
        return True

    def tell(self) -> int:
        """Within the part."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Within the part."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes; all that is left without one."""
        stop_if_over(self._cancellation, "sending the file")
        left = max(0, self._size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        self._file.seek(self._start + self._at)
        data = self._file.read(wanted)
        self._at += len(data)
        return data

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()
