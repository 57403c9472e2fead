"""An exported ledger: what is written can be checked, and every line that was touched is named with its number."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import StorageError
from pointsctl.ledger.chain import Chain
from pointsctl.ledger.damage import Damage, Damages
from pointsctl.ledger.export import ExportedFile, line_of
from pointsctl.ledger.hash_index import HashIndex
from pointsctl.model.ledger import Row
from tests.support.ledger_rows import chain, relinked

ROWS = chain(6)
LINES = [line_of(row).encode() for row in ROWS]
CUT = "a line without an end: the file is cut off"


def read(path: Path) -> tuple[list[Row], list[Damage]]:
    damages: list[Damage] = []
    return list(ExportedFile(path).rows(damages.append)), damages


def written(folder: Path, lines: Sequence[bytes]) -> Path:
    path = folder / "ledger.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def named(path: Path) -> list[tuple[str, int, int | None]]:
    damages = Damages()
    file = ExportedFile(path)
    walk = Chain(damages)
    for row in file.rows(damages.add):
        walk.check(row, file.line)
    walk.finish()
    return [(one.what.value, one.seq, one.line) for one in damages]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, LINES)) == (ROWS, [])
    assert named(written(tmp_path, LINES)) == []


@given(st.integers(1, 2**53 - 1), st.text(), st.text(), st.none() | st.text())
def test_a_line_is_canonical(seq: int, kind: str, text: str, signature: str | None) -> None:
    row = Row(seq, kind, "0" * 64, "1" * 64, text, signature)
    value = {name: item for name, item in row._asdict().items() if name != "consistent"}
    assert line_of(row).encode() == rfc8785.dumps(value) + b"\n"


def changed(**columns: Any) -> bytes:
    return (json.dumps({**json.loads(LINES[2]), **columns}, sort_keys=True, separators=(",", ":")) + "\n").encode()


JUNK = {
    "text": b"hello\n",
    "empty": b"\n",
    "not UTF-8": b"\xff\xfe\n",
    "NaN": b"NaN\n",
    "another value": b"[1, 2]\n",
    "deep": b"[" * 100_000 + b"\n",
    "a key twice": LINES[2].replace(b'"seq":3', b'"seq":3,"seq":3'),
    "blanks": LINES[2].replace(b'"seq":3', b'"seq": 3'),
    "other line end": LINES[2].replace(b"\n", b"\r\n"),
    "number as text": changed(seq="3"),
    "no number": changed(seq=True),
    "number too large": changed(seq=2**64),
    "hash of another form": changed(hash="X"),
    "body of another type": changed(body={}),
    "unknown key": changed(more=1),
    "half a character": LINES[2].replace(b"note 3", b"\\ud800"),
}


@pytest.mark.parametrize("junk", JUNK)
def test_a_line_that_is_none_is_named_and_the_others_are_checked(tmp_path: Path, junk: str) -> None:
    path = written(tmp_path, [*LINES[:2], JUNK[junk], *LINES[3:]])
    assert ("unreadable", 3, 3) in named(path)
    rows, (damage,) = read(path)
    assert [row.seq for row in rows] == [1, 2, 4, 5, 6]
    assert "\x1b" not in damage.found


def test_a_file_that_is_cut_in_the_middle_of_a_line(tmp_path: Path) -> None:
    for end in (1, 100, len(LINES[5]) - 1):
        rows, (damage,) = read(written(tmp_path, [*LINES[:5], LINES[5][:end]]))
        assert (len(rows), damage.line, damage.found) == (5, 6, CUT)


def test_lines_in_another_order(tmp_path: Path) -> None:
    one, two, three, four, five, six = LINES
    assert named(written(tmp_path, [one, two, four, three, five, six])) == [("reordered", 3, 4)]
    assert named(written(tmp_path, [one, three, four, five, two, six])) == [("reordered", 2, 5)]
    assert named(written(tmp_path, [two, one, three, four, five, six])) == [("reordered", 1, 2)]


def test_lines_that_are_gone_or_there_twice(tmp_path: Path) -> None:
    one, two, three, four, five, six = LINES
    assert named(written(tmp_path, [one, four, five, six])) == [("removed", 2, 2)]
    assert named(written(tmp_path, [one, two, two, three, four, five, six])) == [("inserted", 2, 3)]


def test_a_body_that_is_no_record_and_a_kind_that_the_body_does_not_name(tmp_path: Path) -> None:
    (loose,) = relinked([ROWS[0]._replace(body="{}")])
    assert named(written(tmp_path, [line_of(loose).encode()])) == [("columns-differ", 1, 1)]
    other = ROWS[0]._replace(kind="plan.decided")
    assert named(written(tmp_path, [line_of(other).encode()])) == [("columns-differ", 1, 1)]


def test_hashes_are_found_again_while_more_are_noted() -> None:
    with HashIndex() as index:
        assert index.find(1) is None
        for row in chain(20):
            if row.seq != 7:
                index.add(row.seq, row.hash)
                assert index.find(row.seq) == row.hash
        assert [index.find(row.seq) for row in chain(20)] == [row.hash if row.seq != 7 else None for row in chain(20)]
        assert (index.find(0), index.find(21)) == (None, None)


def test_a_file_that_cannot_be_read_is_no_empty_ledger(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "missing", tmp_path, tmp_path / "pipe"):
        with pytest.raises(StorageError):
            read(place)


@given(st.data())
def test_no_change_of_one_byte_goes_unnoticed(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(b"".join(LINES[:3]))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    assert named(written(tmp_path, [bytes(whole)])) != []
