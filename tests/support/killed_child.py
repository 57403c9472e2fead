"""A process of its own that works for a test, and is killed as by `kill -9` at a moment that the test chooses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

_PATIENCE_S = 180


def run_killed(module: str, folder: Path, *arguments: str) -> tuple[int, int]:
    """Run `python -m tests.support.MODULE ARGUMENTS`, with `folder` as its home. The exit code (-9 when it was killed), and
    the number that it printed when it came to its end.
    """
    done = subprocess.run(
        [sys.executable, "-m", f"tests.support.{module}", *arguments],
        cwd=Path(__file__).resolve().parents[2],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    # The alarm is not caught: to the process it is the same as SIGKILL.
    code = -signal.SIGKILL if done.returncode == -signal.SIGALRM else done.returncode
    assert code in (0, -signal.SIGKILL), done.stderr
    return code, int(done.stdout or 0)
