"""What preflight, run, verify and check run have in common: select, look, report, exit code."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pointsctl.cli.operator import operator_name
from pointsctl.cli.output import check_output, report_for, write_report
from pointsctl.cli.progress import Forgiving, RunProgress, progress_for
from pointsctl.cli.session import find_environment, session
from pointsctl.errors import ExitCode, PointsctlError
from pointsctl.model.escape import plain
from pointsctl.model.run import Run
from pointsctl.model.selection import select
from pointsctl.workflow.check_environment import check_environment
from pointsctl.workflow.record_run import RunLedger, ledger_of_run, record_run

_NARROWEST = 20


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
    record: bool,
) -> int:
    """Execute a part of the checklist, write the report, and record the run in the environment's ledger.

    Returns the exit code of the verdict, or 4 when the run could not be recorded.
    """
    report = report_for(format_name)
    check_output(output)
    with session(checklist, environment, jobs) as opened:
        loaded = opened.loaded
        selection = select(loaded.checklist, loaded.references, phase=phase, section=section, only=only)
        name, found = find_environment(loaded, opened.environment)
        with ledger_of_run(loaded, name, found, opened.surroundings.variables) as kept:
            with closing(progress(output)) as observer:
                run = check_environment(loaded, selection, name, opened.surroundings, observer, kept.known)
            # Recorded before it is shown: a reader that goes away must not take the record with it.
            told, code = recorded(kept, run) if record else (None, run.exit_code)
    write_report(run, report, output, verbose=verbose, sample=sample)
    if told is not None:
        _say(told)
    return int(code)


def recorded(kept: RunLedger, run: Run) -> tuple[str, ExitCode]:
    """What became of the record, in a sentence, and the exit code that follows."""
    if kept.ledger is None:
        return f"not recorded: {kept.why}; {kept.hint}", run.exit_code
    try:
        stored = record_run(kept.ledger, run, operator_name())
    except PointsctlError as error:
        return f"not recorded: {error.message}; {error.hint}", max(ExitCode.COULD_NOT_LOOK, run.exit_code)
    if stored is None:
        return "not recorded: the run was interrupted", run.exit_code
    return f"recorded {stored.seq}:{stored.hash}", run.exit_code


def _say(text: str) -> None:
    """Tell on stderr; on a terminal within its width, and never so that a stream that takes nothing ends the command."""
    stream = Forgiving(sys.stderr)
    line = plain(text)
    width = shutil.get_terminal_size().columns
    lines = textwrap.wrap(line, max(_NARROWEST, width)) if stream.isatty() else [line]
    for one in lines:
        stream.write(f"{one}\n")
    stream.flush()
