"""Starts, recognises and stops the reference points service as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil
import pydantic

from pointsctl.errors import CouldNotLookError, TookTooLongError
from pointsctl.files import write_private
from pointsctl.sandbox.layout import Layout

MODULE = "pointsctl.sandbox.service"
POLL_INTERVAL_S = 0.05
# Another service of this sandbox was quicker: sysexits.h's EX_TEMPFAIL.
ALREADY_SERVED = 75

_started: dict[Path, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class ServiceNote:
    """What a service writes about itself: process id, that process's start (Unix time), port on 127.0.0.1."""

    pid: int
    started_at: float
    port: int

    @classmethod
    def of_this_process(cls, port: int) -> ServiceNote:
        """The note of the process that calls."""
        return cls(os.getpid(), psutil.Process().create_time(), port)

    def write(self, layout: Layout) -> None:
        """Leave the note for the commands to find."""
        write_private(
            layout.service_file, pydantic.TypeAdapter(dict[str, float | int]).dump_json(asdict(self)).decode()
        )

    @classmethod
    def read(cls, layout: Layout) -> ServiceNote | None:
        """Return the note, or None when there is none that can be read."""
        try:
            return pydantic.TypeAdapter(cls).validate_json(layout.service_file.read_bytes())
        except (OSError, pydantic.ValidationError):
            return None

    @property
    def address(self) -> str:
        """The service's base address."""
        return f"http://127.0.0.1:{self.port}"


def running_service(layout: Layout) -> tuple[ServiceNote, psutil.Process] | None:
    """Return the note and the process of this sandbox's service when it runs: pid, start time and arguments must all fit."""
    note = ServiceNote.read(layout)
    if note is None:
        return None
    try:
        process = psutil.Process(note.pid)
        ours = (
            abs(process.create_time() - note.started_at) < 1
            and process.status() != psutil.STATUS_ZOMBIE
            and process.cmdline()[-2:] == [MODULE, str(layout.root)]
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return (note, process) if ours else None


def answers(note: ServiceNote, instance: str, *, timeout: float = 2) -> bool:
    """Say whether the service is healthy and belongs to the sandbox `instance`."""
    try:
        response = httpx.get(f"{note.address}/healthz", timeout=timeout, trust_env=False)
        return response.status_code == 200 and response.json().get("instance") == instance
    except (httpx.HTTPError, ValueError):
        return False


def start_service(layout: Layout, instance: str, *, timeout: float = 30) -> ServiceNote:
    """Return the note of a healthy service, starting one where none runs.

    Raises CouldNotLookError when it ends at once, TookTooLongError when it does not become healthy.
    """
    deadline = time.monotonic() + timeout
    _reap(layout)
    child = None if running_service(layout) else _spawn(layout)
    while time.monotonic() < deadline:
        running = running_service(layout)
        if running and answers(running[0], instance):
            return running[0]
        if child is not None and child.poll() not in (None, ALREADY_SERVED):
            raise CouldNotLookError(
                f"the points service ended with {child.returncode} while starting", hint=f"see {layout.service_log}"
            )
        time.sleep(POLL_INTERVAL_S)
    stop_service(layout)
    raise TookTooLongError(f"the points service was not healthy within {timeout:g} s", hint=f"see {layout.service_log}")


def stop_service(layout: Layout, *, timeout: float = 10) -> None:
    """Stop the service when it runs; harder when it does not end."""
    running = running_service(layout)
    if running is not None:
        _, process = running
        process.terminate()
        _, alive = psutil.wait_procs([process], timeout=timeout)
        for each in alive:
            each.kill()
        psutil.wait_procs(alive, timeout=timeout)
    _reap(layout)


def _spawn(layout: Layout) -> subprocess.Popen[bytes]:
    """Start the service on a socket that is already listening; its secrets are in the sandbox's 0600 file, not in argv."""
    with _listening_socket(ServiceNote.read(layout)) as listening:
        descriptor = os.open(layout.service_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-I", "-m", MODULE, str(layout.root)],
                stdin=listening.fileno(),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                start_new_session=True,
            )
    _started[layout.root] = child
    return child


def _listening_socket(previous: ServiceNote | None) -> socket.socket:
    """Listen on 127.0.0.1, on the port of last time where that is free, so that addresses stay valid."""
    for port in [*([previous.port] if previous else []), 0]:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError:
            listening.close()
            continue
        listening.listen(256)
        return listening
    raise CouldNotLookError("no port on 127.0.0.1 is free for the points service")


def _reap(layout: Layout) -> None:
    child = _started.get(layout.root)
    if child is not None and child.poll() is not None:
        del _started[layout.root]
