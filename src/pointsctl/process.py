"""Runs another program: arguments as a list, a given environment, bounded output, and nothing left running afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

from pointsctl.errors import StorageError, ToolMissingError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import over, stop_if_over

HEAD_BYTES = 1024 * 1024
TAIL_BYTES = 64 * 1024
_POLL_SECONDS = 0.02
_ENDING_SECONDS = 0.002
_DRAIN_SECONDS = 0.5
_FAREWELL_SECONDS = 2.0


@dataclass(frozen=True)
class Output:
    """What a program wrote to one of its two outputs: the first MiB, the last 64 KiB, the size and digest of all of it."""

    head: bytes
    tail: bytes
    size: int
    sha256: str

    @property
    def complete(self) -> bool:
        """Whether `head` is everything."""
        return self.size == len(self.head)


@dataclass(frozen=True)
class Finished:
    """How a program ended. `exit_code` is negative for a program ended by that signal; `seconds` is wall time."""

    exit_code: int
    stdout: Output
    stderr: Output
    seconds: float


def run(
    argv: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    cancellation: Cancellation,
    stdin: bytes = b"",
    terminal: bool = False,
) -> Finished:
    """Run `argv` in `directory` with exactly `environment` and `stdin` as its input, and wait for its end.

    The program gets a process group of its own. When it ends, goes over its time, or a stop is requested, whatever is
    left of the group is killed; only a process that started a session of its own escapes.
    With `terminal` it keeps the caller's terminal instead, to ask for a passphrase there: it writes its errors there, which
    are not collected, and it alone is ended, with a moment to switch the terminal's echo on again.
    Raises ToolMissingError, StorageError (no such directory), TookTooLongError, InterruptedByOperatorError.
    """
    stop_if_over(cancellation, f"the command {argv[0]!r}")
    started = monotonic()
    with _input(stdin) as source:
        process = _start(argv, directory, environment, source, terminal=terminal)
    group = _Guest(process) if terminal else _Group(process)
    stdout, stderr = _Buffer(), _Buffer()
    try:
        with cancellation.callback(group.kill):
            ended = _collect(process, {process.stdout: stdout, process.stderr: stderr}, cancellation)
    finally:
        exit_code = group.end()
    if not ended:
        raise over(cancellation, f"the command {argv[0]!r}")
    return Finished(exit_code, stdout.output(), stderr.output(), monotonic() - started)


@contextlib.contextmanager
def _input(data: bytes) -> Iterator[int]:
    """A descriptor to read `data` from: a file without a name, since a pipe could fill up while nobody reads it."""
    if not data:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


def _start(
    argv: Sequence[str], directory: Path, environment: Mapping[str, str], source: int, *, terminal: bool
) -> subprocess.Popen[bytes]:
    if not directory.is_dir():
        raise StorageError(f"no folder {str(directory)!r} to run {argv[0]!r} in", hint="correct `directory`")
    try:
        return subprocess.Popen(
            list(argv),
            cwd=directory,
            env=dict(environment),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=None if terminal else subprocess.PIPE,
            start_new_session=not terminal,
            bufsize=0,
        )
    except FileNotFoundError:
        message = f"the program {argv[0]!r} is not installed, or not on PATH"
        raise ToolMissingError(message, hint="install it, or write its full path") from None
    except OSError as error:
        message = f"the program {argv[0]!r} cannot be started: {(error.strerror or 'refused').lower()}"
        raise ToolMissingError(message, hint="see its permissions and its first line") from None


class _Group:
    """The process group of a started program. Never signals a group that may already belong to somebody else."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def kill(self) -> None:
        """End everything in the group. Until the program is reaped, its id cannot be given to another one."""
        with self._lock:
            if self._process.returncode is None:
                self._end_unreaped()

    def _end_unreaped(self) -> None:
        # A group of which only the unreaped program is left answers with an error on some systems.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> int:
        """Kill what is left, close the pipes, reap the program, and give its exit code."""
        self.kill()
        with self._lock:
            exit_code = self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return exit_code


class _Guest(_Group):
    """A program in the caller's own process group, of which it alone may be ended."""

    def _end_unreaped(self) -> None:
        if not _has_ended(self._process):
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_FAREWELL_SECONDS)
        self._process.kill()


class _Buffer:
    """Keeps the beginning and the end of a stream in bounded memory."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0
        self._digest = hashlib.sha256()

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._digest.update(chunk)
        self._head += chunk[: HEAD_BYTES - len(self._head)]
        self._tail += chunk
        del self._tail[:-TAIL_BYTES]

    def output(self) -> Output:
        return Output(bytes(self._head), bytes(self._tail), self._size, self._digest.hexdigest())


def _collect(
    process: subprocess.Popen[bytes], pipes: Mapping[IO[bytes] | None, _Buffer], cancellation: Cancellation
) -> bool:
    """Read until the program has ended and everything was read; False when its time was up before."""
    with selectors.DefaultSelector() as selector:
        for pipe, buffer in pipes.items():
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, buffer)
        while not _has_ended(process):
            if cancellation.requested or cancellation.remaining() <= 0:
                return False
            _read(selector)
        # What the program wrote before its end is still in the pipes; a process that it left behind may keep them open.
        deadline = monotonic() + _DRAIN_SECONDS
        while selector.get_map() and _read(selector) and monotonic() < deadline:
            pass
    return not cancellation.requested


def _read(selector: selectors.BaseSelector) -> bool:
    """Read what is there; False when nothing came for a moment."""
    # A program that has closed its outputs is about to end; a signature takes less time than a poll.
    ready = selector.select(timeout=_POLL_SECONDS if selector.get_map() else _ENDING_SECONDS)
    for key, _ in ready:
        chunk = os.read(key.fd, TAIL_BYTES)
        if chunk:
            key.data.add(chunk)
        else:
            selector.unregister(key.fileobj)
    return bool(ready)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the program has ended, without reaping it, so that its process group keeps its id."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
