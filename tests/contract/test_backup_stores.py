"""What every store must keep, run over each: put once, whole or not at all, never overwritten, never outside."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pointsctl import kinds
from pointsctl.backup_stores.interface import AlreadyStoredError, Store
from pointsctl.errors import StorageError, UsageError
from pointsctl.workflow.open_store import open_store

LIMIT = 1_000
URLS: dict[str, Callable[[Path], str]] = {"file": lambda folder: (folder / "a store").as_uri()}


@pytest.fixture(params=kinds.names("backup_stores"))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A new store of each kind; a kind without an address here fails."""
    return open_store(URLS[request.param](tmp_path))


def test_what_was_put_is_got(store: Store) -> None:
    for data in (b"", b"x", bytes(range(256))):
        store.put(f"some/place/{len(data)}.json", data)
        assert store.get(f"some/place/{len(data)}.json", LIMIT) == data


def test_nothing_is_overwritten(store: Store) -> None:
    store.put("a/b", b"first")
    with pytest.raises(AlreadyStoredError):
        store.put("a/b", b"second")
    assert (store.get("a/b", LIMIT), store.names("a")) == (b"first", ["a/b"])


def test_of_many_writers_one_wins_and_its_bytes_are_whole(store: Store) -> None:
    won: list[int] = []
    gate = threading.Barrier(16)

    def put(number: int) -> None:
        gate.wait()
        try:
            store.put("a/b", bytes([number]) * LIMIT)
        except AlreadyStoredError:
            return
        won.append(number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.get("a/b", LIMIT) == bytes(won) * LIMIT


def test_names_are_sorted_and_only_those_below(store: Store) -> None:
    for name in ("a/2", "a/10", "a/b/c", "ab/1"):
        store.put(name, b"")
    assert store.names("a") == ["a/10", "a/2", "a/b/c"]
    assert store.names("other") == []


def test_nothing_under_a_name_and_too_much_under_it_are_errors(store: Store) -> None:
    store.put("a/b", b"x" * LIMIT)
    assert len(store.get("a/b", LIMIT)) == LIMIT
    for name, limit in (("a/missing", LIMIT), ("missing/b", LIMIT), ("a/b", LIMIT - 1), ("a", LIMIT)):
        with pytest.raises(StorageError):
            store.get(name, limit)


@pytest.mark.parametrize(
    "name",
    ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".a", "a/.b", "a\0b", "a b", "a\nb", "ä", "a" * 513],
)
def test_names_that_could_lead_elsewhere_are_none(store: Store, name: str) -> None:
    for use in (lambda: store.put(name, b""), lambda: store.get(name, LIMIT), lambda: store.names(name)):
        with pytest.raises(StorageError):
            use()


def test_a_store_that_is_not_there_is_not_an_empty_one(store: Store) -> None:
    with pytest.raises(StorageError):
        store.names("a")


# ---------------------------------------------------------------------------------------------------------------------
# Folders


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


@pytest.mark.parametrize(
    "url",
    [
        "",
        "folder",
        "s3://bucket/prefix",
        "gcs://x",
        "file:relative",
        "file://host/a",
        "file:///a?b",
        "http://[",
        "\x1b[31m://a",
    ],
)
def test_an_address_that_means_no_store_is_a_mistake_in_the_checklist(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(url)
    assert "\x1b" not in caught.value.message


def test_a_kind_that_this_version_has_not_is_named() -> None:
    with pytest.raises(UsageError, match="kind 's3'; this version has file"):
        open_store("s3://bucket/prefix")
