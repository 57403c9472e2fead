"""What preflight, run, verify and check run have in common: select, look, report, exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pointsctl.cli.output import check_output, report_for, write_report
from pointsctl.cli.progress import RunProgress, progress_for
from pointsctl.cli.session import session
from pointsctl.model.selection import select
from pointsctl.workflow.check_environment import check_environment


def progress(output: Path | None) -> RunProgress:
    """The progress of a run on stderr; `output` is the file that the report goes to, if any."""
    report_follows = output is None and sys.stdout.isatty()
    return progress_for(sys.stderr, ci=bool(os.environ.get("CI")), report_follows=report_follows)


def execute(
    *,
    environment: str | None,
    phase: str | None,
    section: str | None,
    only: Sequence[str],
    format_name: str,
    output: Path | None,
    jobs: int,
    verbose: bool,
    sample: int,
    checklist: Path | None,
) -> int:
    """Execute a part of the checklist and write the report; returns the exit code of the verdict."""
    report = report_for(format_name)
    check_output(output)
    with session(checklist, environment, jobs) as opened:
        loaded = opened.loaded
        selection = select(loaded.checklist, loaded.references, phase=phase, section=section, only=only)
        with closing(progress(output)) as observer:
            run = check_environment(loaded, selection, opened.environment, opened.surroundings, observer)
    write_report(run, report, output, verbose=verbose, sample=sample)
    return int(run.exit_code)
