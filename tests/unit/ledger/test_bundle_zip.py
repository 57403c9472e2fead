"""Archives: written in one form, and every other form is refused, whatever a reader of zip files might make of it."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import ExitCode, PointsctlError
from pointsctl.ledger.bundle_zip import Archive, ArchiveError, BundleUnreadableError
from tests.support.evidence import archived

FILES = {"README.txt": b"read me\n", "head.json": b"{}", "ledger.jsonl": b"x" * 3_000_000, "runs/4.json": b""}
WHOLE = archived(FILES)
SMALL = archived({name: content[:20] for name, content in FILES.items()})


def read(folder: Path, data: bytes) -> dict[str, bytes]:
    """Every file of an archive with these bytes."""
    path = folder / "evidence.zip"
    path.write_bytes(data)
    with Archive(path) as archive:
        return {name: archive.content(name) for name in archive.entries}


def refusal(folder: Path, data: bytes) -> str:
    """What is said about an archive that must be refused."""
    with pytest.raises(ArchiveError) as caught:
        read(folder, data)
    assert caught.value.hint
    return f"{caught.value.difference.name}: {caught.value.difference.found}"


def zipped(
    *names: str, content: bytes = b"x", method: int = zipfile.ZIP_STORED, mode: int = stat.S_IFREG | 0o600
) -> bytes:
    """An archive as another program may write it, with the fields that ours has wherever they are not the point."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo("x" * len(name))
            info.filename, info.compress_type, info.external_attr = name, method, mode << 16
            archive.writestr(info, content)
    return target.getvalue()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE) == FILES
    assert archived(FILES) == WHOLE
    assert read(tmp_path, archived({})) == {}


def test_others_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "evidence.zip"
    path.write_bytes(WHOLE)
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
        assert archive.testzip() is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("../head.json", "leads out"),
        ("runs/../../x", "leads out"),
        ("/etc/passwd", "leads out"),
        ("a\\..\\b", "leads out"),
        ("C:head.json", "leads out"),
        ("C:\\head.json", "leads out"),
        ("\\\\host\\share", "leads out"),
        ("./head.json", "leads out"),
        ("runs//4.json", "leads out"),
        ("runs/", "leads out"),
        ("head.json\0.txt", "characters"),
        ("head\x1b[2J.json", "characters"),
        ("head.json\n", "characters"),
        ("Head.json", "no bundle holds"),
        ("runs/04.json", "no bundle holds"),
        ("migrations/x/1_a.sql", "no bundle holds"),
        ("migrations/CON.sql", "no bundle holds"),
        ("statements/1.json.sh", "no bundle holds"),
        (f"plans/{'A' * 64}.json", "no bundle holds"),
        ("", "leads out"),
    ],
)
def test_a_name_that_leads_elsewhere(tmp_path: Path, name: str, found: str) -> None:
    said = refusal(tmp_path, zipped(name))
    assert found in said
    assert said.isprintable()


def test_a_name_in_another_alphabet(tmp_path: Path) -> None:
    assert "characters" in refusal(tmp_path, zipped("heaԁ.json"))


@pytest.mark.parametrize(
    "mode", [stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o700, stat.S_IFIFO | 0o600, stat.S_IFREG | 0o4755]
)
def test_what_is_no_plain_file(tmp_path: Path, mode: int) -> None:
    data = bytearray(zipped("head.json", mode=mode))
    assert refusal(tmp_path, _dated(data)) in {"head.json: a link", "head.json: one with other permissions, or no file"}


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    nested = zipped("head.json", content=bytes(50_000_000), method=zipfile.ZIP_DEFLATED)
    assert len(nested) < 100_000
    assert refusal(tmp_path, _dated(bytearray(nested))) == "head.json: one that is compressed"
    # An archive inside is a file like any other: nothing opens it.
    assert read(tmp_path, archived({"head.json": nested})) == {"head.json": nested}


def test_the_same_name_twice(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped("head.json", "head.json")
    assert refusal(tmp_path, _dated(bytearray(data))) == "head.json: twice"


def test_files_in_another_order(tmp_path: Path) -> None:
    assert "after" in refusal(tmp_path, _dated(bytearray(zipped("ledger.jsonl", "head.json"))))


@pytest.mark.parametrize("junk", [b"x", b"PK\3\4", b"\0" * 22, SMALL, b"PK\5\6" + bytes(18)])
def test_something_before_or_after_it(tmp_path: Path, junk: bytes) -> None:
    for data in (junk + SMALL, SMALL + junk):
        with pytest.raises(PointsctlError) as caught:
            read(tmp_path, data)
        assert isinstance(caught.value, ArchiveError | BundleUnreadableError)


def test_something_between_the_files(tmp_path: Path) -> None:
    assert refusal(tmp_path, _gap(SMALL, SMALL.index(b"PK\1\2"))) == "the archive: other bytes in between"


def test_a_comment_or_an_archive_of_several_parts(tmp_path: Path) -> None:
    for place, value in ((-2, b"\1\0"), (-18, b"\1\0"), (-16, b"\1\0"), (-12, b"\xff\xff")):
        changed = bytearray(SMALL)
        changed[len(changed) + place : len(changed) + place + 2] = value
        refusal(tmp_path, bytes(changed))


def test_another_name_before_the_file_than_in_the_directory(tmp_path: Path) -> None:
    changed = SMALL.replace(b"head.json", b"heaD.json", 1)
    assert refusal(tmp_path, changed) == "head.json: another one"


def test_a_large_archive_with_sizes_elsewhere(tmp_path: Path) -> None:
    """zip64: sizes of all ones that an extra field overrides."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, archive.open("head.json", "w", force_zip64=True) as file:
        file.write(b"{}")
    assert refusal(tmp_path, target.getvalue()).startswith("head.json")


def test_files_that_share_their_bytes(tmp_path: Path) -> None:
    """Two entries of the directory, one place: the trick with which small archives become huge."""
    content, names = b"{}", [b"head.json", b"runs/1.json"]
    local = _local(names[0], content) + content
    directory = b"".join(_central(name, content, 0) for name in names)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 2, 2, len(directory), len(local), 0)
    assert "at byte" in refusal(tmp_path, local + directory + end)


def test_an_encrypted_file(tmp_path: Path) -> None:
    changed = bytearray(SMALL)
    changed[SMALL.index(b"PK\1\2") + 8] |= 1
    assert refusal(tmp_path, bytes(changed)) == "README.txt: one that is encrypted"


def test_content_without_its_checksum(tmp_path: Path) -> None:
    assert refusal(tmp_path, SMALL.replace(b"read me", b"READ me")).startswith("README.txt: ")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    for data in (b"", b"no zip file\n", b"\0" * 100):
        with pytest.raises(BundleUnreadableError) as caught:
            read(tmp_path, data)
        assert caught.value.exit_code is ExitCode.COULD_NOT_LOOK
    with pytest.raises(PointsctlError):
        Archive(tmp_path)
    with pytest.raises(PointsctlError):
        Archive(tmp_path / "absent.zip")


def test_cut_off_anywhere(tmp_path: Path) -> None:
    for length in range(len(SMALL)):
        with pytest.raises(PointsctlError) as caught:
            read(tmp_path, SMALL[:length])
        assert isinstance(caught.value, ArchiveError | BundleUnreadableError)


@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(1, 255)), min_size=1, max_size=3))
def test_any_change_is_noticed(tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]) -> None:
    changed = bytearray(SMALL)
    for place, bits in flips:
        changed[place] ^= bits
    folder = tmp_path_factory.mktemp("flipped")
    try:
        assert read(folder, bytes(changed)) == read(folder, SMALL)
        assert bytes(changed) == SMALL
    except (ArchiveError, BundleUnreadableError):
        assert bytes(changed) != SMALL


def _dated(data: bytearray) -> bytes:
    """The archive with the version and the attributes of a writer on Unix."""
    place = data.index(b"PK\1\2")
    while place >= 0:
        data[place + 4 : place + 8] = bytes([20, 3, 20, 0])
        place = data.find(b"PK\1\2", place + 4)
    return bytes(data)


def _gap(data: bytes, place: int) -> bytes:
    """The archive with a byte more there, and an end that says where the directory is now."""
    start = struct.unpack("<I", data[-6:-2])[0]
    return data[:place] + b"x" + data[place:-6] + struct.pack("<I", start + 1) + data[-2:]


def _local(name: bytes, content: bytes) -> bytes:
    size, crc = len(content), zlib.crc32(content)
    return struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 33, crc, size, size, len(name), 0) + name


def _central(name: bytes, content: bytes, place: int) -> bytes:
    size, crc, mode = len(content), zlib.crc32(content), (stat.S_IFREG | 0o600) << 16
    fields = (20, 3, 20, 0, 0, 0, 33, crc, size, size, len(name), 0, 0, 0, 0, mode, place)
    return struct.pack("<4sBBHHHHHIIIHHHHHII", b"PK\1\2", *fields) + name
