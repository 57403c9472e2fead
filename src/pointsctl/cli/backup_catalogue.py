"""`pointsctl backup list|show|prune|restore`: what is in the store, what may go, and a backup in a database again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options

if TYPE_CHECKING:
    from pointsctl.workflow.backup_request import BackupRequest
    from pointsctl.workflow.prune_backups import Pruning
    from pointsctl.workflow.restore_backup import Proposed

BackupArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The beginning of its id, or `latest` for the newest one.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Remove it unasked; a protected environment needs --confirm.")]
Into = Annotated[
    str,
    typer.Option(
        "--into",
        metavar="TARGET",
        help="An empty database: an environment, env:VARIABLE that holds a URL, or a URL without a password.",
    ),
]
Unrecorded = Annotated[
    bool, typer.Option("--unrecorded", help="Do without the ledger, whose server may be what is lost.")
]


def list_(
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """List the backups of an environment, the newest first: age, size, verified or not, until when each is protected.

    What is damaged, missing from the store, or not recorded in the ledger is listed as such. Nothing but sizes is compared
    here; `pointsctl backup verify` restores.

    Example: pointsctl backup list --env production

    Exit codes: 0 listed; 2 usage or checklist; 4 the store cannot be looked into.
    """
    from pointsctl.cli.backup_list import print_list
    from pointsctl.workflow.list_backups import list_backups

    print_list(list_backups(_request(checklist, environment)), as_json=as_json)
    return 0


def show(
    backup: BackupArgument = "latest",
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Show one backup: what was taken of which database with which programs, its objects, and every restore of it.

    Example: pointsctl backup show latest --env production

    Exit codes: 0 shown; 1 shown, and something is wrong with it in the store; 2 usage or checklist; 4 there is no such backup,
    or the store cannot be looked into.
    """
    from pointsctl.cli.backup_page import print_backup
    from pointsctl.errors import ExitCode
    from pointsctl.workflow.show_backup import show_backup

    shown = show_backup(_request(checklist, environment), backup)
    print_backup(shown, as_json=as_json)
    return int(ExitCode.BAD if shown.listed.problems else ExitCode.DONE)


def prune(
    environment: options.EnvironmentName = None,
    yes: Yes = False,
    confirm: options.Confirm = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Remove the backups that are older than `backup.retention` (seven days at the least), and what never-ended uploads left.

    Says what becomes of each backup, and why, before anything is removed. Kept are the newest one, the newest verified one,
    what a plan needs, what the store protects, and whatever is damaged, unknown to the ledger or not understood. While no
    backup is verified, nothing is removed. Recorded as `backup.pruned`.

    Example: pointsctl backup prune --env production --confirm production

    Exit codes: 0 removed, or nothing to remove; 2 usage or checklist; 4 could not look, or something could not be removed;
    5 refused: no ledger, clocks that disagree, no confirmation; 130 interrupted.
    """
    from pointsctl.cli.prune_page import print_pruned
    from pointsctl.workflow.prune_backups import prune_backups

    request = _request(checklist, environment)
    done = prune_backups(request, _may_remove(request, yes=yes, confirm=confirm))
    print_pruned(done, as_json=as_json)
    return 0


def restore(
    into: Into,
    backup: BackupArgument = "latest",
    environment: options.EnvironmentName = None,
    unrecorded: Unrecorded = False,
    confirm: options.Confirm = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Restore a backup into an empty database, which stays, and prove that it is what was backed up.

    --env names the environment whose backup it is, --into the database that gets it. A database that holds anything is
    refused, and what is there is named. Where the target is, by identity, the database of a protected environment, its name
    has to be typed.

    Example: pointsctl backup restore latest --env production --into env:NEW_DATABASE_URL

    Exit codes: 0 restored, and the copy is the source; 1 an object is damaged, it cannot be restored, or the copy is not the
    source; 2 usage or checklist, a URL with a password; 4 could not look; 5 refused: not empty, roles that are missing, a
    backup that the ledger does not know, no confirmation; 130 interrupted.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.restore_page import announce, print_restored
    from pointsctl.cli.session import find_environment
    from pointsctl.workflow.restore_backup import RestoreRequest, restore_backup
    from pointsctl.workflow.restore_target import restore_target

    stopped = "stopped before the restored database was proven"
    with work(checklist, environment, None, stopped) as (request, cancellation, progress):
        target = restore_target(into, lambda name: find_environment(request.loaded, name), request.variables)
        wanted = RestoreRequest(request, backup, target, unrecorded)

        def consent(proposed: Proposed) -> None:
            announce(proposed)
            _confirm(proposed.protected, confirm)

        done = restore_backup(wanted, consent, cancellation, progress)
    print_restored(done, as_json=as_json)
    return int(done.exit_code)


def _confirm(protected: str | None, given: str | None) -> None:
    from pointsctl.cli.confirm import confirm_environment

    if protected is not None:
        confirm_environment(protected, True, given)


def _may_remove(request: BackupRequest, *, yes: bool, confirm: str | None) -> Callable[[Pruning], None]:
    from pointsctl.cli.confirm import confirm_environment, confirm_yes
    from pointsctl.cli.prune_page import announce

    def consent(pruning: Pruning) -> None:
        announce(pruning)
        confirm_environment(request.name, request.environment.protected, confirm)
        if not request.environment.protected:
            confirm_yes("Remove these?", given=yes or confirm is not None)

    return consent


def _request(checklist: Path | None, environment: str | None) -> BackupRequest:
    """What short work is given; Ctrl-C ends it at once."""
    import time

    from pointsctl import __version__
    from pointsctl.cli.operator import operator_name
    from pointsctl.cli.session import find_environment, load, now
    from pointsctl.workflow.backup_request import BackupRequest
    from pointsctl.workflow.check_environment import Surroundings

    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    surroundings = Surroundings(dict(os.environ), now, time.monotonic, new_id=str)
    return BackupRequest(loaded, name, found, operator_name(), __version__, surroundings)
