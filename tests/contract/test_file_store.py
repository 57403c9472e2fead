"""What a folder must keep as a store, beyond the contract: private files, and links and pipes that lead nowhere."""

from __future__ import annotations

import fcntl
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pointsctl.errors import StorageError
from pointsctl.workflow.open_store import open_store

LIMIT = 1_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a store that holds `a/b`."""
    open_store((tmp_path / "store").as_uri()).put("a/b", b"x")
    return tmp_path / "store"


def test_files_are_private_and_nothing_else_is_left(root: Path) -> None:
    assert [path.name for path in (root / "a").iterdir()] == ["b"]
    assert stat.S_IMODE((root / "a" / "b").stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (root, root / "a")} == {0o700}


def test_an_unfinished_file_is_not_there(root: Path) -> None:
    (root / "a" / ".unfinished-x").write_bytes(b"half")
    assert open_store(root.as_uri()).names("a") == ["a/b"]


def test_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    store = open_store(root.as_uri())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b").write_bytes(b"other")
    (root / "a" / "link").symlink_to(tmp_path / "elsewhere" / "b")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    assert store.names("a") == ["a/b", "a/link"]
    for use in (
        lambda: store.get("a/link", LIMIT),
        lambda: store.get("out/b", LIMIT),
        lambda: store.put("out/c", b""),
        lambda: store.put("out/folder/c", b""),
    ):
        with pytest.raises(StorageError):
            use()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["b"]


def test_a_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "a" / "pipe")
    with pytest.raises(StorageError):
        open_store(root.as_uri()).get("a/pipe", LIMIT)


def test_a_folder_in_the_way_of_the_store_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    store = open_store((tmp_path / "store").as_uri())
    for use in (lambda: store.put("a/b", b""), lambda: store.names("a"), lambda: store.get("a/b", LIMIT)):
        with pytest.raises(StorageError):
            use()


def test_what_killed_writers_left_is_cleaned_up_and_what_is_being_written_is_not(root: Path) -> None:
    store = open_store(root.as_uri())
    (root / "a" / ".unfinished-dead").write_bytes(b"half")
    (root / "a" / ".mine").write_bytes(b"mine")
    with (root / "a" / ".unfinished-alive").open("wb") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        store.abandon("a", datetime.now(UTC))
        assert sorted(path.name for path in (root / "a").iterdir()) == [".mine", ".unfinished-alive", "b"]
    store.abandon("a", datetime.now(UTC))
    assert sorted(path.name for path in (root / "a").iterdir()) == [".mine", "b"]


def test_empty_folders_go_with_the_last_file_but_never_the_store(root: Path) -> None:
    store = open_store(root.as_uri())
    store.put("x/y/z", b"")
    store.delete(["x/y/z"])
    assert [path.name for path in root.iterdir()] == ["a"]
    store.delete(["a/b"])
    assert list(root.iterdir()) == []


def test_a_link_is_deleted_and_not_what_it_leads_to(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b").write_bytes(b"other")
    (root / "a" / "link").symlink_to(tmp_path / "elsewhere" / "b")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    store = open_store(root.as_uri())
    store.delete(["a/link"])
    with pytest.raises(StorageError, match="leads out"):
        store.delete(["out/b"])
    assert (tmp_path / "elsewhere" / "b").read_bytes() == b"other"


def test_a_folder_says_that_it_is_no_service_of_its_own(root: Path) -> None:
    posture = open_store(root.as_uri()).posture("a")
    assert (posture.kind, posture.away, posture.lock, posture.versioning) == ("file", False, False, False)
    assert not any("accounts" in note for note in posture.notes)
    root.chmod(0o755)
    assert any("accounts" in note for note in open_store(root.as_uri()).posture("a").notes)
