"""The hashes of a chain that was read from a file, kept outside memory so that a statement can look back at any of them."""

from __future__ import annotations

import struct
import tempfile
from types import TracebackType
from typing import Self

_ENTRY = struct.Struct(">q32s")


class HashIndex:
    """Entries of a record's number and hash, found again by bisection; a context manager.

    Numbers that come in another order than rising may not be found again: then they are damage anyhow.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="pointsctl-")  # noqa: SIM115  (closed by the context)
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def add(self, seq: int, digest: str) -> None:
        """Note the hash of the next record."""
        self._file.write(_ENTRY.pack(seq, bytes.fromhex(digest)))
        self._number += 1

    def find(self, seq: int) -> str | None:
        """The hash that was noted for this number; adding goes on afterwards."""
        low, high = 0, self._number
        while low < high:
            middle = (low + high) // 2
            found, digest = self._entry(middle)
            if found == seq:
                return digest
            low, high = (middle + 1, high) if found < seq else (low, middle)
        return None

    def _entry(self, place: int) -> tuple[int, str]:
        end = self._file.tell()
        self._file.seek(place * _ENTRY.size)
        seq, digest = _ENTRY.unpack(self._file.read(_ENTRY.size))
        self._file.seek(end)
        return seq, digest.hex()
