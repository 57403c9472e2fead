"""`pointsctl verify`: the verification after a deployment."""

from __future__ import annotations

from pointsctl.cli import options


def verify(
    environment: options.EnvironmentName = None,
    format_name: options.Format = "text",
    as_json: options.Json = False,
    output: options.Output = None,
    jobs: options.Jobs = 4,
    verbose: options.Verbose = False,
    sample: options.Sample = 20,
    no_record: options.NoRecord = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Look at what must hold after a deployment; the same as `run post-deployment/verification`.

    Example: pointsctl verify --env production

    Exit codes: 0 everything is satisfied; 1 a check failed; 2 usage or checklist; 3 waits for a person or for time; 4
    could not look at something, or not record the run; 5 the ledger of another environment or database; 130 interrupted.
    """
    from pointsctl.cli.execute import execute

    return execute(
        environment=environment,
        phase="post-deployment",
        section="verification",
        only=[],
        format_name="json" if as_json else format_name,
        output=output,
        jobs=jobs,
        verbose=verbose,
        sample=sample,
        checklist=checklist,
        record=not no_record,
    )
