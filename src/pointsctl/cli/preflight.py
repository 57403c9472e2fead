"""`pointsctl preflight`: every item of the pre-deployment phase, and whether the gate is open."""

from __future__ import annotations

import typer

from pointsctl.cli import options

PHASE = "pre-deployment"


def preflight(
    environment: options.EnvironmentName = None,
    only: options.Only = None,
    section: str | None = typer.Option(None, "--section", metavar="NAME", help="Only this section of the phase."),
    format_name: options.Format = "text",
    as_json: options.Json = False,
    output: options.Output = None,
    jobs: options.Jobs = 4,
    verbose: options.Verbose = False,
    sample: options.Sample = 20,
    no_record: options.NoRecord = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Look at everything that must hold before a deployment, and say whether it may begin.

    Example: pointsctl preflight --env production

    Exit codes: 0 the gate is open; 1 a check failed; 2 usage or checklist; 3 waits for a person or for time; 4 could not
    look at something, or not record the run; 5 the ledger of another environment or database; 130 interrupted.
    """
    from pointsctl.cli.execute import execute

    return execute(
        environment=environment,
        phase=PHASE,
        section=section,
        only=only or [],
        format_name="json" if as_json else format_name,
        output=output,
        jobs=jobs,
        verbose=verbose,
        sample=sample,
        checklist=checklist,
        record=not no_record,
    )
