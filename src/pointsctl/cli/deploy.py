"""`pointsctl deploy`: the deployment procedure: what is done is seen, not remembered, and any operator can go on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options

if TYPE_CHECKING:
    from pointsctl.model.deployment_window import Window

Plan = Annotated[
    str | None,
    typer.Option("--plan", metavar="DIGEST", help="The plan that must be in force; 12 or more digits of its digest."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the open procedure, whoever began it and where.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Look at every step, and change and record nothing; takes no lock.")
]
Late = Annotated[bool, typer.Option("--past-deadline", help="Go on although the rollback deadline has passed.")]
Abandon = Annotated[
    bool, typer.Option("--abandon", help="Give the open procedure up, with --reason; nothing is undone.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is given up; recorded.")]


def deploy(
    environment: options.EnvironmentName = None,
    plan: Plan = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    past_deadline: Late = False,
    project: options.Project = None,
    abandon: Abandon = False,
    reason: Reason = "",
    confirm: options.Confirm = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Deploy: the gate is open, everybody knows, nobody else deploys, a fresh verified backup, migrations, a comparison with
    the rehearsal, audit records, edge functions, probes, and the rollout can begin at 0 %.

    Every step is looked at first and recorded; what is done is not done again. After a failure, a kill or Ctrl-C, --resume
    goes on from any machine. Past the rollback deadline of the window nothing is changed unless a person says so.

    Example: pointsctl deploy --env production

    Exit codes: 0 deployed, or in a dry run nothing is in the way; 1 a step went wrong: a statement, a comparison, a probe; 2
    usage or checklist; 3 waits for an announcement, for the window, or for a decision past its deadline; 4 could not look; 5
    refused: a closed gate, another operator, an open procedure, another plan, no confirmation; 130 interrupted.
    """
    import socket

    from pointsctl.cli.backup import work
    from pointsctl.cli.confirm import confirm_environment, confirm_late
    from pointsctl.cli.procedure_page import print_abandoned, print_deployed
    from pointsctl.workflow import deploy as procedure
    from pointsctl.workflow.chosen_procedure import DeployRequest
    from pointsctl.workflow.recorded_note import recorded_note

    note = _abandoning(abandon=abandon, reason=reason, resume=resume, dry_run=dry_run)
    with work(checklist, environment, None, "") as (given, cancellation, progress):

        def late(window: Window) -> bool:
            return confirm_late(given.name, window.in_a_sentence, given=past_deadline)

        request = DeployRequest(given, plan, resume, late, socket.gethostname(), project)
        if dry_run:
            done = procedure.dry_run(request, cancellation)
        else:
            confirm_environment(given.name, given.environment.protected, confirm)
            if abandon:
                print_abandoned(procedure.abandon(request, recorded_note(note)), given.name, as_json=as_json)
                return 0
            done = procedure.deploy(request, cancellation, progress)
    print_deployed(done, given.name, as_json=as_json)
    return int(done.exit_code)


def _abandoning(*, abandon: bool, reason: str, resume: bool, dry_run: bool) -> str:
    """The reason for giving up. Raises UsageError for options that do not go together."""
    from pointsctl.errors import UsageError

    if abandon and (resume or dry_run):
        raise UsageError("--abandon gives the procedure up; it does not go with --resume or --dry-run")
    if abandon != bool(reason.strip()):
        raise UsageError("--abandon and --reason belong together", hint='--abandon --reason "why it is given up"')
    return reason
