"""Sending a file to an object store and getting it back, against plain boto3 with the same bytes; and the memory that it takes."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from rich.console import Console

from pointsctl.backup_stores.s3 import S3
from tests.bench.measure import Ratio, run, side_by_side
from tests.support.object_store import ObjectStore, credentials, running_object_store
from tests.support.stores import MIB, NEVER

SIZE = int(os.environ.get("BENCH_OBJECT_MIB", "256")) * MIB
_TURNS = 3
# At least 0.8 times the speed is at most 1.25 times the time.
_TARGET = 1.25


def stores(out: Console) -> Iterator[Ratio]:
    """Up and down; what is no ratio is printed to `out`."""
    with running_object_store() as server, credentials(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        _fill(path)
        bucket = server.bucket()
        yield _up(server, bucket, path)
        yield _down(server, bucket, path, Path(folder, "got"))
        _memory(server.url(bucket), path, out)


def _fill(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(SIZE // MIB):
            file.write(os.urandom(MIB))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _up(server: ObjectStore, bucket: str, path: Path) -> Ratio:
    store, client, sha256 = S3.open(server.url(bucket)), server.client(), _sha256(path)
    numbers = count()

    def ours() -> None:
        name = f"up/{next(numbers)}"
        store.put_file(name, path, sha256, NEVER)
        store.delete([name])

    def theirs() -> None:
        client.upload_file(str(path), bucket, "up")
        client.delete_object(Bucket=bucket, Key="up")

    return _ratio("store a file of", ours, theirs, "upload_file")


def _down(server: ObjectStore, bucket: str, path: Path, got: Path) -> Ratio:
    store, client = S3.open(server.url(bucket)), server.client()
    store.put_file("down/file", path, _sha256(path), NEVER)
    client.upload_file(str(path), bucket, "down")

    def ours() -> None:
        store.get_file("down/file", got, SIZE, NEVER)
        got.unlink()

    def theirs() -> None:
        client.download_file(bucket, "down", str(got))
        got.unlink()

    return _ratio("get a file of", ours, theirs, "download_file")


def _ratio(what: str, ours: Callable[[], object], theirs: Callable[[], object], name: str) -> Ratio:
    title = f"{what} {SIZE // MIB:,} MiB, proven / boto3's {name}"
    return side_by_side(title, ours, theirs, target=_TARGET, turns=_TURNS)


def _memory(url: str, path: Path, out: Console) -> None:
    lines = (
        "import sys",
        "from pathlib import Path",
        "from pointsctl.backup_stores.s3 import S3",
        "from tests.support.stores import NEVER",
        "store, path = S3.open(sys.argv[1]), Path(sys.argv[2])",
        "store.put_file('memory/file', path, sys.argv[3], NEVER)",
        "store.get_file('memory/file', path.with_name('memory'), path.stat().st_size, NEVER)",
    )
    command = (sys.executable, "-c", "\n".join(lines), url, str(path), _sha256(path))
    ended = run(command, cwd=str(Path.cwd()), environment=dict(os.environ))
    if ended.code != 0:
        raise SystemExit("the store of the benchmark failed")
    out.print(f"storing and getting {SIZE // MIB:,} MiB: {ended.peak_bytes / MIB:,.0f} MiB of memory at the most")
