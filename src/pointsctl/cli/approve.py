"""`pointsctl approve`: a person approves or rejects a plan with their SSH key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options, signing
from pointsctl.errors import UsageError

if TYPE_CHECKING:
    from pointsctl.model.plan_file import PlanFile
    from pointsctl.workflow.approve import Asked
    from pointsctl.workflow.approve_offline import Asked as AskedOffline

PlanDigest = Annotated[
    str | None, typer.Argument(metavar="PLAN", help="The newest plan's digest, 12 or more digits of it.")
]
Role = Annotated[
    str | None, typer.Option("--role", metavar="NAME", help="In which role; default: the only one you can fill.")
]
Reject = Annotated[bool, typer.Option("--reject", help="Reject the plan: nothing opens it again, but a new plan.")]
Comment = Annotated[
    str, typer.Option("--comment", metavar="TEXT", help="Signed with the decision; --reject needs one.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; a protected environment needs --confirm NAME.")]
Offline = Annotated[
    Path | None,
    typer.Option("--offline", metavar="FILE", help="A plan's file (`plan show --output`), instead of a database."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="With --offline: where the signature goes.")
]
Directory = Annotated[
    Path | None,
    typer.Option("--directory", metavar="DIR", help="With --offline: compare the migrations in this folder."),
]


@dataclass(frozen=True)
class _Given:
    """The options of one call."""

    plan: str | None
    environment: str | None
    role: str | None
    key: Path | None
    reject: bool
    comment: str
    confirm: str | None
    yes: bool
    as_json: bool


def approve(
    plan: PlanDigest = None,
    environment: options.EnvironmentName = None,
    role: Role = None,
    key: signing.Key = None,
    reject: Reject = False,
    comment: Comment = "",
    confirm: options.Confirm = None,
    yes: Yes = False,
    offline: Offline = None,
    output: Output = None,
    directory: Directory = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Show the newest plan on one screen, then sign for it with your SSH key and record that.

    What you sign covers exactly this plan in this environment and database, as it is now; it expires, and it dies when one
    byte of the plan changes. Without access to the database: --offline reads a plan's file and writes a signature's file,
    which `pointsctl approvals import` records; your clock may be wrong by 5 minutes.

    Example: pointsctl approve --env production --role engineering-lead

    Exit codes: 0 recorded, or with --offline written; 2 usage or checklist; 4 could not look or sign; 5 refused: not your
    role, your own plan, a plan that changed, is over or was rejected, no confirmation, another environment's ledger; 130
    interrupted.
    """
    given = _Given(plan, environment, role, key, reject, comment, confirm, yes, as_json)
    if offline is None and output is None and directory is None:
        return _approve(given, checklist)
    if offline is None or output is None:
        raise UsageError("--offline and --output belong together", hint="name the plan's file and the signature's file")
    return _approve_offline(given, offline, output, directory)


def _approve(given: _Given, checklist: Path | None) -> int:
    from pointsctl.cli.approvals import opened
    from pointsctl.cli.approvals_tables import print_decided
    from pointsctl.cli.approve_page import announce
    from pointsctl.model.plan_evidence import FreshFor
    from pointsctl.model.statement import Decision
    from pointsctl.workflow.approve import Request
    from pointsctl.workflow.approve import approve as decide

    decision = Decision.REJECT if given.reject else Decision.APPROVE
    means = signing.signing_means(given.key)
    with opened(checklist, given.environment) as at:
        request = Request(at.name, given.plan, given.role, decision, given.comment, means)

        def consent(asked: Asked) -> None:
            announce(asked, FreshFor.of(at.loaded.checklist))
            _confirm(given, at.name, protected=at.environment.protected)

        done = decide(at.ledger, request, at.look, consent)
    print_decided(at.name, done, as_json=given.as_json)
    return 0


def _approve_offline(given: _Given, plan_file: Path, output: Path, directory: Path | None) -> int:
    from pointsctl.cli.approve_page import announce_offline, print_written
    from pointsctl.cli.output import check_output
    from pointsctl.cli.session import now
    from pointsctl.model.statement import Decision
    from pointsctl.workflow.approve_offline import Request, approve_offline

    check_output(output)
    decision = Decision.REJECT if given.reject else Decision.APPROVE
    means = signing.signing_means(given.key)
    request = Request(plan_file, output, given.role, decision, given.comment, means, now(), directory)

    def consent(asked: AskedOffline) -> None:
        _refuse_another(given, asked.file)
        announce_offline(asked)
        _confirm(given, asked.file.environment, protected=False)

    signed = approve_offline(request, consent)
    print_written(signed, output, as_json=given.as_json)
    return 0


def _refuse_another(given: _Given, file: PlanFile) -> None:
    """Raises UsageError when the command line names another plan or environment than the file."""
    from pointsctl.model.plan import SHORT
    from pointsctl.model.problems import shown

    if given.environment is not None and given.environment != file.environment:
        message = f"asked for is environment {given.environment!r}, the plan's file is for {file.environment!r}"
        raise UsageError(message, hint="name the environment of the file, or leave it out")
    if given.plan is not None and (len(given.plan) < SHORT or not file.plan.digest.startswith(given.plan.lower())):
        message = f"asked for is plan {shown(given.plan)}, the file holds plan {file.plan.short}"
        raise UsageError(message, hint=f"give {SHORT} digits or more of the digest that you were told")


def _confirm(given: _Given, environment: str, *, protected: bool) -> None:
    """At most one question: the typed name of a protected environment, else yes or no."""
    from pointsctl.cli.confirm import confirm_environment, confirm_yes

    confirm_environment(environment, protected, given.confirm)
    if not protected:
        confirm_yes("Sign it?", given=given.yes or given.confirm is not None)
