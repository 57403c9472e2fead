"""What an object store and the network do wrong, each with the outcome: the right error, nothing half stored, and going on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pointsctl.backup_stores.interface import AlreadyStoredError
from pointsctl.backup_stores.s3 import S3
from pointsctl.errors import (
    AuthenticationFailedError,
    ConnectionLostError,
    PermissionMissingError,
    PointsctlError,
    RefusedError,
    ServerUnreachableError,
    StorageError,
    TookTooLongError,
)
from pointsctl.s3.address import Address
from pointsctl.s3.connection import Patience
from tests.support.object_store import READER_KEY, SECRET_KEY, ObjectStore, credentials
from tests.support.stores import MIB, NEVER, a_file, bytes_of
from tests.support.tcp_proxy import Exchange, Proxy, tcp_proxy
from tests.support.web_server import closed_port, serve

pytestmark = pytest.mark.usefixtures("s3_credentials")
PATIENT = Patience(connect=5, read=30, attempts=2)
IMPATIENT = Patience(connect=5, read=4, attempts=1)
SIZE = 20 * MIB


@pytest.fixture(scope="module")
def bucket(object_store: ObjectStore) -> str:
    """A bucket for this module."""
    return object_store.bucket()


@pytest.fixture
def proxy(object_store: ObjectStore) -> Iterator[Proxy]:
    """A proxy before the worker's server."""
    with tcp_proxy(object_store.endpoint) as running:
        yield running


@pytest.fixture
def store(proxy: Proxy, object_store: ObjectStore, bucket: str) -> S3:
    """A store behind the proxy, which holds `ready` so that its first questions are asked already."""
    place = Address.parse(object_store.url(bucket).replace(_quoted(object_store.endpoint), _quoted(proxy.endpoint)))
    made = S3(place, PATIENT)
    made.put("a/ready", b"ready")
    proxy.heal()
    return made


def _quoted(endpoint: str) -> str:
    return endpoint.replace(":", "%3A").replace("/", "%2F")


def _answering(status: int, code: str) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.answer(status, code)


FAULTS: list[tuple[str, Callable[[Exchange], None], type[PointsctlError], str]] = [
    ("internal error", _answering(500, "InternalError"), StorageError, "failed again and again"),
    ("slow down", _answering(503, "SlowDown"), StorageError, "slow down"),
    ("full", _answering(507, "InsufficientStorage"), StorageError, "no room"),
    ("torn down in the middle", Exchange.break_off, PointsctlError, "connection"),
    ("no answer", Exchange.hang, TookTooLongError, "no answer within"),
    ("expired credentials", _answering(400, "ExpiredToken"), AuthenticationFailedError, "have expired"),
    ("a clock that is wrong", _answering(403, "RequestTimeTooSkewed"), AuthenticationFailedError, "clock"),
    ("denied", _answering(403, "AccessDenied"), PermissionMissingError, "may not"),
    ("damaged on the way", _answering(400, "BadDigest"), StorageError, "not those that were sent"),
]


@pytest.mark.parametrize(("act", "kind", "says"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_fault_in_the_middle_of_an_upload(
    store: S3, proxy: Proxy, tmp_path: Path, act: Callable[[Exchange], None], kind: type[PointsctlError], says: str
) -> None:
    path, sha256 = a_file(tmp_path, bytes_of(SIZE))
    proxy.on("PUT", "partNumber=3", act)
    hurried = S3(Address.parse(store.address), IMPATIENT)
    with pytest.raises(kind, match=says) as caught:
        (hurried if act is Exchange.hang else store).put_file("a/b", path, sha256, NEVER)
    assert caught.value.hint
    assert "<" not in caught.value.message
    assert SECRET_KEY not in f"{caught.value.message} {caught.value.hint}"
    assert store.names("a") == ["a/ready"]

    proxy.heal()
    store.put_file("a/b", path, sha256, NEVER)
    # What had arrived is not sent again.
    assert [one for one in proxy.seen if "partNumber=3" in one and "PUT" in one]
    assert not [one for one in proxy.seen if re.search("partNumber=[12]&?", one) and "/a/b" in one]
    assert store.get_file("a/b", tmp_path / "got", SIZE, NEVER) == sha256


@pytest.mark.parametrize("act", [_answering(500, "InternalError"), _answering(503, "SlowDown"), Exchange.break_off])
def test_a_fault_that_passes_is_not_noticed(
    store: S3, proxy: Proxy, tmp_path: Path, act: Callable[[Exchange], None]
) -> None:
    path, sha256 = a_file(tmp_path, bytes_of(SIZE))
    proxy.on("PUT", "partNumber=2", act, times=1)
    store.put_file("a/b", path, sha256, NEVER)
    assert store.get_file("a/b", tmp_path / "got", SIZE, NEVER) == sha256


def test_an_answer_that_is_lost_does_not_make_our_own_object_somebody_elses(
    store: S3, proxy: Proxy, tmp_path: Path
) -> None:
    path, sha256 = a_file(tmp_path, bytes_of(10))
    large, large_sha256 = a_file(tmp_path, bytes_of(SIZE))
    for name in ("/a/b", "/a/c"):
        proxy.on("PUT", name, Exchange.lose_answer, times=1)
    store.put("a/b", b"x")
    assert store.get("a/b", 10) == b"x"
    store.put_file("a/c", path, sha256, NEVER)
    proxy.heal()
    proxy.on("POST", "/a/large?uploadId", Exchange.lose_answer, times=1)
    store.put_file("a/large", large, large_sha256, NEVER)
    with pytest.raises(AlreadyStoredError):
        store.put("a/b", b"x")


def test_a_download_that_breaks_off_is_read_again(store: S3, proxy: Proxy, tmp_path: Path) -> None:
    path, sha256 = a_file(tmp_path, bytes_of(SIZE))
    store.put_file("a/b", path, sha256, NEVER)
    proxy.on("GET", "/a/b", lambda exchange: exchange.pass_on(cut=1000), times=1, skip=1)
    assert store.get_file("a/b", tmp_path / "got", SIZE, NEVER) == sha256
    proxy.on("GET", "/a/b", lambda exchange: exchange.pass_on(cut=1000), skip=1)
    with pytest.raises(ConnectionLostError):
        store.get_file("a/b", tmp_path / "again", SIZE, NEVER)
    assert not (tmp_path / "again").exists()


def test_a_bit_that_was_flipped_on_the_way_shows_in_the_digest(store: S3, proxy: Proxy, tmp_path: Path) -> None:
    path, sha256 = a_file(tmp_path, bytes_of(SIZE))
    store.put_file("a/b", path, sha256, NEVER)
    proxy.on("GET", "/a/b", lambda exchange: exchange.pass_on(lambda body: bytes([body[0] ^ 1]) + body[1:]), times=1)
    assert store.get_file("a/b", tmp_path / "got", SIZE, NEVER) != sha256


def test_a_download_that_never_ends_is_given_up(store: S3, proxy: Proxy, tmp_path: Path) -> None:
    store.put("a/b", b"x")
    store = S3(Address.parse(store.address), IMPATIENT)
    proxy.on("GET", "/a/b", Exchange.hang)
    for use in (lambda: store.get("a/b", 10), lambda: store.get_file("a/b", tmp_path / "got", 10, NEVER)):
        with pytest.raises(TookTooLongError):
            use()


def test_an_object_that_is_replaced_while_it_is_read_is_no_mixture(
    store: S3, proxy: Proxy, object_store: ObjectStore, tmp_path: Path
) -> None:
    path, sha256 = a_file(tmp_path, bytes_of(SIZE))
    store.put_file("a/b", path, sha256, NEVER)
    address = Address.parse(store.address)

    def replace(exchange: Exchange) -> None:
        object_store.client().put_object(Bucket=address.bucket, Key=address.key("a/b"), Body=bytes(SIZE))
        exchange.pass_on()

    proxy.on("GET", "/a/b", replace, times=1, skip=1)
    with pytest.raises(StorageError, match="replaced"):
        store.get_file("a/b", tmp_path / "got", SIZE, NEVER)
    assert not (tmp_path / "got").exists()


@pytest.fixture
def overwriter(proxy: Proxy, object_store: ObjectStore, bucket: str) -> Callable[[str, str], S3]:
    """A store behind a proxy that makes a method on a path overwrite: what was there is gone before it arrives."""

    def made(method: str, path: str) -> S3:
        address = Address.parse(
            object_store.url(bucket).replace(_quoted(object_store.endpoint), _quoted(proxy.endpoint))
        )

        def overwrite(exchange: Exchange) -> None:
            object_store.client().delete_object(Bucket=bucket, Key=address.key(".pointsctl-writes-once"))
            exchange.pass_on()

        proxy.on(method, path, overwrite)
        return S3(address, PATIENT)

    return made


def test_a_store_that_overwrites_is_refused(overwriter: Callable[[str, str], S3], tmp_path: Path) -> None:
    store = overwriter("PUT", "")
    with pytest.raises(RefusedError, match="overwrites an object although"):
        store.put("a/b", b"x")
    path, sha256 = a_file(tmp_path, b"x")
    with pytest.raises(RefusedError, match="overwrites an object although"):
        store.put_file("a/b", path, sha256, NEVER)
    assert store.names("a") == []


def test_a_store_that_overwrites_with_parts_is_refused(overwriter: Callable[[str, str], S3], tmp_path: Path) -> None:
    store = overwriter("POST", "uploadId")
    path, sha256 = a_file(tmp_path, bytes_of(SIZE))
    with pytest.raises(RefusedError, match="overwrites an object that arrives in parts"):
        store.put_file("a/b", path, sha256, NEVER)
    assert store.names("a") == []


def test_a_web_page_is_no_listing(bucket: str) -> None:
    """It comes with 200, and boto3 reads it as a listing of nothing."""
    with serve() as server:
        for path in (f"/{bucket}", f"/{bucket}/"):
            server.answer(path, body=b"<html><body>It works!</body></html>")
        store = S3(Address.parse(f"s3://{bucket}/p?endpoint={server.url}&region=x"), IMPATIENT)
        for use in (lambda: store.names("a"), lambda: store.posture("a")):
            with pytest.raises(StorageError, match="no object store"):
                use()


def test_nobody_answers(bucket: str) -> None:
    store = S3(Address.parse(f"s3://{bucket}/p?endpoint=http://127.0.0.1:{closed_port()}&region=x"), IMPATIENT)
    for use in (lambda: store.put("a/b", b""), lambda: store.names("a"), lambda: store.posture("a")):
        with pytest.raises(ServerUnreachableError):
            use()


def test_keys_that_are_wrong_missing_or_may_only_read(object_store: ObjectStore, bucket: str) -> None:
    url = object_store.url(bucket)
    with credentials(READER_KEY), pytest.raises(PermissionMissingError):
        S3.open(url).put("a/b", b"")
    for key, secret in (("AKIDNOBODY", SECRET_KEY), ("AKIDSANDBOXWRITER", "another-secret")):
        with credentials(key, secret), pytest.raises(AuthenticationFailedError) as caught:
            S3.open(url).names("a")
        assert secret not in f"{caught.value.message} {caught.value.hint}"
    with credentials("", ""), pytest.raises(AuthenticationFailedError, match="no usable credentials"):
        S3.open(url).names("a")
