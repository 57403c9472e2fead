"""What is on this machine: client programs, tools, optional packages."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import PointsctlError
from pointsctl.extras import EXTRAS, how_to_install
from pointsctl.postgres.client_tools import NAMES, ClientTool
from pointsctl.process import run
from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.doctor_result import DoctorCheck, Status

INSTALL_CLIENTS = "install PostgreSQL's client programs (Debian: postgresql-client; macOS: brew install libpq)"
_PROGRAM_SECONDS = 10.0
_QUIET = {"DO_NOT_TRACK": "1", "SUPABASE_TELEMETRY_DISABLED": "1", "SUPABASE_NO_UPDATE_NOTIFIER": "1"}


@dataclass(frozen=True)
class Machine:
    """What the command line knows of this machine: variables, among them PATH, and a monotonic clock in seconds."""

    variables: Mapping[str, str]
    monotonic: Callable[[], float]

    @property
    def search_path(self) -> str:
        """Where programs are looked for."""
        return self.variables.get("PATH", os.defpath)

    def ask(self, argv: Sequence[str]) -> str:
        """Run a program with a minimal environment and no input; what it said on both outputs, or nothing."""
        with tempfile.TemporaryDirectory() as home:
            environment = {"PATH": self.search_path, "LC_ALL": "C", "HOME": home, **_QUIET}
            limit = TimeLimit(_PROGRAM_SECONDS, self.monotonic)
            try:
                finished = run(argv, directory=Path(home), environment=environment, cancellation=limit)
            except PointsctlError:
                return ""
        return (finished.stdout.head + finished.stderr.head).decode("utf-8", "replace")


def client_checks(tools: Sequence[ClientTool]) -> Iterator[DoctorCheck]:
    """Which client programs there are; whether they are new enough is asked for each environment."""
    for name in NAMES:
        found = [tool for tool in tools if tool.name == name]
        if found:
            yield DoctorCheck(f"tools.{name}", Status.OK, "; ".join(map(_described, found)))
        else:
            # A dump that nobody can restore is no backup, so both are needed; psql is a convenience.
            status = Status.MISSING if name == "psql" else Status.ERROR
            yield DoctorCheck(f"tools.{name}", status, "not found", INSTALL_CLIENTS)


def tool_checks(machine: Machine) -> tuple[DoctorCheck, ...]:
    """ssh-keygen, git and the Supabase CLI, asked at the same time."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        return tuple(pool.map(lambda check: check(machine), (_ssh_keygen, _git, _supabase)))


def extra_checks() -> Iterator[DoctorCheck]:
    """Which optional parts are installed."""
    for extra, packages in EXTRAS.items():
        absent = [package for package in packages if importlib.util.find_spec(package) is None]
        if absent:
            found = f"not installed: {', '.join(absent)}"
            yield DoctorCheck(f"extras.{extra}", Status.MISSING, found, how_to_install(extra))
        else:
            yield DoctorCheck(f"extras.{extra}", Status.OK, "installed")


def _described(tool: ClientTool) -> str:
    # A build without OpenSSL cannot reach a hosted server, whatever its version.
    limits = "" if tool.encrypts else " (no encryption: local servers only)"
    where = "with the sandbox's package" if tool.embedded else str(tool.path)
    return f"{tool.version} {where}{limits}"


def _ssh_keygen(machine: Machine) -> DoctorCheck:
    id_ = "tools.ssh-keygen"
    program = shutil.which("ssh-keygen", path=machine.search_path)
    if program is None:
        return DoctorCheck(
            id_, Status.MISSING, "not found", "install OpenSSH's client 8.2 or newer: approvals are signed with it"
        )
    said = machine.ask([program, "-Y", "find-principals"])
    if "missing signature file" in said:
        return DoctorCheck(id_, Status.OK, f"can sign and verify; {program}")
    fix = "install OpenSSH's client 8.2 or newer"
    return DoctorCheck(id_, Status.FAILED, f"too old to sign and verify (-Y); {program}", fix)


def _git(machine: Machine) -> DoctorCheck:
    return _versioned(machine, "git", "install git, so that a report can name the commit that was deployed")


def _supabase(machine: Machine) -> DoctorCheck:
    return _versioned(
        machine, "supabase", "install the Supabase CLI (npm install --save-dev supabase) for edge functions"
    )


def _versioned(machine: Machine, name: str, fix: str) -> DoctorCheck:
    program = shutil.which(name, path=machine.search_path)
    if program is None:
        return DoctorCheck(f"tools.{name}", Status.MISSING, "not found", fix)
    version = re.search(r"[0-9]+(\.[0-9]+)+", machine.ask([program, "--version"]))
    if version is None:
        return DoctorCheck(
            f"tools.{name}", Status.WARNING, f"does not say its version; {program}", f"try `{name} --version`"
        )
    return DoctorCheck(f"tools.{name}", Status.OK, f"{version[0]} {program}")
