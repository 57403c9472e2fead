"""`pointsctl approvals`: who approved what, whether it still counts, and the check of it with stock tools."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options

if TYPE_CHECKING:
    from pointsctl.ledger.store import Ledger
    from pointsctl.model.configuration import Environment
    from pointsctl.model.deployment import Deployment
    from pointsctl.workflow.load_checklist import Loaded

app = typer.Typer(help="Approvals: list them, record one signed elsewhere, verify them.", rich_markup_mode=None)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files that `pointsctl approve --offline` wrote.")]
All = Annotated[bool, typer.Option("--all", help="The decisions about earlier plans too.")]
ShowCommands = Annotated[
    bool, typer.Option("--show-commands", help="Print a shell script that checks everything without this program.")
]
Directory = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Put the script into this folder, as check.sh.")
]


@dataclass(frozen=True)
class Opened:
    """An environment's ledger, open, and how to look at the deployment anew."""

    loaded: Loaded
    name: str
    environment: Environment
    ledger: Ledger
    look: Callable[[], Deployment]


@contextmanager
def opened(checklist: Path | None, environment: str | None) -> Iterator[Opened]:
    """Find the environment and open its ledger for the block. Raises what these raise."""
    from pointsctl.cli.session import find_environment, load
    from pointsctl.workflow.deployment import read_deployment
    from pointsctl.workflow.open_ledger import open_ledger

    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    with open_ledger(name, found) as ledger:
        yield Opened(loaded, name, found, ledger, lambda: read_deployment(loaded, name, found, ledger, os.environ))


@app.command("list")
def list_approvals(
    environment: options.EnvironmentName = None,
    everything: All = False,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Show who approved or rejected the newest plan, how each decision stands and why, and who is missing.

    A decision is valid, expired, superseded (a newer plan, or something changed), revoked, wrong-role, self-approved,
    tampered or rejected. One rejection closes the plan, whoever approves it before or after.

    Example: pointsctl approvals list --env production

    Exit codes: 0 the plan is approved; 2 usage or checklist; 3 no plan, or approvals are missing; 4 could not look; 5 the
    plan is refused (it was rejected, changed, or is over), or the ledger is damaged or another environment's.
    """
    from pointsctl.cli.approvals_tables import print_approvals
    from pointsctl.errors import ExitCode
    from pointsctl.model.approval import Verdict, approvals_of
    from pointsctl.model.standing import standings

    with opened(checklist, environment) as at:
        deployment = at.look()
        now = deployment.history.now or at.ledger.now()
    approvals = approvals_of(deployment, now)
    found = approvals.of_plan if approvals and not everything else standings(deployment, now)
    print_approvals(at.name, deployment, approvals, found, as_json=as_json)
    verdict = approvals.verdict if approvals else Verdict.WAITING
    codes = {Verdict.APPROVED: ExitCode.DONE, Verdict.WAITING: ExitCode.WAITING, Verdict.REFUSED: ExitCode.REFUSED}
    return int(codes[verdict])


@app.command("import")
def import_files(
    files: Files,
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Record decisions that were signed with `pointsctl approve --offline`.

    Each is asked everything that one signed here is asked, by the policy in force and the database's clock; one that would
    not count is refused with the reason, and nothing of it is recorded.

    Example: pointsctl approvals import ada.json --env production

    Exit codes: 0 all recorded; 2 usage or checklist; 4 could not look, or a file that cannot be read; 5 one was refused, or
    the ledger is damaged or another environment's.
    """
    from pointsctl.cli.approvals_tables import print_imported
    from pointsctl.errors import ExitCode
    from pointsctl.workflow.import_approval import import_approvals

    with opened(checklist, environment) as at:
        imported = import_approvals(at.ledger, at.name, files, at.look, os.environ)
    print_imported(at.name, imported, as_json=as_json)
    return int(ExitCode.REFUSED if any(one.refusal for one in imported) else ExitCode.DONE)


@app.command("verify")
def verify(
    environment: options.EnvironmentName = None,
    show_commands: ShowCommands = False,
    output: Directory = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Check every decision again with sh, ssh-keygen and sha256sum alone: its record, its plan, its signature.

    The script that this runs is the one that --show-commands prints: it holds everything it checks, and anybody can run it
    in an empty folder. That a signature holds does not mean that it still counts: see `pointsctl approvals list`.

    Example: pointsctl approvals verify --env production --show-commands > check.sh

    Exit codes: 0 all hold; 1 one does not; 2 usage or checklist; 3 there is none; 4 could not look; 5 the ledger is damaged
    or another environment's.
    """
    from pointsctl.cli.approvals_tables import print_verified
    from pointsctl.errors import ExitCode
    from pointsctl.workflow.verify_approvals import verify_approvals, write_script

    with opened(checklist, environment) as at:
        verified = verify_approvals(at.ledger, os.environ)
    if output is not None:
        sys.stderr.write(f"wrote {write_script(output, verified.script)}\n")
    if show_commands:
        sys.stdout.write(verified.script)
    else:
        print_verified(at.name, verified, as_json=as_json)
    if not verified.decisions:
        return int(ExitCode.WAITING)
    return int(ExitCode.DONE if verified.whole else ExitCode.BAD)
