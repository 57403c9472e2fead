"""Private PostgreSQL servers for tests, none of which outlives the run that started it."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from pointsctl.postgres import administration
from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster
from pointsctl.sandbox.databases import OWNER, SUPERUSER, create_points_database, prepare_roles

_PREFIX = "pct-"
TEMPLATE = "points_template"


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that the server's account can reach; pytest's tmp_path lets only its owner pass."""
    directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir="/tmp"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        _remove(directory)


def sweep_orphans() -> None:
    """End the servers of test runs that were killed before they could."""
    for directory in Path("/tmp").glob(f"{_PREFIX}*"):
        owner = directory.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)) and directory.stat().st_uid == os.geteuid():
            _remove(directory)


def _remove(directory: Path) -> None:
    for data in list(directory.rglob("data")):
        if (data / "PG_VERSION").is_file():
            PrivateCluster(data.parent).destroy()
    shutil.rmtree(directory, ignore_errors=True)


class Server:
    """A throw-away server with Supabase's roles and one template that holds the reference schema and its first rows."""

    def __init__(self, cluster: PrivateCluster) -> None:
        self.cluster = cluster

    def prepare(self) -> None:
        """Start the server and make the roles and the template."""
        self.cluster.start()
        prepare_roles(self.cluster)
        create_points_database(self.cluster, TEMPLATE)

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The name of a fresh copy of `template` (`template0` gives an empty database), dropped afterwards."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        admin = self.cluster.url("postgres")
        administration.create_database(admin, name, owner=OWNER, template=template)
        try:
            yield name
        finally:
            if self.cluster.is_running():
                administration.drop_database(admin, name)


@contextmanager
def throw_away_server() -> Iterator[Server]:
    """A prepared server that is gone after the block."""
    with open_directory() as directory:
        server = Server(PrivateCluster(directory / "cluster", superuser=SUPERUSER, settings=THROW_AWAY_SETTINGS))
        server.prepare()
        try:
            yield server
        finally:
            server.cluster.destroy()
