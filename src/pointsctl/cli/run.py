"""`pointsctl run`: any phase or section of the checklist."""

from __future__ import annotations

import typer

from pointsctl.cli import options


def run(
    part: str = typer.Argument(..., metavar="PHASE[/SECTION]", help="For instance post-deployment/verification."),
    environment: options.EnvironmentName = None,
    only: options.Only = None,
    format_name: options.Format = "text",
    as_json: options.Json = False,
    output: options.Output = None,
    jobs: options.Jobs = 4,
    verbose: options.Verbose = False,
    sample: options.Sample = 20,
    no_record: options.NoRecord = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Look at every item of a phase or section of the checklist.

    Example: pointsctl run post-deployment/verification --env production

    Exit codes: 0 everything is satisfied; 1 a check failed; 2 usage or checklist; 3 waits for a person or for time; 4
    could not look at something, or not record the run; 5 the ledger of another environment or database; 130 interrupted.
    """
    from pointsctl.cli.execute import execute

    phase, _, section = part.partition("/")
    return execute(
        environment=environment,
        phase=phase,
        section=section or None,
        only=only or [],
        format_name="json" if as_json else format_name,
        output=output,
        jobs=jobs,
        verbose=verbose,
        sample=sample,
        checklist=checklist,
        record=not no_record,
    )
