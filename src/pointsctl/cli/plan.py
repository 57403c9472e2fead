"""`pointsctl plan`: what is to be deployed, fixed by digest: make a plan, show one, list them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options, signing

if TYPE_CHECKING:
    from pointsctl.workflow.create_plan import Proposal

app = typer.Typer(help="What is to be deployed, fixed by digest: create, show, list.", rich_markup_mode=None)

NotAfter = Annotated[
    str | None,
    typer.Option(
        "--not-after",
        metavar="WHEN",
        help="Until when it may be deployed: 48h, 2026-01-31T08:00:00Z or a day; default: the checklist's approvals.valid_for.",
    ),
]
Author = Annotated[
    list[str] | None,
    typer.Option("--author", metavar="ADDRESS", help="Somebody who wrote it and whom git does not know; repeatable."),
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What the approvers should know.")]
PlanFileOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the plan's file for `approve --offline` as well."),
]


@app.command("create")
def create(
    environment: options.EnvironmentName = None,
    key: signing.Key = None,
    not_after: NotAfter = None,
    author: Author = None,
    note: Note = "",
    confirm: options.Confirm = None,
    yes: Annotated[bool, typer.Option("--yes", help="Let the valid approvals of the older plan die unasked.")] = False,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Fix what is to be deployed: checklist, migrations with what undoes and verifies them, functions, policy, target.

    Shows the plan, signs it with your key, and records it. Its approvals die when one byte of it changes; a newer plan
    supersedes it. You are its operator, and neither you nor the authors of what is pending can approve it. Whether a
    security review is needed is decided from the texts of the pending migrations.

    Example: pointsctl plan create --env production --not-after 48h --confirm production

    Exit codes: 0 recorded, or the newest plan says the same; 2 usage, checklist, or nothing to deploy; 4 could not look or
    sign; 5 refused: no policy in force or another one in the trust folder, a role that nobody holds, unknown authors, files
    that cannot be deployed, no confirmation, another plan in the meantime; 130 interrupted.
    """
    from pointsctl import __version__
    from pointsctl.cli.plan_tables import print_created, print_unchanged
    from pointsctl.cli.session import find_environment, load
    from pointsctl.workflow.create_plan import Request, create_plan
    from pointsctl.workflow.open_ledger import open_ledger

    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    means = signing.signing_means(key)
    request = Request(name, found, means, __version__, not_after, tuple(author or ()), note)
    with open_ledger(name, found) as ledger:
        done = create_plan(ledger, loaded, request, _consent(name, found.protected, confirm, yes=yes))
    (print_created if done.new else print_unchanged)(done, as_json=as_json)
    return 0


def _consent(name: str, protected: bool, given: str | None, *, yes: bool) -> Callable[[Proposal], None]:
    from pointsctl.cli.confirm import confirm_environment, confirm_yes
    from pointsctl.cli.plan_tables import announce

    def consent(proposal: Proposal) -> None:
        announce(proposal)
        confirm_environment(name, protected, given)
        if proposal.dying and not protected:
            confirm_yes("Let these approvals die?", given=yes or given is not None)

    return consent


@app.command("show")
def show(
    plan: Annotated[
        str | None, typer.Argument(metavar="[PLAN]", help="The beginning of its digest; default: the newest plan.")
    ] = None,
    environment: options.EnvironmentName = None,
    output: PlanFileOption = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Show a plan on one screen: what changes, who made and wrote it, the evidence, who must sign, what differs now.

    With --output FILE: also write the plan's file, with which somebody without access to the database approves.

    Example: pointsctl plan show --env production

    Exit codes: 0 shown, and open; 1 shown, and it cannot be approved: changed, superseded, expired or rejected; 2 usage or
    checklist; 4 could not look, or there is no plan; 5 the ledger of another environment or database, a damaged ledger,
    files that cannot be deployed, --output for a plan that is not open.
    """
    from pointsctl.cli.output import check_output
    from pointsctl.cli.plan_tables import print_shown
    from pointsctl.cli.session import find_environment, load
    from pointsctl.errors import ExitCode
    from pointsctl.files import write_private
    from pointsctl.model.plan_state import PlanState
    from pointsctl.workflow.open_ledger import open_ledger
    from pointsctl.workflow.show_plan import show_plan

    check_output(output)
    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    with open_ledger(name, found) as ledger:
        shown = show_plan(ledger, loaded, name, found, plan, os.environ)
    if output is not None:
        write_private(output, shown.file().text())
        sys.stderr.write(f"wrote {output}\n")
    print_shown(shown, as_json=as_json)
    return int(ExitCode.DONE if shown.state is PlanState.OPEN else ExitCode.BAD)


@app.command("list")
def list_(
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """List the plans of an environment, the newest first: digest, when, by whom, and how each stands.

    Example: pointsctl plan list --env production

    Exit codes: 0 listed; 2 usage or checklist; 4 could not look; 5 the ledger of another environment or database, a damaged
    ledger, files that cannot be deployed.
    """
    from pointsctl.cli.plan_tables import print_plans
    from pointsctl.cli.session import find_environment, load
    from pointsctl.workflow.open_ledger import open_ledger
    from pointsctl.workflow.show_plan import list_plans

    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    with open_ledger(name, found) as ledger:
        plans = list_plans(ledger, loaded, name, found, os.environ)
    print_plans(plans, name, as_json=as_json)
    return 0
