"""The sandbox comes up once, is mended after a kill, keeps its secrets, and leaves nothing running."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import jwt
import psutil
import pytest

from pointsctl.errors import CouldNotLookError, RefusedError, StorageError
from pointsctl.postgres.administration import database_exists, drop_database
from pointsctl.postgres.connection import connect
from pointsctl.sandbox import lifecycle
from pointsctl.sandbox.databases import sandbox_cluster
from pointsctl.sandbox.layout import Layout
from pointsctl.sandbox.service_process import ServiceNote, running_service
from pointsctl.sandbox.state import read_state

_UP = (
    "import sys; from pathlib import Path; from pointsctl.sandbox import lifecycle;"
    "print(lifecycle.up(Path(sys.argv[1])).document())"
)


@pytest.fixture
def own(open_path: Path) -> Iterator[Path]:
    """A directory for a sandbox of this test's own."""
    root = open_path / "sandbox"
    yield root
    Layout(root).state_file.unlink(missing_ok=True)
    lifecycle.down(root, purge=True)


def templates(url: str) -> object:
    with connect(url) as connection:
        return connection.execute("select count(*) from public.coupon_templates").fetchone()


def test_up_is_idempotent_and_down_keeps_the_data(own: Path) -> None:
    first = lifecycle.up(own)
    assert first.running
    note = ServiceNote.read(Layout(own))
    again = lifecycle.up(own)
    assert again.document() == first.document()
    assert ServiceNote.read(Layout(own)) == note
    with connect(first.environments[0].database_url) as connection:
        connection.execute("delete from public.coupon_templates where cost_points > 1000")
    stopped = lifecycle.down(own)
    assert (stopped.running, stopped.server_running, stopped.service_running) == (False, False, False)
    assert lifecycle.down(own) == stopped
    third = lifecycle.up(own)
    assert [each.variables for each in third.environments] == [each.variables for each in first.environments]
    assert templates(third.environments[0].database_url) == (2,)
    assert templates(third.environments[1].database_url) == (3,)


def test_the_document_is_the_contract(sandbox: Path) -> None:
    document = lifecycle.status(sandbox).document()
    assert list(document) == [
        "schema",
        "running",
        "database_url",
        "staging_database_url",
        "functions_url",
        "store",
        "directory",
    ]
    assert document["schema"] == "pointsctl/sandbox/v1"
    assert document["running"] is True
    assert str(document["functions_url"]).startswith("http://127.0.0.1:")
    assert str(document["store"]).startswith("file:///")
    json.dumps(document)


def test_a_sandbox_that_never_was_is_not_running_and_status_makes_nothing(open_path: Path) -> None:
    root = open_path / "nowhere"
    document = lifecycle.status(root).document()
    assert document["running"] is False
    assert document["database_url"] is None
    lifecycle.down(root, purge=True)
    assert not root.exists()
    with pytest.raises(CouldNotLookError, match="does not run"):
        lifecycle.running_environment(root, "sandbox")


def test_the_environments_differ_in_database_functions_and_secrets(sandbox: Path) -> None:
    production, staging = lifecycle.status(sandbox).environments
    assert (production.name, staging.name) == ("sandbox", "sandbox-staging")
    assert production.database_url != staging.database_url
    assert production.functions_url != staging.functions_url
    assert len(production.variables["COUPON_SECRET"]) >= 32
    assert not set(production.variables.values()) & set(staging.variables.values())
    key = production.variables["SUPABASE_SERVICE_ROLE_KEY"]
    claims = jwt.decode(key, production.variables["SUPABASE_JWT_SECRET"], algorithms=["HS256"])
    assert claims["role"] == "service_role"


def test_secrets_are_in_private_files_only(sandbox: Path) -> None:
    layout = Layout(sandbox)
    for path in (layout.state_file, layout.service_file, layout.service_log):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    state = read_state(layout)
    running = running_service(layout)
    assert state
    assert running
    secrets = [value for each in state.environments.values() for value in (each.jwt_secret, each.coupon_secret)]
    seen = " ".join(
        [*running[1].cmdline(), *running[1].environ().values(), layout.service_log.read_text(), repr(state)]
    )
    assert [secret for secret in secrets if secret in seen] == []
    assert [secret for secret in secrets if secret in repr(lifecycle.status(sandbox))] == []


def test_two_sandboxes_live_side_by_side(sandbox: Path, own: Path) -> None:
    other = lifecycle.up(own)
    here = lifecycle.status(sandbox)
    assert here.running
    assert other.running
    lifecycle.down(own)
    assert lifecycle.status(sandbox).document() == here.document()


def test_two_ups_at_once_give_one_sandbox(own: Path) -> None:
    command = [
        sys.executable,
        "-c",
        _UP,
        str(own),
    ]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [each.communicate(timeout=120)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert answers[0] == answers[1]
    services = [each for each in psutil.process_iter(["cmdline"]) if str(own) in (each.info["cmdline"] or [])]
    assert len(services) == 1


@pytest.mark.parametrize("lines", [1, 3, 6, 10, 20])
def test_an_up_that_was_killed_is_mended_by_the_next(own: Path, lines: int) -> None:
    """Kill the command after a number of calls into pointsctl, wherever that is."""
    script = (
        "import os, signal, sys; from pathlib import Path; from pointsctl.sandbox import lifecycle\n"
        "left = [int(sys.argv[2])]\n"
        "from pointsctl.postgres import administration, cluster\n"
        "from pointsctl.sandbox import service_process\n"
        "def counted(function):\n"
        "    def call(*args, **kwargs):\n"
        "        left[0] -= 1\n"
        "        if left[0] == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return function(*args, **kwargs)\n"
        "    return call\n"
        "for module in (administration, cluster, service_process):\n"
        "    for name in ('connect', 'private_directory', 'running_service', 'answers', '_free_port'):\n"
        "        if hasattr(module, name): setattr(module, name, counted(getattr(module, name)))\n"
        "lifecycle.up(Path(sys.argv[1]))\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(own), str(lines)], capture_output=True, check=False, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    status = lifecycle.up(own)
    assert status.running
    assert [templates(each.database_url) for each in status.environments] == [(3,), (3,)]


def test_a_half_made_database_is_made_again(own: Path) -> None:
    lifecycle.up(own)
    cluster = sandbox_cluster(Layout(own))
    drop_database(cluster.url("postgres"), "points")
    with connect(cluster.url("postgres")) as connection:
        connection.execute("create database points_partial")
    assert templates(lifecycle.up(own).environments[0].database_url) == (3,)
    assert not database_exists(cluster.url("postgres"), "points_partial")


@pytest.mark.parametrize("part", ["server", "service"])
def test_a_part_that_died_is_seen_and_started_again(own: Path, part: str) -> None:
    lifecycle.up(own)
    running = running_service(Layout(own))
    assert running
    if part == "server":
        sandbox_cluster(Layout(own)).kill()
    else:
        running[1].kill()
        running[1].wait()
    status = lifecycle.status(own)
    assert (status.running, status.server_running, status.service_running) == (
        False,
        part == "service",
        part == "server",
    )
    assert lifecycle.up(own).running


def test_a_foreign_process_under_the_services_pid_is_left_alone(own: Path) -> None:
    lifecycle.up(own)
    lifecycle.down(own)
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        started = psutil.Process(innocent.pid).create_time()
        ServiceNote(innocent.pid, started, 9).write(Layout(own))
        assert running_service(Layout(own)) is None
        lifecycle.down(own)
        assert innocent.poll() is None
        assert lifecycle.up(own).running
    finally:
        innocent.kill()
        innocent.wait()


def test_reset_works_while_somebody_is_connected(own: Path) -> None:
    status = lifecycle.up(own)
    url = status.environments[0].database_url
    connection = connect(url)
    connection.execute("begin")
    connection.execute("delete from public.coupon_templates")
    assert lifecycle.reset(own).running
    connection.close()
    assert templates(url) == (3,)


def test_purge_deletes_the_data_and_only_of_a_sandbox(own: Path, open_path: Path) -> None:
    lifecycle.up(own)
    (own / "store" / "backup").write_text("content")
    lifecycle.down(own, purge=True)
    assert [path.name for path in own.iterdir()] == ["lock"]
    precious = open_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(RefusedError, match="is no sandbox"):
        lifecycle.down(precious, purge=True)
    assert (precious / "thesis.txt").exists()


def test_a_directory_that_cannot_be_written_to_is_one_clear_error(open_path: Path) -> None:
    (open_path / "file").write_text("")
    for root in (open_path / "file" / "sandbox", Path("/proc/sandbox")):
        with pytest.raises(StorageError, match="cannot be written to") as error:
            lifecycle.up(root)
        assert "POINTSCTL_SANDBOX_DIR" in error.value.hint


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": "pointsctl/sandbox-state/v2"}', "\x00"])
def test_a_damaged_state_is_told_without_its_content(own: Path, content: str) -> None:
    Layout(own).make()
    Layout(own).state_file.write_text(content)
    with pytest.raises(StorageError, match="cannot be used") as error:
        lifecycle.up(own)
    assert "down --purge" in error.value.hint


def test_a_command_waits_for_the_one_before_and_then_gives_up(own: Path) -> None:
    layout = Layout(own)
    layout.make()
    release, held = threading.Event(), threading.Event()

    def hold() -> None:
        with layout.exclusive():
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    with pytest.raises(RefusedError, match="another command"), layout.exclusive(timeout=0.2):
        pass
    release.set()
    thread.join()
    with layout.exclusive(timeout=5):
        assert layout.lock_file.exists()
