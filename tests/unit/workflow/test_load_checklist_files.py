"""Files that are no checklist are refused at once: nothing waits, nothing grows, nothing stays open."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pointsctl.errors import ChecklistError
from pointsctl.model import document as documents
from pointsctl.workflow import checklist_text
from pointsctl.workflow.load_checklist import load_checklist
from tests.support.checklists import HEAD, problems, refusal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checklist.yaml"


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == ["1:1: not a regular file; expected a YAML file"]


def test_a_fifo_is_refused_without_waiting_for_a_writer(path: Path) -> None:
    os.mkfifo(path)
    found: list[list[str]] = []
    thread = threading.Thread(target=lambda: found.append(refusal(path)), daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert found == [["1:1: not a regular file; expected a YAML file"]]


def test_a_device_is_refused() -> None:
    assert refusal(Path("/dev/zero")) == ["1:1: not a regular file; expected a YAML file"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.yaml", "no such file or directory"), ("loop.yaml", "too many levels of symbolic links"),
     ("x" * 300, "file name too long"), ("nul\0.yaml", "not a usable file name"), ("file/below.yaml", "not a directory")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "file").touch()
    with pytest.raises(ChecklistError) as caught:
        load_checklist(tmp_path / name, {})
    assert caught.value.problems == (f"{tmp_path / name}:1:1: cannot be read: {reason}",)


def test_no_descriptor_stays_open(path: Path, tmp_path: Path) -> None:
    path.write_text("- x\n")
    descriptors = Path("/dev/fd")
    before = len(list(descriptors.iterdir()))
    for target in (path, tmp_path, tmp_path / "missing", Path("/dev/null")) * 5:
        refusal(target)
    assert len(list(descriptors.iterdir())) == before


def test_a_file_of_ten_megabytes_is_neither_read_to_its_end_nor_parsed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(checklist_text, "parse_document", parsed.append)
    assert problems(path, b"\xc3\xbc: 1\n" * 2_000_000) == [
        "1:1: the file is too large; found over 1,000,000 bytes; expected 1,000,000 bytes at the most"
    ]
    assert parsed == []
    assert len(checklist_text._read_regular(path) or b"") == documents.MAX_BYTES + 1


@pytest.mark.parametrize("nested", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_a_deeply_nested_file_is_refused(path: Path, nested: str) -> None:
    assert "nested too deeply" in problems(path, HEAD + "phases:\n " + nested)[0]


def test_an_alias_bomb_is_refused(path: Path) -> None:
    levels = "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "anchors and aliases are not allowed" in problems(path, f"a: &a [x]\n{levels}")[0]


def test_a_huge_text_is_shown_short(path: Path) -> None:
    (line,) = problems(path, f"version: 1\ntitle: '{'x' * 900_000}'\nphases: []\n")
    assert len(line) < 200
