"""Tells whether the server of a data directory runs, and signals it only after proving that the process is that server."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from pointsctl.postgres.binaries import Account

# The pid file is written a moment after the process was made, and whole seconds are all that it holds.
START_TIME_TOLERANCE_S = 5.0
_GLANCE_S = 0.05
_FAREWELL_S = 30.0
_PROGRAMS = ("initdb", "postgres", "pg_amcheck", "pg_dump", "pg_restore")


@dataclass(frozen=True)
class PidFile:
    """The lines of postmaster.pid that identify a server (PostgreSQL manual, "Database File Layout")."""

    pid: int
    data_directory: str
    started_at: int
    port: int
    socket_directory: str

    @classmethod
    def read(cls, data_directory: Path) -> PidFile | None:
        """Return what the file says; None when there is none, or when it is not whole (a server that only just starts)."""
        try:
            lines = (data_directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return cls(int(lines[0]), lines[1], int(lines[2]), int(lines[3]), lines[4])
        except (FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            return None


def running_server(data_directory: Path) -> psutil.Process | None:
    """Return the server process of `data_directory`, or None.

    A pid alone proves nothing: after a crash it may belong to any other process. It counts only when that process was
    started when the file says and with this very data directory as its argument.
    """
    pid_file = PidFile.read(data_directory)
    if pid_file is None or pid_file.pid <= 1:
        return None
    try:
        process = psutil.Process(pid_file.pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            arguments = process.cmdline()
            near = abs(process.create_time() - pid_file.started_at) <= START_TIME_TOLERANCE_S
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    ours = (
        near
        and arguments
        and Path(arguments[0]).name == "postgres"
        and _argument(arguments, "-D") == str(data_directory)
    )
    return process if ours else None


def forget_stale_pid_file(data_directory: Path) -> None:
    """Remove a pid file whose pid now belongs to somebody else: the server would take that for a twin and not start.

    Call it only while holding the right to start this server. A pid that is free is left to the server, which knows.
    """
    pid_file = PidFile.read(data_directory)
    if pid_file is not None and psutil.pid_exists(pid_file.pid) and running_server(data_directory) is None:
        (data_directory / "postmaster.pid").unlink(missing_ok=True)


def stop(process: psutil.Process, signal_number: signal.Signals, timeout: float) -> bool:
    """Signal the process (psutil refuses when the pid has changed hands) and wait; say whether it has ended."""
    try:
        process.send_signal(signal_number)
    except psutil.NoSuchProcess:
        return True
    return _has_ended(process, timeout)


def kill(process: psutil.Process, timeout: float) -> None:
    """End the server and its backends at once, as a crash of the machine would; they clean up nothing."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for each in family:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    for each in family:
        # Backends whose server is gone belong to init, which may take its time to look at those that have ended.
        _has_ended(each, timeout)


def end_programs_in(directory: Path) -> None:
    """End the PostgreSQL programs that were told to work somewhere below `directory`, whose name nobody else can have.

    For what a killed run has left: a server that is only just starting has no whole pid file, and other programs have none.
    """
    accounts = {os.geteuid(), Account.of_this_process().uid}
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.uids().effective in accounts and _works_in(process, f"{directory}/"):
                kill(process, _FAREWELL_S)


def _works_in(process: psutil.Process, place: str) -> bool:
    arguments = process.cmdline()
    return bool(arguments) and Path(arguments[0]).name in _PROGRAMS and any(place in one for one in arguments[1:])


def _argument(arguments: list[str], flag: str) -> str | None:
    positions = [index for index, argument in enumerate(arguments[:-1]) if argument == flag]
    return arguments[positions[0] + 1] if positions else None


def _has_ended(process: psutil.Process, timeout: float) -> bool:
    """Wait up to `timeout` seconds; a zombie has ended, whose parent just has not looked yet."""
    for _ in range(max(1, round(timeout / _GLANCE_S))):
        _, alive = psutil.wait_procs([process], timeout=_GLANCE_S)
        if not alive or _is_zombie(process):
            return True
    return False


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
