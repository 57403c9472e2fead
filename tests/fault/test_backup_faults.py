"""Backups under kill -9, dying servers, full disks and thieves: nothing half-made counts, nothing is left, nothing leaks."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pointsctl.backup_stores.file import File
from pointsctl.cli.backup_list import state_of
from pointsctl.errors import ConnectionLostError, ExitCode, PointsctlError
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Kind
from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster, TcpAccess
from pointsctl.postgres.connection import connect
from pointsctl.sandbox.databases import SUPERUSER, create_points_database, prepare_roles
from pointsctl.workflow.list_backups import list_backups
from pointsctl.workflow.stored_backups import require_whole, stored_backups
from tests.support.audits import execute
from tests.support.backup_child import run_child
from tests.support.backup_projects import NAME, BackupProject, Telling
from tests.support.ledgers import install
from tests.support.servers import open_directory

CAMPAIGN = os.environ.get("HYPOTHESIS_PROFILE") == "campaign"
KILLS = 50 if CAMPAIGN else 6
"""Events at which create, and verify, are killed; `make campaign` tries every one of them."""
TIMES = [random.Random(number).uniform(0.01, 2.0) for number in range(50 if CAMPAIGN else 2)]  # noqa: S311
"""Seconds after which they are killed too, wherever they are: about as long as both take with a small database."""

PASSWORD = "hunter2-but-longer"


@pytest.fixture
def project(open_path: Path, database_url: str) -> BackupProject:
    install(database_url, NAME)
    return BackupProject(open_path, database_url)


@pytest.fixture
def own_server() -> Iterator[PrivateCluster]:
    """A server that a test may restart, with the reference schema in the database `points`, and a password over TCP."""
    with open_directory() as directory:
        access = TcpAccess(password=PASSWORD)
        cluster = PrivateCluster(directory / "c", superuser=SUPERUSER, settings=THROW_AWAY_SETTINGS, tcp=access)
        cluster.start()
        prepare_roles(cluster)
        create_points_database(cluster, "points")
        try:
            yield cluster
        finally:
            cluster.destroy()


def moments(total: int, wanted: int) -> list[int]:
    """Event numbers from the first to the last, evenly."""
    return sorted({1 + round(one * (total - 1) / max(1, wanted - 1)) for one in range(wanted)})


def assert_only_whole_backups(project: BackupProject) -> int:
    """Whatever is listed is whole; how many there are."""
    contents = stored_backups(File.open(project.store.as_uri()), NAME)
    for backup in contents.backups:
        require_whole(backup)
    return len(contents.backups)


def assert_nobody_is_left(project: BackupProject) -> None:
    """No process works in the scratch folder, and no session of ours is left in the source, once the server has noticed."""
    inside = str(project.scratch)
    assert [one.pid for one in psutil.process_iter() if _works_in(one, inside)] == []
    with connect(project.url) as connection:
        ours = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        waits = 0
        while connection.execute(ours).fetchone() != (0,):
            waits += 1
            assert waits < 200, "a session of a killed run is still there"
            connection.execute("SELECT pg_sleep(0.1), pg_stat_clear_snapshot()")


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        return any(folder in part for part in process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def fingerprint(url: str) -> object:
    with connect(url) as connection:
        return connection.execute(
            "SELECT (SELECT sum(hashtextextended(e::text, 0)) FROM public.points_events e),"
            " (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"
        ).fetchone()


def test_kill_9_at_any_moment_of_create_leaves_nothing_half_made(project: BackupProject) -> None:
    before = fingerprint(project.url)
    code, total = run_child("create", project, 0)
    assert (code, assert_only_whole_backups(project)) == (0, 1)
    for moment in moments(total, KILLS):
        known = assert_only_whole_backups(project)
        run_child("create", project, moment)
        assert assert_only_whole_backups(project) - known in (0, 1)
    for seconds in TIMES:
        known = assert_only_whole_backups(project)
        run_child("create", project, 0, seconds=seconds)
        assert assert_only_whole_backups(project) - known in (0, 1)
    project.create()
    assert project.left_over() == []
    assert_nobody_is_left(project)
    assert fingerprint(project.url) == before
    with Ledger(project.url) as ledger:
        recorded = {row.body for row in ledger.rows(kinds=[Kind.BACKUP_CREATED])}
    assert len(recorded) <= assert_only_whole_backups(project)


def test_kill_9_at_any_moment_of_verify_leaves_no_scratch_after_the_next_run(project: BackupProject) -> None:
    project.create()
    before = fingerprint(project.url)
    code, total = run_child("verify", project, 0)
    assert code == 0
    for moment in moments(total, KILLS):
        run_child("verify", project, moment)
    for seconds in TIMES:
        run_child("verify", project, 0, seconds=seconds)
    assert project.verify().proof.holds
    assert project.left_over() == []
    assert_nobody_is_left(project)
    assert fingerprint(project.url) == before
    with Ledger(project.url) as ledger:
        assert ledger.last(Kind.BACKUP_REFUTED) is None


@pytest.mark.parametrize(("moment", "state"), [("create-stored", "unrecorded"), ("create-recorded", "unverified")])
def test_kill_9_between_the_manifest_and_the_end_loses_nothing(project: BackupProject, moment: str, state: str) -> None:
    assert run_child(moment, project, 0)[0] != 0
    assert assert_only_whole_backups(project) == 1
    assert [state_of(one, "") for one in list_backups(project.request()).backups] == [state]
    stored = project.stored()
    manifest = project.create(resume=True).manifest
    assert project.stored() == stored
    assert project.left_over() == []
    [listed] = list_backups(project.request()).backups
    assert (listed.id, state_of(listed, "")) == (manifest.id, "unverified")
    assert project.verify().proof.holds


def _terminate(url: str, where: str) -> None:
    with connect(url) as connection:
        connection.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {where}".encode()
        )


def test_a_killed_snapshot_holder_ends_the_backup_and_leaves_nothing(project: BackupProject, admin_url: str) -> None:
    killed = threading.Event()

    def kill(stage: str) -> None:
        if stage == "dump" and not killed.is_set():
            killed.set()
            _terminate(admin_url, "datname = current_database() AND application_name NOT LIKE 'pg_dump%'")

    with pytest.raises(ConnectionLostError) as lost:
        project.create(Telling(begins=kill))
    assert lost.value.exit_code is ExitCode.COULD_NOT_LOOK
    assert lost.value.hint
    assert (project.stored(), project.left_over()) == ([], [])


def test_a_server_that_restarts_in_mid_dump_ends_the_backup_and_the_next_one_works(
    own_server: PrivateCluster, open_path: Path
) -> None:
    project = BackupProject(open_path, own_server.url("points", SUPERUSER))
    restarted = threading.Event()

    def restart(stage: str) -> None:
        if stage == "dump" and not restarted.is_set():
            restarted.set()
            own_server.restart()

    with pytest.raises(PointsctlError) as lost:
        project.create(Telling(begins=restart))
    assert lost.value.exit_code is ExitCode.COULD_NOT_LOOK, lost.value
    assert lost.value.hint
    assert (project.stored(), project.left_over()) == ([], [])
    # With TCP on, a server that starts again has another port.
    again = BackupProject(open_path, own_server.url("points", SUPERUSER))
    assert again.create().manifest.objects


def test_secrets_are_in_no_argument_no_output_no_manifest_and_no_record(
    own_server: PrivateCluster, open_path: Path
) -> None:
    url = own_server.tcp_url("points", SUPERUSER, PASSWORD)
    install(url, NAME)
    project = BackupProject(open_path, url)
    seen: set[str] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for process in psutil.process_iter():
                try:
                    seen.add("\0".join(process.cmdline()))
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        results = [project.run("create"), project.run("verify", "--json")]
    finally:
        stop.set()
        watcher.join()
    assert [one.code for one in results] == [0, 0], results
    assert any("pg_dump" in one for one in seen)
    with Ledger(url) as ledger:
        records = "".join(row.body for row in ledger.rows())
    manifests = "".join((project.store / name).read_text("utf-8") for name in project.stored() if "manifest-" in name)
    for text in (*seen, *(one.out + one.err for one in results), records, manifests):
        assert PASSWORD not in text


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pointsctl.cli.main import run
sys.exit(run(sys.argv[2:]))
"""


def test_a_full_disk_is_said_as_such_and_leaves_nothing(project: BackupProject) -> None:
    execute(
        project.url,
        "CREATE TABLE public.t_wide AS SELECT i, md5(i::text) || md5((i + 1)::text) AS t FROM generate_series(1, 60000) i",
    )
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(512 * 1024), "backup", "create"],
        cwd=project.folder,
        env={"PATH": os.environ["PATH"], "HOME": str(project.folder), "DATABASE_URL": project.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.COULD_NOT_LOOK, done
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project.stored(), project.left_over()) == ([], [])
