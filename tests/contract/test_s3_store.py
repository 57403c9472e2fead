"""What a bucket must keep as a store, beyond the contract: locks, versions, unfinished uploads, its address, its posture."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pointsctl.backup_stores.interface import AlreadyStoredError
from pointsctl.backup_stores.s3 import S3
from pointsctl.errors import StorageError, UsageError
from pointsctl.s3.address import Address
from pointsctl.s3.parts import part_size
from tests.support.object_store import ObjectStore
from tests.support.stores import MIB, NEVER, a_file, bytes_of

pytestmark = pytest.mark.usefixtures("s3_credentials")
LIMIT = 1_000
SIZE = 20 * MIB


@pytest.fixture(scope="module")
def locking(object_store: ObjectStore) -> str:
    """A bucket with versions and Object Lock."""
    return object_store.bucket(lock=True)


@pytest.fixture
def store(object_store: ObjectStore, locking: str) -> S3:
    """A store in the bucket that locks."""
    return S3.open(object_store.url(locking))


@pytest.fixture
def later() -> datetime:
    """In thirty days."""
    return datetime.now(UTC) + timedelta(days=30)


@pytest.mark.parametrize("size", [10, SIZE])
def test_what_is_locked_stays(store: S3, later: datetime, tmp_path: Path, size: int) -> None:
    path, sha256 = a_file(tmp_path, bytes_of(size))
    store.put("a/manifest", b"x", retain_until=later)
    store.put_file("a/file", path, sha256, NEVER, retain_until=later)
    for name in ("a/manifest", "a/file"):
        assert store.protected_until(name) == later.replace(microsecond=0)
        with pytest.raises(StorageError, match="locked"):
            store.delete([name])
    assert store.names("a") == ["a/file", "a/manifest"]


def test_what_was_stored_without_its_lock_gets_it(store: S3, later: datetime, tmp_path: Path) -> None:
    path, sha256 = a_file(tmp_path, b"x")
    store.put_file("a/b", path, sha256, NEVER)
    assert store.protected_until("a/b") is None
    store.put_file("a/b", path, sha256, NEVER, retain_until=later)
    assert store.protected_until("a/b") == later.replace(microsecond=0)


def test_a_lock_whose_time_is_over_already_is_not_asked_for(store: S3) -> None:
    store.put("a/b", b"x", retain_until=datetime(2020, 1, 1, tzinfo=UTC))
    assert store.protected_until("a/b") is None


def test_a_legal_hold_has_no_end(store: S3, object_store: ObjectStore) -> None:
    store.put("a/b", b"x")
    address = Address.parse(store.address)
    hold: dict[str, Any] = {"Bucket": address.bucket, "Key": address.key("a/b")}
    object_store.client().put_object_legal_hold(**hold, LegalHold={"Status": "ON"})
    until = store.protected_until("a/b")
    assert until is not None
    assert until.year == 9999
    object_store.client().put_object_legal_hold(**hold, LegalHold={"Status": "OFF"})
    assert store.protected_until("a/b") is None


def test_a_deletion_leaves_no_version_behind(store: S3, object_store: ObjectStore) -> None:
    address, client = Address.parse(store.address), object_store.client()
    for name in ("a/b", "a/bc"):
        store.put(name, b"first")
        client.put_object(Bucket=address.bucket, Key=address.key(name), Body=b"second")
    client.delete_object(Bucket=address.bucket, Key=address.key("a/b"))
    store.delete(["a/b"])
    answer = client.list_object_versions(Bucket=address.bucket, Prefix=address.key("a/"))
    assert {one["Key"] for one in answer.get("Versions", ())} == {address.key("a/bc")}
    assert not answer.get("DeleteMarkers")


def test_an_unfinished_upload_is_not_there_and_can_be_given_up(store: S3, object_store: ObjectStore) -> None:
    address, client = Address.parse(store.address), object_store.client()
    for key in (address.key("a/b"), address.key("ab/c")):
        client.create_multipart_upload(Bucket=address.bucket, Key=key)
    assert store.names("a") == []
    store.abandon("a", datetime.now(UTC) - timedelta(hours=1))
    assert len(client.list_multipart_uploads(Bucket=address.bucket, Prefix=address.prefix)["Uploads"]) == 2
    store.abandon("a", datetime.now(UTC) + timedelta(hours=1))
    left = client.list_multipart_uploads(Bucket=address.bucket, Prefix=address.prefix).get("Uploads", ())
    assert [one["Key"] for one in left] == [address.key("ab/c")]


_DOWNLOADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from pointsctl.workflow.open_store import open_store
from tests.support.stores import NEVER
store, folder, size = open_store(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda number: store.get_file("a/large", folder / str(number), size, NEVER), range(4)))
sys.stdout.write(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def test_several_large_downloads_at_once_stay_in_bounded_memory(
    object_store: ObjectStore, store: S3, tmp_path: Path
) -> None:
    address, size = Address.parse(store.address), 64 * MIB
    object_store.client().put_object(Bucket=address.bucket, Key=address.key("a/large"), Body=bytes(size))
    argv = [sys.executable, "-c", _DOWNLOADS, store.address, str(tmp_path), str(size)]
    done = subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 150 * MIB


def test_parts_of_somebody_elses_upload_are_never_taken_for_ours(
    store: S3, object_store: ObjectStore, tmp_path: Path
) -> None:
    path, sha256 = a_file(tmp_path, bytes_of(SIZE))
    address, client = Address.parse(store.address), object_store.client()
    place: dict[str, Any] = {"Bucket": address.bucket, "Key": address.key("a/b")}
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    data, length = path.read_bytes(), part_size(SIZE)
    client.upload_part(**place, PartNumber=1, Body=data[:length])
    client.upload_part(**place, PartNumber=2, Body=bytes(length))
    store.put_file("a/b", path, sha256, NEVER)
    assert store.get_file("a/b", tmp_path / "got", SIZE, NEVER) == sha256
    assert len(client.list_parts(**place)["Parts"]) == 2


def test_metadata_that_lies_about_an_object_is_not_believed(
    store: S3, object_store: ObjectStore, tmp_path: Path
) -> None:
    address, client = Address.parse(store.address), object_store.client()
    for size in (10, SIZE):
        path, sha256 = a_file(tmp_path, bytes_of(size))
        client.put_object(
            Bucket=address.bucket, Key=address.key(f"a/{size}"), Body=bytes(size), Metadata={"sha256": sha256}
        )
        with pytest.raises(AlreadyStoredError):
            store.put_file(f"a/{size}", path, sha256, NEVER)


def test_the_same_bytes_put_by_other_means_are_the_same(store: S3, object_store: ObjectStore, tmp_path: Path) -> None:
    path, sha256 = a_file(tmp_path, bytes_of(SIZE))
    address = Address.parse(store.address)
    object_store.client().upload_file(str(path), address.bucket, address.key("a/b"))
    store.put_file("a/b", path, sha256, NEVER)


def test_what_a_console_makes_to_show_a_folder_is_no_object(store: S3, object_store: ObjectStore) -> None:
    address = Address.parse(store.address)
    for key in ("a/", "a/.hidden", "a/b/"):
        object_store.client().put_object(Bucket=address.bucket, Key=f"{address.prefix}/{key}", Body=b"")
    store.put("a/c", b"x")
    assert store.sizes("a") == {"a/c": 1}


def test_the_posture_of_a_bucket_that_locks(store: S3) -> None:
    posture = store.posture("a")
    assert (posture.kind, posture.away, posture.versioning, posture.lock) == ("s3", True, True, True)
    assert (posture.lock_mode, posture.lock_days, posture.encryption) == ("", 0, "")
    assert (posture.expires_after, posture.expiry_known, posture.aborts_uploads) == (None, True, False)
    # This server does not know the public access block; its policy and access list say enough.
    assert posture.public is False
    assert any("public access block" in note for note in posture.notes)
    assert any("http" in note for note in posture.notes)


@pytest.fixture
def own_bucket(object_store: ObjectStore) -> Iterator[str]:
    """A bucket that only this test uses; a server has room for few."""
    name = object_store.bucket()
    yield name
    object_store.client().delete_bucket(Bucket=name)


def test_rules_that_let_backups_expire_are_seen(object_store: ObjectStore, own_bucket: str) -> None:
    rules = [
        {"ID": "1", "Status": "Enabled", "Filter": {"Prefix": "p/a/"}, "Expiration": {"Days": 9}},
        {"ID": "2", "Status": "Enabled", "Filter": {"Prefix": "p/"}, "Expiration": {"Days": 30}},
        {"ID": "3", "Status": "Enabled", "Filter": {"Prefix": "other/"}, "Expiration": {"Days": 1}},
        {"ID": "4", "Status": "Disabled", "Filter": {"Prefix": "p/"}, "Expiration": {"Days": 2}},
        {
            "ID": "5",
            "Status": "Enabled",
            "Filter": {"Prefix": "p/"},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        },
    ]
    object_store.client().put_bucket_lifecycle_configuration(Bucket=own_bucket, LifecycleConfiguration={"Rules": rules})
    store = S3.open(object_store.url(own_bucket, "p"))
    assert store.posture("a").expires_after == timedelta(days=9)
    assert store.posture("b").expires_after == timedelta(days=30)
    assert store.posture("b").aborts_uploads is True


def test_a_bucket_that_everybody_may_list_is_public(object_store: ObjectStore, own_bucket: str) -> None:
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:ListBucket","s3:GetObject"],'
        f'"Resource":["arn:aws:s3:::{own_bucket}","arn:aws:s3:::{own_bucket}/*"]}}]}}'
    )
    object_store.client().put_bucket_policy(Bucket=own_bucket, Policy=policy)
    assert S3.open(object_store.url(own_bucket)).posture("a").public is True


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///prefix",
        "s3://B/prefix",
        "s3://bucket/../x",
        "s3://bucket/a//b",
        "s3://bucket/.a",
        "s3://bucket:80/a",
        "s3://bucket/a#b",
        "s3://key:secret@bucket/a",
        "s3://bucket/a?secret=1",
        "s3://bucket/a?endpoint=ftp://x",
        "s3://bucket/a?endpoint=https://user:hunter22@x",
        "s3://bucket/a?endpoint=https://x/path",
        "s3://bucket/a?region=%0d%0a",
        "s3://bucket/a?sse=rot13",
        "s3://bucket/a?kms_key=1234",
        "s3://bucket/a?lock=maybe",
        "s3://bucket/a?endpoint",
        "s3://bucket/a?%1b[31m=1",
        "s3://[",
    ],
)
def test_an_address_that_means_no_bucket_is_a_mistake_in_the_checklist(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        S3.open(url)
    said = f"{caught.value.message} {caught.value.hint}"
    assert not any(bad in said for bad in ("\x1b", "hunter22", "secret@", "key:secret"))


def test_the_address_says_where_and_not_how() -> None:
    url = "s3://bucket/a/b/?endpoint=https://s3.example.test:8333&region=eu&sse=aws:kms&kms_key=alias/backups&lock=governance"
    store = S3.open(url)
    assert store.address == "s3://bucket/a/b?endpoint=https://s3.example.test:8333"
    assert S3.open("s3://bucket").address == "s3://bucket"
    assert Address.parse(url).encryption == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/backups"}
    assert Address.parse("s3://bucket").key("a/b") == "a/b"
