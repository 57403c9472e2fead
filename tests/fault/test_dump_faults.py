"""What goes wrong in the middle of a dump: the right error, no program left running, and no password to be seen anywhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import psutil
import psycopg
import pytest

from pointsctl.backup_engines.interface import Source, Taken
from pointsctl.errors import ConnectionLostError, InterruptedByOperatorError, PointsctlError, StorageError
from pointsctl.model.progress import NoProgress
from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster, TcpAccess
from pointsctl.workflow.interruption import Stoppable
from tests.support.backups import engine, source_of
from tests.support.servers import open_directory

PASSWORD = "pässwörd: \\'sec ret"
_PATIENCE_S = 60.0

# What pg_dump reads in its middle, and nobody else does.
_IN_ITS_WAY = "LOCK TABLE pg_catalog.pg_ts_parser IN ACCESS EXCLUSIVE MODE"
_WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock' AND"
    " query LIKE '%pg_ts_parser%'"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[PrivateCluster]:
    """A server that asks for a password over TCP."""
    with open_directory() as directory:
        tcp = TcpAccess(PASSWORD)
        with PrivateCluster(directory / "cluster", settings=THROW_AWAY_SETTINGS, tcp=tcp) as running:
            with psycopg.connect(running.url("postgres"), autocommit=True) as connection:
                connection.execute("CREATE TABLE public.things AS SELECT n FROM generate_series(1, 1000) AS n")
            yield running
            running.destroy()


class Dumping:
    """A dump that waits in its middle, in another thread."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.limit = Stoppable(_PATIENCE_S, monotonic)
        self.result: Taken | PointsctlError | None = None
        self._thread = threading.Thread(target=self._take, args=(source, folder))
        self._thread.start()

    def _take(self, source: Source, folder: Path) -> None:
        try:
            self.result = engine().take(source, folder, self.limit, NoProgress())
        except PointsctlError as error:
            self.result = error

    def ended(self) -> Taken | PointsctlError:
        self._thread.join(_PATIENCE_S)
        assert self.result is not None
        return self.result


@contextmanager
def in_its_middle(url: str, start: Callable[[], object]) -> Iterator[psycopg.Connection]:
    """While the block runs, the dump that `start` began waits in its middle; what is yielded is what it waits for."""
    with psycopg.connect(url) as blocking, psycopg.connect(url, autocommit=True) as watching:
        blocking.execute(_IN_ITS_WAY)
        start()
        until(lambda: watching.execute(_WAITING.encode()).fetchone() is not None)
        yield blocking


def until(true: Callable[[], bool]) -> None:
    deadline = monotonic() + _PATIENCE_S
    while not true():
        assert monotonic() < deadline


def programs(folder: Path) -> list[psutil.Process]:
    """The programs that work on files below the folder."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "pg_dump" and str(folder) in " ".join(process.info["cmdline"] or ())
    ]


@pytest.fixture
def source(cluster: PrivateCluster) -> Source:
    return source_of(cluster.tcp_url("postgres", cluster.superuser, PASSWORD))


def test_the_password_is_in_no_argument_variable_or_file_of_the_backup(
    cluster: PrivateCluster, source: Source, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    began: list[Dumping] = []
    with in_its_middle(cluster.url("postgres"), lambda: began.append(Dumping(source, folder))):
        seen = programs(folder)
        assert seen
        for process in seen:
            told = [*process.cmdline(), *process.environ().values()]
            assert not [text for text in told if PASSWORD in text or "sec ret" in text]
        private = list(tmp_path.rglob("passwords-*"))
        assert [path.stat().st_mode & 0o077 for path in private] == [0]
    taken = began[0].ended()
    assert isinstance(taken, Taken)
    assert "sec ret" not in json.dumps(taken.contents) + repr(taken)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"sec ret" in path.read_bytes()]


def test_a_request_to_stop_ends_the_program(cluster: PrivateCluster, source: Source, tmp_path: Path) -> None:
    began: list[Dumping] = []
    with in_its_middle(cluster.url("postgres"), lambda: began.append(Dumping(source, tmp_path))):
        began[0].limit.cancel("asked to")
        assert isinstance(began[0].ended(), InterruptedByOperatorError)
        assert programs(tmp_path) == []


def test_the_session_that_holds_the_snapshot_is_ended(cluster: PrivateCluster, source: Source, tmp_path: Path) -> None:
    began: list[Dumping] = []
    with in_its_middle(cluster.url("postgres"), lambda: began.append(Dumping(source, tmp_path))) as connection:
        connection.execute("SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE locktype = 'advisory' AND granted")
        assert isinstance(began[0].ended(), ConnectionLostError)
        assert programs(tmp_path) == []


def test_the_server_restarts(cluster: PrivateCluster, tmp_path: Path) -> None:
    began: list[Dumping] = []
    source = source_of(cluster.url("postgres"))
    with in_its_middle(cluster.url("postgres"), lambda: began.append(Dumping(source, tmp_path))) as connection:
        cluster.restart()
        error = began[0].ended()
        assert isinstance(error, ConnectionLostError)
        assert error.hint
        connection.close()
    assert programs(tmp_path) == []


_TAKE = """
import resource, sys, time
from pathlib import Path
from pointsctl.errors import PointsctlError
from pointsctl.model.progress import NoProgress
from tests.support.backups import engine, limit, source_of
largest = int(sys.argv[3])
source = source_of(sys.argv[1], jobs=1)
taking = engine()
taking.refuse(source)
if largest:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
try:
    taking.take(source, Path(sys.argv[2]), limit(), NoProgress())
except PointsctlError as error:
    print(type(error).__name__, error.hint != "")
"""


def taking_elsewhere(url: str, folder: Path, largest: int = 0) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", _TAKE, url, str(folder), str(largest)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def test_a_killed_pointsctl_leaves_no_program_behind(cluster: PrivateCluster, tmp_path: Path) -> None:
    url = cluster.url("postgres")
    began: list[subprocess.Popen[str]] = []
    with in_its_middle(url, lambda: began.append(taking_elsewhere(url, tmp_path))):
        assert programs(tmp_path)
        os.kill(began[0].pid, signal.SIGKILL)
        began[0].communicate()
        until(lambda: programs(tmp_path) == [])
    with psycopg.connect(url, autocommit=True) as connection:
        sessions = "SELECT 1 FROM pg_stat_activity WHERE application_name IN ('pg_dump', 'pointsctl backup')"
        until(lambda: connection.execute(sessions.encode()).fetchone() is None)


def test_no_room_for_a_file(cluster: PrivateCluster, tmp_path: Path) -> None:
    """A limit of the file's size stands in for a full disk, which needs an administrator to make."""
    url = cluster.url("postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.noise AS SELECT gen_random_uuid() FROM generate_series(1, 20000)")
    said, _ = taking_elsewhere(url, tmp_path, 65536).communicate()
    assert said.split() == [StorageError.__name__, "True"]
