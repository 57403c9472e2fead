"""Zip files of one form only: stored, sorted, dated 1980, nothing before, between or after; read by comparing every header.

A zip file says everything twice, and readers believe one or the other. Here both must be what `write_archive` writes, so
that all readers see the same files: no compression (and so no bombs), no encryption, links, comments, extra fields, zip64.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from pointsctl.errors import CouldNotLookError, PointsctlError, StorageError
from pointsctl.model.bundle import LARGEST_BUNDLE, MOST_FILES, Difference, largest, objection_to
from pointsctl.model.problems import shown

_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = (stat.S_IFREG | 0o600) << 16
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sBBHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_VERSION, _UNIX, _DAY = 20, 3, 33
_LONGEST_IN_DIRECTORY = _CENTRAL.size + 300
_CHUNK = 1024 * 1024
_ARCHIVE = "the archive"
_HINT = "name a file that `pointsctl evidence export` wrote"


class BundleUnreadableError(CouldNotLookError):
    """A file is no evidence bundle, or cannot be read at all."""

    code = "bundle-unreadable"


class ArchiveError(PointsctlError):
    """A zip file is not of the form in which bundles are written; `difference` says where and how."""

    code = "archive"

    def __init__(self, name: str, expected: str, found: str) -> None:
        super().__init__(f"{name}: expected {expected}, found {found}", hint="export the evidence again")
        self.difference = Difference(name, expected, found)


class Entry(NamedTuple):
    """A file in the archive: where its bytes begin, how many they are, and their checksum as the archive states it."""

    offset: int
    size: int
    crc: int


def write_archive(target: BinaryIO, files: Iterable[tuple[str, Iterable[bytes]]]) -> None:
    """Write the files, which come sorted by name, to an empty seekable file: the same files always give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name, parts in files:
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system, info.external_attr = _UNIX, _MODE
            with archive.open(info, "w") as file:
                for part in parts:
                    file.write(part)


class Archive:
    """A zip file whose structure has been checked; a context manager. What is in its files has not been looked at."""

    def __init__(self, path: Path) -> None:
        """Raises BundleUnreadableError, StorageError, and ArchiveError for every deviation from the one form."""
        self._file = _opened(path)
        try:
            self.entries = _entries(self._file)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def parts(self, name: str) -> Iterator[bytes]:
        """The bytes of a file, in parts. Raises ArchiveError at the end when they do not have their checksum."""
        entry = self.entries[name]
        crc, place, left = 0, entry.offset, entry.size
        while left:
            self._file.seek(place)
            part = self._file.read(min(left, _CHUNK))
            if not part:
                raise ArchiveError(name, f"{entry.size:,} bytes", "fewer: the file was cut off while it was read")
            crc, place, left = zlib.crc32(part, crc), place + len(part), left - len(part)
            yield part
        if crc != entry.crc:
            raise ArchiveError(name, f"the checksum {entry.crc:08x}, which is stored", f"{crc:08x}")

    def content(self, name: str) -> bytes:
        """A file as a whole."""
        return b"".join(self.parts(name))

    def digest(self, name: str) -> str:
        """SHA-256 of a file."""
        digest = hashlib.sha256()
        for part in self.parts(name):
            digest.update(part)
        return digest.hexdigest()


def _opened(path: Path) -> BinaryIO:
    try:
        # Without O_NONBLOCK a pipe that nobody writes to would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        file = os.fdopen(descriptor, "rb")
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", "") or "refused").lower()
        raise StorageError(f"cannot read {path}: {reason}", hint="check the path and its permissions") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise BundleUnreadableError(f"{path} is no file", hint=_HINT)
    return file


def _entries(file: BinaryIO) -> dict[str, Entry]:
    """1. The end names the directory. 2. The directory lies before it, whole. 3. The files lie before that, side by side."""
    size = file.seek(0, os.SEEK_END)
    if size > LARGEST_BUNDLE:
        raise ArchiveError(_ARCHIVE, f"at most {LARGEST_BUNDLE:,} bytes", f"{size:,}")
    number, start = _end(file, size)
    file.seek(start)
    directory = file.read(size - _END.size - start)
    entries: dict[str, Entry] = {}
    place = reached = 0
    for _ in range(number):
        place, name, entry = _central(directory, place)
        _refuse_order(name, entries)
        _refuse_local(file, name, entry, reached)
        entries[name] = entry
        reached = entry.offset + entry.size
    if place != len(directory) or reached != start:
        raise ArchiveError(_ARCHIVE, "files, a directory, an end", "other bytes in between")
    return entries


def _end(file: BinaryIO, size: int) -> tuple[int, int]:
    """How many files there are, and where their directory begins."""
    file.seek(max(0, size - _END.size))
    found = file.read(_END.size)
    if not found.startswith(b"PK\5\6"):
        file.seek(0)
        if file.read(4) != b"PK\3\4":
            raise BundleUnreadableError("the file is no evidence bundle, and no zip file at all", hint=_HINT)
        raise ArchiveError(_ARCHIVE, "the end of a zip file", "none: it is cut off, or something follows it")
    number, length, start = _END.unpack(found)[4:7]
    expected = _END.pack(b"PK\5\6", 0, 0, number, number, length, start, 0)
    whole = found == expected and start + length == size - _END.size
    if not whole or number > MOST_FILES or length > number * _LONGEST_IN_DIRECTORY:
        raise ArchiveError(_ARCHIVE, "an end as `evidence export` writes it", "another one")
    return number, start


def _central(directory: bytes, place: int) -> tuple[int, str, Entry]:
    """The next file of the directory, and where the one after it begins."""
    head = directory[place : place + _CENTRAL.size]
    if len(head) < _CENTRAL.size:
        raise ArchiveError(_ARCHIVE, "a directory of all files", "one that is cut off")
    fields = _CENTRAL.unpack(head)
    crc, size, length, header = fields[8], fields[10], fields[11], fields[17]
    after = place + _CENTRAL.size + length
    # A byte that is no ASCII becomes a character that no name has.
    name = directory[place + _CENTRAL.size : after].decode("ascii", "replace")
    objection = objection_to(name)
    if objection:
        raise ArchiveError(shown(name, 80), "a name of a bundle's file", objection)
    expected = (b"PK\1\2", _VERSION, _UNIX, _VERSION, 0, 0, 0, _DAY, crc, size, size, length, 0, 0, 0, 0, _MODE, header)
    if fields != expected:
        raise ArchiveError(name, "a plain file, stored as it is", _oddity(fields))
    if size > largest(name):
        raise ArchiveError(name, f"at most {largest(name):,} bytes", f"{size:,}")
    return after, name, Entry(header + _LOCAL.size + length, size, crc)


def _oddity(fields: tuple[bytes | int, ...]) -> str:
    flags, method, extra, attributes = (int(fields[place]) for place in (4, 5, 12, 16))
    if flags & 1:
        return "one that is encrypted"
    if method:
        return "one that is compressed"
    if stat.S_ISLNK(attributes >> 16):
        return "a link"
    if attributes != _MODE:
        return "one with other permissions, or no file"
    return "one with extra fields" if extra else "one with another header"


def _refuse_order(name: str, entries: dict[str, Entry]) -> None:
    if name in entries:
        raise ArchiveError(name, "each name once", "twice")
    last = next(reversed(entries), "")
    if name < last:
        raise ArchiveError(name, "files sorted by name", f"it comes after {last}")


def _refuse_local(file: BinaryIO, name: str, entry: Entry, reached: int) -> None:
    """The file's own header must lie where the last file ended, and say what the directory says."""
    raw = name.encode("ascii")
    header = entry.offset - _LOCAL.size - len(raw)
    if header != reached:
        raise ArchiveError(name, f"it begins at byte {reached:,}, where the file before it ends", f"at byte {header:,}")
    fields = (b"PK\3\4", _VERSION, 0, 0, 0, _DAY, entry.crc, entry.size, entry.size, len(raw), 0)
    expected = _LOCAL.pack(*fields) + raw
    file.seek(header)
    if file.read(len(expected)) != expected:
        raise ArchiveError(name, "the same name and size before the file as in the directory", "another one")
