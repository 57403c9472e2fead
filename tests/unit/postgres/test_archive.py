"""The table of contents of an archive: read by its lengths, and never half."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import BackupDamagedError, PointsctlError, StorageError, ToolMissingError
from pointsctl.model.archive import ArchiveEntry
from pointsctl.postgres.archive import TABLE_OF_CONTENTS, read_archive

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_ENTRIES = st.lists(
    st.builds(ArchiveEntry, _TEXT, _TEXT, _TEXT, _TEXT, _TEXT, st.integers(1, 4), _TEXT, _TEXT), max_size=4
)
_VERSIONS = [(1, 14), (1, 15), (1, 16)]


def integer(value: int) -> bytes:
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def text(value: str | None) -> bytes:
    return integer(-1) if value is None else integer(len(value.encode())) + value.encode()


def table_of_contents(entries: Sequence[ArchiveEntry], version: tuple[int, int]) -> bytes:
    """As pg_dump writes it."""
    compression = integer(-1) if version == (1, 14) else b"\x01"
    head = b"PGDMP" + bytes([*version, 0, 4, 8, 3]) + compression + integer(0) * 7
    data = head + text("points") + text("18.6") + text("18.6 (Debian 18.6-1)") + integer(len(entries))
    for one in entries:
        data += integer(7) + integer(0) + text("1259") + text("4711") + text(one.tag) + text(one.kind)
        data += integer(one.section) + text(one.definition) + text("") + text(None)
        data += text(one.namespace) + text(one.tablespace) + text(one.access_method)
        data += integer(114) if version == (1, 16) else b""
        data += text(one.owner) + text("false") + text("3") + text(None) + text("")
    return data


def written(folder: Path, data: bytes) -> Path:
    (folder / TABLE_OF_CONTENTS).write_bytes(data)
    return folder


@given(_ENTRIES, st.sampled_from(_VERSIONS))
def test_what_was_written_is_read(tmp_path: Path, entries: list[ArchiveEntry], version: tuple[int, int]) -> None:
    archive = read_archive(written(tmp_path, table_of_contents(entries, version)))
    assert archive.entries == tuple(entries)
    assert (archive.server_version, archive.program_version) == ("18.6", "18.6 (Debian 18.6-1)")


@given(_ENTRIES, st.sampled_from(_VERSIONS), st.data())
def test_a_part_of_it_is_nothing(
    tmp_path: Path, entries: list[ArchiveEntry], version: tuple[int, int], data: st.DataObject
) -> None:
    whole = table_of_contents(entries, version)
    length = data.draw(st.integers(0, len(whole) - 1))
    for broken in (whole[:length], whole + b"\x00"):
        with pytest.raises(BackupDamagedError):
            read_archive(written(tmp_path, broken))


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path: Path, noise: bytes, begun: bool) -> None:
    data = (b"PGDMP\x01\x10\x00\x04\x08\x03\x01" if begun else b"") + noise
    with pytest.raises(PointsctlError):
        read_archive(written(tmp_path, data))


def test_a_newer_format_is_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match=r"format 1\.17"):
        read_archive(written(tmp_path, table_of_contents([], (1, 17))))


def test_no_archive_at_all(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read_archive(tmp_path)
