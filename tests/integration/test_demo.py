"""The demo is the main job, told by the real commands: it goes as told, also when it is stopped, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.support.cli import PROGRAM, environment
from tests.support.servers import open_directory


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, "demo"],
        cwd=folder,
        env=environment(folder, TMPDIR=str(folder), CI="true"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def left_behind(folder: Path) -> list[object]:
    """Files in the demo's folder, and processes that were started with it in their arguments."""
    processes = [
        one.cmdline() for one in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(one.info["cmdline"] or [])
    ]
    return [*folder.glob("pointsctl-demo-*"), *processes]


@pytest.fixture
def told() -> tuple[int, str, list[object]]:
    """A whole demo: exit code, what it printed, what is left."""
    with open_directory() as folder:
        process = start(folder)
        out, _ = process.communicate(timeout=300)
        return process.returncode, out, left_behind(folder)


def test_the_demo_goes_as_told_and_leaves_nothing_behind(told: tuple[int, str, list[object]]) -> None:
    code, out, left = told
    assert code == 0, out
    assert out.index("(exit 3, as expected)") < out.index("(exit 1, as expected)")
    ready, blocked = out.split("planted cache-drift")
    assert "0 fail, 0 error" in ready
    assert "public.coupons" in blocked
    assert "validated events add up to" in blocked
    assert "blocked: pre-deployment on sandbox: 2 critical failures" in blocked
    damaged, proven = out.index("is damaged: objects/dump/"), out.index("restored in ")
    assert out.index("(exit 1, as expected)") < damaged < proven
    assert "is proven, the copy is the source" in " ".join(out[proven:].split())
    assert left == []


def test_a_demo_that_is_stopped_takes_its_sandbox_away() -> None:
    with open_directory() as folder:
        process = start(folder)
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("the sandbox runs" in line for line in lines)
        os.killpg(process.pid, signal.SIGINT)
        rest = process.communicate(timeout=120)[0]
        assert process.returncode == 130, rest
        assert left_behind(folder) == []
