"""`pointsctl audit`: the SQL audits alone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from pointsctl.cli import options

app = typer.Typer(help="The SQL audits alone: list them, run them.", rich_markup_mode=None)


@app.command("list")
def list_audits(as_json: options.Json = False) -> int:
    """List every audit with its severity and what it looks for.

    Example: pointsctl audit list

    Exit codes: 0 listed; 2 usage.
    """
    from pointsctl.cli.tables import audit_list

    audit_list(as_json=as_json)
    return 0


@app.command("run")
def run_audits(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Which audits; all of them when left out.")
    ] = None,
    environment: options.EnvironmentName = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d"],
            metavar="TIME",
            help="Only what changed since then (UTC), where an audit can: much cheaper on a large table.",
        ),
    ] = None,
    sample: options.Sample = 20,
    format_name: options.Format = "text",
    as_json: options.Json = False,
    output: options.Output = None,
    jobs: options.Jobs = 4,
    verbose: options.Verbose = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Run SQL audits read-only, in one snapshot of the database, with the parameters that the checklist gives them.

    Example: pointsctl audit run cache-balance --env production --since 2026-01-31T08:00:00Z

    Exit codes: 0 no findings; 1 findings; 2 usage or checklist; 4 could not look; 130 interrupted.
    """
    from contextlib import closing
    from datetime import UTC

    from pointsctl.cli.execute import progress
    from pointsctl.cli.output import check_output, report_for, write_report
    from pointsctl.cli.session import session
    from pointsctl.workflow.run_audits import run_audits as run_selected

    report = report_for("json" if as_json else format_name)
    check_output(output)
    moment = since.replace(tzinfo=since.tzinfo or UTC) if since else None
    with (
        session(checklist, environment, jobs) as opened,
        closing(progress(output)) as observer,
    ):
        given = (opened.loaded, names or [], opened.environment, opened.surroundings, observer)
        run = run_selected(*given, sample=sample, since=moment)
    write_report(run, report, output, verbose=verbose, sample=sample)
    return int(run.exit_code)
