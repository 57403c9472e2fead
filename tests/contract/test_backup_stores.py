"""What every store must keep, run over each: put once, whole or not at all, never overwritten, never outside."""

from __future__ import annotations

import hashlib
import stat
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from pointsctl import kinds
from pointsctl.backup_stores.interface import AlreadyStoredError, NotStoredError, Store
from pointsctl.errors import InterruptedByOperatorError, StorageError, UsageError
from pointsctl.workflow.open_store import open_store
from tests.support.object_store import ObjectStore, plain_client, store_url
from tests.support.stores import MIB, NEVER, Stopped, a_file, bytes_of

LIMIT = 1_000
BUCKET = "bucket"


@dataclass(frozen=True)
class Place:
    """Where a store of a backend is: its address, and one that leads nowhere."""

    url: str
    nowhere: str


def _file(request: pytest.FixtureRequest) -> Place:
    folder: Path = request.getfixturevalue("tmp_path")
    return Place((folder / "a store").as_uri(), (folder / "none").as_uri())


def _seaweedfs(request: pytest.FixtureRequest) -> Place:
    server: ObjectStore = request.getfixturevalue("object_store")
    return Place(server.url(request.getfixturevalue("bucket")), server.url("no-such-bucket"))


def _moto(request: pytest.FixtureRequest) -> Place:
    endpoint: str = request.getfixturevalue("moto")
    return Place(store_url(endpoint, BUCKET, uuid.uuid4().hex), store_url(endpoint, "no-such-bucket", "p"))


BACKENDS: dict[str, Callable[[pytest.FixtureRequest], Place]] = {"file": _file, "s3": _seaweedfs, "s3 (moto)": _moto}


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of a server that imitates Amazon's, in this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    plain_client(f"http://{host}:{port}").create_bucket(Bucket=BUCKET)
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def bucket(object_store: ObjectStore) -> str:
    """A bucket of the worker's server, without versions and locks."""
    return object_store.bucket()


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, s3_credentials: None) -> Place:
    """A place of its own in each backend."""
    return BACKENDS[request.param](request)


@pytest.fixture
def store(place: Place) -> Store:
    """A new store in each backend."""
    return open_store(place.url)


def test_every_kind_is_tried() -> None:
    assert {name.split()[0] for name in BACKENDS} == set(kinds.names("backup_stores"))


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


def test_a_store_that_is_not_there_is_not_an_empty_one(place: Place, tmp_path: Path) -> None:
    store = open_store(place.nowhere)
    for use in (
        lambda: store.names("a"),
        lambda: store.sizes("a"),
        lambda: store.get("a/b", LIMIT),
        lambda: store.get_file("a/b", tmp_path / "got", LIMIT, NEVER),
        lambda: store.delete(["a/b"]),
        lambda: store.protected_until("a/b"),
        lambda: store.abandon("a", datetime.now(UTC)),
        lambda: store.posture("a"),
    ):
        with pytest.raises(StorageError) as caught:
            use()
        assert not isinstance(caught.value, NotStoredError)


def test_a_store_that_was_prepared_is_there_and_empty(place: Place) -> None:
    store = open_store(place.url)
    store.prepare()
    assert store.names("a") == []
    assert store.posture("a").address == store.address


@pytest.mark.parametrize(
    "size", [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 17 * MIB + 5]
)
def test_files_of_every_size_come_back_as_they_were(place: Place, tmp_path: Path, size: int) -> None:
    store = open_store(place.url)
    path, sha256 = a_file(tmp_path, bytes_of(size))
    sent, got = list[int](), list[int]()
    store.put_file("a/b", path, sha256, NEVER, moved=sent.append)
    assert store.get_file("a/b", tmp_path / "got", size, NEVER, moved=got.append) == sha256
    assert (tmp_path / "got").read_bytes() == path.read_bytes()
    assert stat.S_IMODE((tmp_path / "got").stat().st_mode) == 0o600
    assert (sum(sent), sum(got), store.sizes("a")) == (size, size, {"a/b": size})


@pytest.mark.parametrize("size", [10, 9 * MIB])
def test_a_file_that_is_there_already_is_done_and_another_is_refused(place: Place, tmp_path: Path, size: int) -> None:
    store = open_store(place.url)
    path, sha256 = a_file(tmp_path, bytes_of(size))
    other = a_file(tmp_path, bytes_of(size)[:-1] + b"?")
    longer = a_file(tmp_path, bytes_of(size) + b"?")
    moved = list[int]()
    store.put_file("a/b", path, sha256, NEVER)
    store.put_file("a/b", path, sha256, NEVER, moved=moved.append)
    assert sum(moved) == size
    for one in (other, longer):
        with pytest.raises(AlreadyStoredError):
            store.put_file("a/b", *one, NEVER)
    assert store.get_file("a/b", tmp_path / "got", size, NEVER) == sha256


@pytest.mark.parametrize("size", [0, 10, 9 * MIB])
def test_a_file_with_another_digest_is_not_kept(place: Place, tmp_path: Path, size: int) -> None:
    store = open_store(place.url)
    path, sha256 = a_file(tmp_path, bytes_of(size))
    with pytest.raises(StorageError, match="SHA-256"):
        store.put_file("a/b", path, "0" * 64, NEVER)
    store.put("a/c", b"")
    assert store.names("a") == ["a/c"]
    store.put_file("a/b", path, sha256, NEVER)


def test_of_many_writers_of_files_one_wins(store: Store, tmp_path: Path) -> None:
    files = [a_file(tmp_path, bytes_of(LIMIT) + bytes([number])) for number in range(16)]

    def put(number: int) -> int | None:
        try:
            store.put_file("a/b", *files[number], NEVER)
        except AlreadyStoredError:
            return None
        return number

    with ThreadPoolExecutor(16) as pool:
        won = [number for number in pool.map(put, range(16)) if number is not None]
    assert len(won) == 1
    assert store.get_file("a/b", tmp_path / "got", LIMIT + 1, NEVER) == files[won[0]][1]


def test_what_is_larger_than_expected_is_not_read_on(place: Place, tmp_path: Path) -> None:
    store = open_store(place.url)
    path, sha256 = a_file(tmp_path, bytes_of(9 * MIB))
    store.put_file("a/b", path, sha256, NEVER)
    for size in (0, 9, path.stat().st_size - 1):
        with pytest.raises(StorageError):
            store.get_file("a/b", tmp_path / "got", size, NEVER)
        assert not (tmp_path / "got").exists()


def test_what_is_shorter_than_expected_has_another_digest(store: Store, tmp_path: Path) -> None:
    for name, data in (("a/short", b"short"), ("a/empty", b"")):
        store.put(name, data)
        got = store.get_file(name, tmp_path / name.replace("/", "-"), 20 * MIB, NEVER)
        assert got == hashlib.sha256(data).hexdigest()


def test_a_file_that_is_in_the_way_is_not_written_over(store: Store, tmp_path: Path) -> None:
    store.put("a/b", b"stored")
    (tmp_path / "mine").write_bytes(b"mine")
    with pytest.raises(StorageError):
        store.get_file("a/b", tmp_path / "mine", LIMIT, NEVER)
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_nothing_under_a_name_is_said_as_such(store: Store, tmp_path: Path) -> None:
    store.put("a/b", b"x")
    for use in (
        lambda: store.get("a/none", LIMIT),
        lambda: store.get_file("a/none", tmp_path / "got", LIMIT, NEVER),
        lambda: store.get_file("a/none", tmp_path / "got", 20 * MIB, NEVER),
        lambda: store.protected_until("a/none"),
    ):
        with pytest.raises(NotStoredError):
            use()
    assert not (tmp_path / "got").exists()


def test_what_is_deleted_is_gone_and_nothing_else(store: Store) -> None:
    for name in ("a/b", "a/bc", "a/b-c/d", "a/c/d"):
        store.put(name, b"x")
    store.delete(["a/b", "a/c/d", "a/none"])
    store.delete(["a/b"])
    store.delete([])
    assert store.names("a") == ["a/b-c/d", "a/bc"]
    store.put("a/b", b"new")


def test_a_stop_ends_it_and_keeps_nothing(place: Place, tmp_path: Path) -> None:
    store, stopped = open_store(place.url), Stopped(requested=True)
    path, sha256 = a_file(tmp_path, bytes_of(20 * MIB))
    with pytest.raises(InterruptedByOperatorError):
        store.put_file("a/b", path, sha256, stopped)
    store.put_file("a/c", path, sha256, NEVER)
    with pytest.raises(InterruptedByOperatorError):
        store.get_file("a/c", tmp_path / "got", path.stat().st_size, stopped)
    assert not (tmp_path / "got").exists()
    assert store.names("a") == ["a/c"]


def test_a_stop_in_the_middle_ends_it_and_the_next_call_goes_on(place: Place, tmp_path: Path) -> None:
    store, stopped = open_store(place.url), Stopped()
    # Larger than what is on its way at once.
    path, sha256 = a_file(tmp_path, bytes_of(60 * MIB))

    def stop(_bytes: int) -> None:
        stopped.requested = True

    with pytest.raises(InterruptedByOperatorError):
        store.put_file("a/b", path, sha256, stopped, moved=stop)
    store.put("a/c", b"")
    assert store.names("a") == ["a/c"]
    store.put_file("a/b", path, sha256, NEVER)
    store.abandon("a", datetime.now(UTC) + timedelta(hours=1))
    stopped.requested = False
    with pytest.raises(InterruptedByOperatorError):
        store.get_file("a/b", tmp_path / "got", path.stat().st_size, stopped, moved=stop)
    assert not (tmp_path / "got").exists()
    assert store.get_file("a/b", tmp_path / "got", path.stat().st_size, NEVER) == sha256


def test_what_is_not_locked_is_said_as_such(store: Store, tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=30)
    path, sha256 = a_file(tmp_path, b"x")
    store.put("a/b", b"x", retain_until=later)
    store.put_file("a/c", path, sha256, NEVER, retain_until=later)
    assert (store.protected_until("a/b"), store.protected_until("a/c")) == (None, None)
    posture = store.posture("a")
    assert (posture.versioning, posture.lock, posture.expires_after) == (False, False, None)
    assert posture.address == store.address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "folder",
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
    with pytest.raises(UsageError, match="kind 'gcs'; this version has file"):
        open_store("gcs://bucket/prefix")
