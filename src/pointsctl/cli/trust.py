"""`pointsctl trust`: the approval policy in force, and its replacement."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack

import typer

from pointsctl.cli import options, signing

app = typer.Typer(help="The approval policy: show it, replace it, start one.", rich_markup_mode=None)


@app.command("show")
def show(
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Show the policy in force in an environment (roles, people, keys) and what the trust folder would change.

    Without --env: the trust folder beside the checklist, checked.

    Example: pointsctl trust show --env production

    Exit codes: 0 shown, and the folder says the same; 1 the folder differs from the policy in force; 2 usage, checklist, or
    a trust folder that cannot be used; 3 no policy is in force yet, or signatures are missing; 4 could not look; 5 the
    ledger of another environment or database.
    """
    from pointsctl.cli.session import find_environment, load
    from pointsctl.cli.trust_tables import print_trust
    from pointsctl.workflow.open_ledger import open_ledger
    from pointsctl.workflow.show_trust import show_trust

    loaded = load(checklist)
    folder = loaded.directory / loaded.checklist.approvals.trust
    with ExitStack() as stack:
        ledger, name = None, None
        if environment is not None:
            name, found = find_environment(loaded, environment)
            ledger = stack.enter_context(open_ledger(name, found))
        shown = show_trust(folder, ledger, os.environ)
    print_trust(shown, folder, name, as_json=as_json)
    return int(shown.exit_code)


@app.command("update")
def update(
    environment: options.EnvironmentName = None,
    key: signing.Key = None,
    confirm: options.Confirm = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Make the trust folder beside the checklist the policy in force, as far as your signature can.

    The first policy of an environment is pinned as it is: trust on first use. To replace it, the roles that it names under
    `updates` must sign for the same folder, each with a key of the policy in force.

    Example: pointsctl trust update --env production --key ~/.ssh/id_ed25519

    Exit codes: 0 in force; 2 usage, checklist, or a trust folder that cannot be used; 3 signed, waits for others; 4 could
    not look or sign; 5 refused: a key without a say, no confirmation, another environment's ledger; 130 interrupted.
    """
    from pointsctl.cli.confirm import confirm_environment
    from pointsctl.cli.operator import operator_name
    from pointsctl.cli.session import find_environment, load
    from pointsctl.cli.trust_tables import announce, print_updated
    from pointsctl.errors import ExitCode
    from pointsctl.workflow.open_ledger import open_ledger
    from pointsctl.workflow.update_trust import Request, Update, update_trust

    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    approvals = loaded.checklist.approvals
    means = signing.signing_means(key)
    request = Request(name, loaded.directory / approvals.trust, operator_name(), means, approvals.valid_for)

    def consent(update: Update) -> None:
        announce(update, name)
        confirm_environment(name, found.protected, confirm)

    with open_ledger(name, found) as ledger:
        done = update_trust(ledger, request, consent)
    print_updated(done, name, as_json=as_json)
    return int(ExitCode.WAITING if done.missing else ExitCode.DONE)


@app.command("init")
def init(checklist: options.ChecklistPath = None) -> int:
    """Write a starter trust folder beside the checklist: policy.yaml with its roles and an operator,
    allowed_signers to fill in.

    Example: pointsctl trust init

    Exit codes: 0 written; 2 usage or checklist; 4 the folder cannot be written; 5 it exists.
    """
    from pointsctl.cli.session import load
    from pointsctl.workflow.start_trust import start_trust

    loaded = load(checklist)
    approvals = loaded.checklist.approvals
    for path in start_trust(loaded.directory / approvals.trust, approvals.roles):
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(
        "next: write the people into policy.yaml and their keys into allowed_signers, then\n"
        "      `pointsctl trust show`, and `pointsctl trust update --env NAME`\n"
    )
    return 0
