"""Workspaces: nobody else's while their process lives; whatever a kill leaves, servers included, goes with the next sweep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pointsctl.errors import RefusedError, StorageError
from pointsctl.postgres.workspace import Workspace, discard, kept, require_room, sweep

MAJOR = 18
HOLDER = """
import os, sys
from pathlib import Path
from pointsctl.postgres.ephemeral import ephemeral_server
from pointsctl.postgres.workspace import Workspace
with Workspace.open(Path(sys.argv[1]), "a test") as workspace:
    (workspace.directory("dump") / "rows").write_text("secret")
    if sys.argv[2] == "keep":
        workspace.keep("production")
    if sys.argv[2] == "starting":
        print(workspace.folder, flush=True)
    with ephemeral_server(workspace, int(sys.argv[3]), search_path=os.defpath, jobs=1) as server:
        server.empty_database()
        print(workspace.folder, flush=True)
        sys.stdin.read()
"""


@contextmanager
def killed_holder(base: Path, how: str) -> Iterator[Path]:
    """The workspace of a process that was killed while its server ran, or, with `starting`, while it was being made."""
    argv = [sys.executable, "-c", HOLDER, str(base), how, str(MAJOR)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert sweep(base) == (), "a workspace whose process lives is nobody else's"
        process.send_signal(signal.SIGKILL)
    yield folder


def swept(base: Path) -> tuple[Path, ...]:
    """What a sweep removes; a program that was just being started holds the lock for a moment longer than who started it."""
    for _ in range(500):
        found = sweep(base)
        if found:
            return found
        subprocess.run([sys.executable, "-c", ""], check=True)
    return ()


def programs_in(folder: Path) -> list[list[str]]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(f"{folder}/" in one for one in command):
            found.append(command)
    return found


@pytest.mark.parametrize("how", ["running", "starting"])
def test_a_sweep_removes_what_a_kill_has_left_and_its_server(open_path: Path, how: str) -> None:
    base = open_path / "with blanks 'and' quotes"
    with killed_holder(base, how) as folder:
        assert folder.is_dir()
        assert swept(base) == (folder,)
        assert not folder.exists()
        assert programs_in(folder) == []
        assert sweep(base) == ()


def test_what_was_kept_outlives_a_kill_until_it_is_resumed(open_path: Path) -> None:
    with killed_holder(open_path, "keep") as folder:
        assert sweep(open_path) == ()
        assert kept(open_path, "staging") == ()
        assert kept(open_path, "production") == (folder,)
        with Workspace.resume(folder) as workspace:
            assert (workspace.directory("dump") / "rows").read_text() == "secret"
            assert kept(open_path, "production") == ()
            with pytest.raises(RefusedError, match="in use"):
                discard(folder)
            workspace.forget()
        assert not folder.exists()
        assert programs_in(folder) == []
        with pytest.raises(StorageError, match="not there"), Workspace.resume(folder):
            pass


def test_a_kept_workspace_can_be_discarded(open_path: Path) -> None:
    with Workspace.open(open_path, "a test") as workspace:
        workspace.keep("production")
    assert workspace.folder.is_dir()
    discard(workspace.folder)
    assert not workspace.folder.exists()


def test_a_workspace_is_private_and_goes_with_its_block_also_after_an_error(open_path: Path) -> None:
    def fails() -> None:
        with Workspace.open(open_path, "a test") as workspace:
            assert workspace.folder.stat().st_mode & 0o066 == 0
            assert workspace.directory("dump").stat().st_mode & 0o077 == 0
            raise ValueError("on the way")

    with pytest.raises(ValueError, match="on the way"):
        fails()
    assert list(open_path.iterdir()) == []


def test_a_sweep_touches_nothing_that_only_looks_like_a_workspace(open_path: Path) -> None:
    elsewhere = open_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    name = f"pointsctl-work-{os.geteuid()}-"
    (open_path / f"{name}0123456789ab").symlink_to(elsewhere)
    (open_path / f"{name}short").mkdir()
    (open_path / f"pointsctl-work-{os.geteuid() + 1}-0123456789ab").mkdir()
    writable = open_path / f"{name}ba9876543210"
    writable.mkdir()
    writable.chmod(0o777)
    before = sorted(path.name for path in open_path.iterdir())
    assert sweep(open_path) == ()
    assert sorted(path.name for path in open_path.iterdir()) == before
    assert (elsewhere / "precious").exists()


def test_a_folder_without_a_lock_is_swept(open_path: Path) -> None:
    folder = open_path / f"pointsctl-work-{os.geteuid()}-0123456789ab"
    folder.mkdir()
    assert sweep(open_path) == (folder,)


def test_a_base_that_is_missing_has_nothing_to_sweep(open_path: Path) -> None:
    assert sweep(open_path / "nowhere") == ()
    assert kept(open_path / "nowhere", "production") == ()


def test_too_little_room_names_both_numbers(open_path: Path) -> None:
    require_room(open_path / "not there yet", 1)
    with pytest.raises(StorageError, match=r"bytes free, about 1,000,000,000,000,000,000 are needed"):
        require_room(open_path, 10**18)
