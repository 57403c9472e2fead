"""Fixtures that every suite may use: a real PostgreSQL for each worker, a fresh database for each test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pointsctl.sandbox.databases import OWNER
from tests.support.object_store import ObjectStore, credentials, running_object_store
from tests.support.servers import Server, open_directory, sweep_orphans, throw_away_server

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A job in the background of a shell ignores Ctrl-C, and so would every program that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadlines: machines are shared. The suite tries the same examples each time, so that it says the same about the same
# sources; `make campaign` looks further, with new examples each time.
_SLOW = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60, suppress_health_check=_SLOW)
settings.register_profile("campaign", deadline=None, max_examples=3000, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The worker's PostgreSQL. Without the wheel this raises, and so do all tests that need a database."""
    sweep_orphans()
    with throw_away_server() as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The name of this test's own database: Supabase's conventions, the reference schema, the first rows."""
    with server.database() as name:
        yield name


@pytest.fixture
def database_url(server: Server, database: str) -> str:
    """This test's own database as its owner `postgres`, which bypasses row level security and is no superuser."""
    return server.cluster.url(database, OWNER)


@pytest.fixture
def admin_url(server: Server, database: str) -> str:
    """This test's own database as the superuser."""
    return server.cluster.url(database)


@pytest.fixture
def empty_database_url(server: Server) -> Iterator[str]:
    """An empty database (no auth schema, no tables) as its owner; the roles exist, since they belong to the server."""
    with server.database("template0") as name:
        yield server.cluster.url(name, OWNER)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory like tmp_path that a server running as another user can reach too."""
    with open_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """The worker's S3 server. Without the wheel this raises, and so do all tests that need one."""
    with running_object_store() as running:
        yield running


@pytest.fixture
def s3_credentials() -> Iterator[None]:
    """What boto3 finds in the environment: the test servers' keys, and nothing of this machine's own."""
    with credentials():
        yield
