"""Writes a run's report where the operator wants it: stdout, a file, or a CI job's summary."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pointsctl.errors import StorageError, UsageError

if TYPE_CHECKING:
    from pointsctl.model.run import Run
    from pointsctl.reports.interface import Report

_WIDE = 100
"""Columns of a report that no terminal shows."""


def report_for(name: str) -> Report:
    """The report of this name. Raises UsageError with the nearest name; called before a run, not after it."""
    from pointsctl import kinds
    from pointsctl.model.problems import nearest

    known = kinds.names("reports")
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean {close!r}?" if close else f"formats: {', '.join(known)}"
        raise UsageError(f"no report format {name!r}", hint=hint)
    report: Report = kinds.load("reports", name)()
    return report


def check_output(output: Path | None) -> None:
    """Raises StorageError when the folder of `output` is not there: before a run, whose report would be lost after it."""
    if output is not None and not output.parent.is_dir():
        raise StorageError(f"cannot write {output}: there is no folder {output.parent}", hint="name another --output")


def write_report(run: Run, report: Report, output: Path | None, *, verbose: bool = False, sample: int = 20) -> None:
    """Render the run and write it."""
    from pointsctl.reports.interface import Options

    to_terminal = output is None and sys.stdout.isatty()
    width = shutil.get_terminal_size((_WIDE, 24)).columns if to_terminal else _width_of_pipe()
    colour = to_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    options = Options(width=width, colour=colour, verbose=verbose, sample=sample)
    text = report.render(run, options)
    text = text if text.endswith("\n") else f"{text}\n"
    if output is None:
        sys.stdout.write(text)
    else:
        from pointsctl.files import write_private

        write_private(output, text)
    _append_job_summary(report.summary(run, options))


def _width_of_pipe() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isascii() and columns.isdigit() and int(columns) >= 20 else _WIDE


def _append_job_summary(summary: str | None) -> None:
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary or not target:
        return
    try:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"{summary}\n")
    except OSError as error:
        # The verdict matters more than its summary page.
        sys.stderr.write(f"pointsctl: cannot append to the job summary: {(error.strerror or '').lower()}\n")
