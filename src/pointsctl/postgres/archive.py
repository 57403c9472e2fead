"""Reads the table of contents of an archive in pg_dump's directory format, entry by entry, as its lengths say.

The text that pg_restore makes of an archive can be imitated by a comment or a function's body; the lengths cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import BackupDamagedError, StorageError, ToolMissingError
from pointsctl.model.archive import ArchiveEntry

TABLE_OF_CONTENTS = "toc.dat"
_MAGIC = b"PGDMP"
# 12 to 15, 16, 17 and 18; see K_VERS_* in PostgreSQL's src/bin/pg_dump/pg_backup_archiver.h.
_KNOWN = ((1, 14), (1, 15), (1, 16))
_COMPRESSION_BY_NAME = (1, 15)
_WITH_RELATION_KIND = (1, 16)
_TIME_FIELDS = 7
_LONGEST = 1024 * 1024 * 1024


@dataclass(frozen=True)
class Archive:
    """An archive's entries, and the versions of the server that was dumped and of the program that did it, as they say them."""

    server_version: str
    program_version: str
    entries: tuple[ArchiveEntry, ...]


def read_archive(folder: Path) -> Archive:
    """The table of contents of the archive in `folder`.

    Raises StorageError, BackupDamagedError (it is no archive, or not a whole one), ToolMissingError (of a newer format).
    """
    path = folder / TABLE_OF_CONTENTS
    try:
        data = path.read_bytes() if path.stat().st_size <= _LONGEST else b""
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"cannot read {path}: {reason}", hint="see its permissions") from None
    try:
        return _Reader(data).archive()
    except (IndexError, ValueError, OverflowError):
        message = f"{path.name} in {folder} is not the table of contents of an archive, or only a part of one"
        raise BackupDamagedError(message, hint="use another backup") from None


class _Reader:
    """Takes values from the beginning of the data; IndexError and ValueError where there are none."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._integer_size = 4
        self._version = (0, 0)

    def archive(self) -> Archive:
        self._header()
        for _ in range(_TIME_FIELDS):
            self._integer()
        self._text()
        server, program = self._text(), self._text()
        entries = tuple(self._entries(self._integer()))
        if self._at != len(self._data):
            raise ValueError("something follows the last entry")
        return Archive(server, program, entries)

    def _header(self) -> None:
        if self._bytes(len(_MAGIC)) != _MAGIC:
            raise ValueError("another kind of file")
        major, minor, _revision, self._integer_size, _offset_size, _format = self._bytes(6)
        self._version = (major, minor)
        if self._version not in _KNOWN:
            found, newest = f"{major}.{minor}", ".".join(map(str, _KNOWN[-1]))
            message = f"the archive has the format {found}; this version of pointsctl reads formats up to {newest}"
            raise ToolMissingError(
                message, hint="use a pg_dump of the server's own major version, or a newer pointsctl"
            )
        if self._version >= _COMPRESSION_BY_NAME:
            self._bytes(1)
        else:
            self._integer()

    def _entries(self, count: int) -> Iterator[ArchiveEntry]:
        for _ in range(count):
            yield self._entry()

    def _entry(self) -> ArchiveEntry:
        self._integer()  # its number
        self._integer()  # whether it has rows
        self._text()  # the catalogue and the oid that it comes from
        self._text()
        tag, kind, section, definition = self._text(), self._text(), self._integer(), self._text()
        self._text()  # how to drop it, how to copy its rows
        self._text()
        namespace, tablespace, access_method = self._text(), self._text(), self._text()
        if self._version >= _WITH_RELATION_KIND:
            self._integer()
        owner = self._text()
        self._text()  # whether its rows have oids, which none have any more
        while self._optional_text() is not None:
            pass  # what it depends on
        self._text()  # the file of its rows
        return ArchiveEntry(kind, namespace, tag, owner, definition, section, tablespace, access_method)

    def _bytes(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) != count:
            raise IndexError("the data ends")
        self._at += count
        return found

    def _integer(self) -> int:
        negative, *digits = self._bytes(1 + self._integer_size)
        value = int.from_bytes(bytes(digits), "little")
        return -value if negative else value

    def _optional_text(self) -> str | None:
        length = self._integer()
        # A name may hold any bytes in a database that does not check its encoding; they stay visible, and different.
        return None if length < 0 else self._bytes(length).decode("utf-8", "backslashreplace")

    def _text(self) -> str:
        return self._optional_text() or ""
