"""Keeps the files of a bundle that is being made outside memory until their digests are known."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_CHUNK = 1024 * 1024


class _Kept(NamedTuple):
    path: Path | None
    offset: int
    size: int


class Spool:
    """Files by name, each added once, with their digests; a context manager."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="pointsctl-")  # noqa: SIM115  (closed by the context)
        self._kept: dict[str, _Kept] = {}
        self.sums: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def add(self, name: str, content: bytes) -> None:
        """Keep a file."""
        self._kept[name] = _Kept(None, self._file.tell(), len(content))
        self._file.write(content)
        self.sums[name] = hashlib.sha256(content).hexdigest()

    def add_file(self, name: str, path: Path) -> None:
        """Keep a large file where it is; it must stay there, unchanged, until everything was read."""
        with path.open("rb") as file:
            self.sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
        self._kept[name] = _Kept(path, 0, path.stat().st_size)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(kept.size for kept in self._kept.values())

    def files(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Every file with its parts, by name; nothing is added any more."""
        self._file.flush()
        for name in sorted(self._kept):
            yield name, self._parts(self._kept[name])

    def _parts(self, kept: _Kept) -> Iterator[bytes]:
        if kept.path is not None:
            with kept.path.open("rb") as file:
                while part := file.read(_CHUNK):
                    yield part
            return
        self._file.seek(kept.offset)
        left = kept.size
        while left:
            part = self._file.read(min(left, _CHUNK))
            left -= len(part)
            yield part
