"""`pointsctl doctor`: what is on this machine and reachable from it, each with the fix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pointsctl.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from pointsctl.errors import PointsctlError
    from pointsctl.model.configuration import Environment
    from pointsctl.workflow.doctor_result import DoctorCheck, Examination
    from pointsctl.workflow.load_checklist import Loaded

_NARROW = 60
_STYLES = {"ok": "green", "warning": "yellow", "missing": "dim", "failed": "bold red", "error": "bold magenta"}
_CONCLUSIONS = {
    0: "all that is needed is there",
    1: "something is wrong",
    2: "the checklist cannot be used",
    4: "something that is needed is missing, or cannot be reached",
}


def doctor(
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Look at this machine, the checklist and every environment, and say what to mend. Nothing is changed.

    Example: pointsctl doctor --env production

    Exit codes: 0 all that is needed is there; 1 two environments are one database, or a tool is too old; 2 usage or
    checklist; 4 something needed is missing or cannot be reached; 130 interrupted.
    """
    import os
    import time

    from pointsctl.cli.tables import print_json
    from pointsctl.workflow.doctor import Patient, examine
    from pointsctl.workflow.doctor_machine import Machine

    patient = Patient(_checklist(checklist), environment, _built_in(environment))
    examination = examine(patient, Machine(dict(os.environ), time.monotonic))
    if as_json:
        print_json(dict(examination.as_json()))
    else:
        _show(examination)
    return int(examination.exit_code)


def _checklist(given: Path | None) -> Loaded | PointsctlError:
    from pointsctl.cli.session import load
    from pointsctl.errors import UsageError

    try:
        return load(given)
    except UsageError as error:
        return error


def _built_in(name: str | None) -> Mapping[str, Environment]:
    """The running sandbox's environments. Raises CouldNotLookError when one was asked for by name and it does not run."""
    from pointsctl.cli.session import SANDBOX_NAMES, built_in_environments
    from pointsctl.errors import CouldNotLookError

    if name is not None:
        return built_in_environments(name)
    try:
        return built_in_environments(SANDBOX_NAMES[0])
    except (CouldNotLookError, ImportError):  # not running, or the extra is not installed: nobody asked for it
        return {}


def _show(examination: Examination) -> None:
    import sys

    from rich.text import Text

    from pointsctl.cli.tables import console

    out = console()
    code = int(examination.exit_code)
    counts = {status: sum(check.status == status for check in examination.checks) for status in _STYLES}
    longest = max(len(check.id) for check in examination.checks)
    with out.capture() as captured:
        for check in examination.checks:
            out.print(_stacked(check) if out.width < _NARROW else _row(check, out.width, longest))
        out.print(f"\n{', '.join(f'{count} {status}' for status, count in counts.items() if count)}")
        out.print(Text(_CONCLUSIONS[code], style="bold green" if code == 0 else "bold red"))
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _row(check: DoctorCheck, width: int, longest: int) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    row = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), width=width)
    row.add_column(width=7)
    row.add_column(width=min(longest, width * 3 // 8), overflow="fold")
    row.add_column(overflow="fold", ratio=1)
    row.add_row(Text(check.status.value, style=_STYLES[check.status.value]), check.id, _told(check))
    return row


def _stacked(check: DoctorCheck) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    head = Text.assemble((check.status.value, _STYLES[check.status.value]), f" {check.id}")
    return Group(head, Padding(_told(check), (0, 0, 0, 2)))


def _told(check: DoctorCheck) -> str:
    """What was found, and the fix on a line of its own; nothing from outside reaches the terminal as it came."""
    from pointsctl.model.escape import plain

    lines = [plain(line) for line in check.found.split("\n")]
    return "\n".join([*lines, f"fix: {plain(check.fix)}"] if check.fix else lines)
