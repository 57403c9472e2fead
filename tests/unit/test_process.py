"""What another program is given as its input, and a program that keeps the terminal."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pointsctl.errors import TookTooLongError
from pointsctl.process import Finished, run


class Patience:
    """A time limit that is over as soon as the program has said that it is ready."""

    requested = False

    def __init__(self, ready: Path) -> None:
        self._ready = ready

    def remaining(self) -> float:
        return 0.0 if self._ready.exists() else 60.0

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:  # noqa: ARG002  (nobody stops it)
        yield


def python(code: str, folder: Path, *, stdin: bytes = b"", terminal: bool = False) -> Finished:
    argv = [sys.executable, "-c", code]
    environment = {"PATH": os.environ["PATH"]}
    patience = Patience(folder / "ready")
    return run(argv, directory=folder, environment=environment, cancellation=patience, stdin=stdin, terminal=terminal)


@pytest.mark.parametrize("data", [b"", b"x", b"\0\xff\n", b"many" * 1_000_000])
def test_the_input_arrives_whole(tmp_path: Path, data: bytes) -> None:
    code = "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    assert python(code, tmp_path, stdin=data).stdout.head.decode().strip() == hashlib.sha256(data).hexdigest()


def test_a_program_that_does_not_read_its_input_is_no_problem(tmp_path: Path) -> None:
    assert python("pass", tmp_path, stdin=b"many" * 1_000_000).exit_code == 0


def test_only_with_the_terminal_it_stays_in_the_group_of_the_caller(tmp_path: Path) -> None:
    code = "import os; print(os.getpgrp())"
    alone, guest = (int(python(code, tmp_path, terminal=terminal).stdout.head) for terminal in (False, True))
    assert guest == os.getpgrp() != alone


def test_a_program_with_the_terminal_is_ended_alone_and_in_its_own_way(tmp_path: Path) -> None:
    code = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (open("told", "w").close(), sys.exit(0)))
open("ready", "w").close()
time.sleep(600)
"""
    with pytest.raises(TookTooLongError):
        python(code, tmp_path, terminal=True)
    assert (tmp_path / "told").exists()


def test_a_program_with_the_terminal_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('ready', 'w'); time.sleep(600)"
    with pytest.raises(TookTooLongError):
        python(code, tmp_path, terminal=True)
