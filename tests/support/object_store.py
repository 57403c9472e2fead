"""A private SeaweedFS (S3) for tests, bound to 127.0.0.1, that does not outlive the run that started it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_PREFIX = "pct-s3-"
ACCESS_KEY = "AKIDSANDBOXWRITER"
SECRET_KEY = "a-secret-of-the-object-store-91c7"
READER_KEY = "AKIDSANDBOXREADER"
_START_SECONDS = 60.0
_ENDING_SECONDS = 0.5


@dataclass(frozen=True)
class ObjectStore:
    """A running server; `endpoint` is its address."""

    endpoint: str
    process: subprocess.Popen[bytes] | None = None

    def client(self, key: str = ACCESS_KEY) -> Any:
        """A plain boto3 client, for looking behind pointsctl's back."""
        return plain_client(self.endpoint, key)

    def bucket(self, *, lock: bool = False) -> str:
        """The name of a new bucket."""
        name = f"b-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return name

    def url(self, bucket: str, prefix: str | None = None, **options: str) -> str:
        """The address of a store of its own in the bucket."""
        place = f"p-{uuid.uuid4().hex[:12]}" if prefix is None else prefix
        return store_url(self.endpoint, bucket, place, **options)


def store_url(endpoint: str, bucket: str, prefix: str, **options: str) -> str:
    """`s3://bucket/prefix?endpoint=...`."""
    place = f"{bucket}/{prefix}" if prefix else bucket
    return f"s3://{place}?{urlencode({'endpoint': endpoint, 'region': 'us-east-1', **options})}"


def plain_client(endpoint: str, key: str = ACCESS_KEY, secret: str = SECRET_KEY) -> Any:
    """A plain boto3 client of any endpoint."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=20),
    )


@contextmanager
def credentials(key: str = ACCESS_KEY, secret: str = SECRET_KEY) -> Iterator[None]:
    """What boto3's chain of credentials finds, and nothing of this machine's own."""
    ours = {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def running_object_store() -> Iterator[ObjectStore]:
    """A server that is gone after the block. Raises RuntimeError when it does not start: a missing server fails the run."""
    _sweep()
    directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir="/tmp"))
    try:
        port = _free_port()
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(_command(directory, port), cwd=directory, stdout=log, stderr=log)
        try:
            running = ObjectStore(f"http://127.0.0.1:{port}", process)
            _wait(running, process, directory / "log")
            yield running
        finally:
            _end(process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _command(directory: Path, port: int) -> list[str]:
    identities = [
        {
            "name": "writer",
            "credentials": [_pair(ACCESS_KEY)],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {"name": "reader", "credentials": [_pair(READER_KEY)], "actions": ["Read", "List"]},
    ]
    (directory / "s3.json").write_text(json.dumps({"identities": identities}))
    (directory / "data").mkdir()
    numbers = {name: _free_port() for name in ("master.port", "filer.port", "volume.port")}
    numbers |= {f"{name}.grpc": _free_port() for name in ("master.port", "filer.port", "volume.port", "s3.port")}
    settings: dict[str, object] = {
        "dir": directory / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3": "true",
        "s3.port": port,
        "s3.config": directory / "s3.json",
        "s3.iam": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": directory / "s3.sock",
        "filer.localSocket": directory / "filer.sock",
        "master.volumeSizeLimitMB": 256,
        "master.telemetry": "false",
        "volume.max": 0,
        **numbers,
    }
    weed = Path(sys.executable).parent / "weed"
    return [str(weed), "server", *(f"-{name}={value}" for name, value in settings.items())]


def _pair(key: str) -> dict[str, str]:
    return {"accessKey": key, "secretKey": SECRET_KEY}


def _wait(running: ObjectStore, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it takes an object: it answers before its volumes are there."""
    client, waited = running.client(), 0.0
    while process.poll() is None and waited < _START_SECONDS:
        with contextlib.suppress(BotoCoreError, ClientError):
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
        waited += 0.1
    raise RuntimeError(f"SeaweedFS did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    # Asked nicely it may take minutes.
    process.send_signal(signal.SIGKILL)
    process.wait()


def _sweep() -> None:
    """End the servers of test runs that were killed before they could."""
    for directory in Path("/tmp").glob(f"{_PREFIX}*"):
        owner = directory.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)) and directory.stat().st_uid == os.geteuid():
            for process in psutil.process_iter(["cmdline"]):
                if f"-dir={directory / 'data'}" in (process.info["cmdline"] or ()):
                    process.kill()
            shutil.rmtree(directory, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
