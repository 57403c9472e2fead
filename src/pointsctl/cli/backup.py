"""`pointsctl backup`: backups that are proven by restoring them: create, verify, and what the catalogue adds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import backup_catalogue, options

if TYPE_CHECKING:
    from pointsctl.model.progress import Progress
    from pointsctl.workflow.backup_request import BackupRequest
    from pointsctl.workflow.interruption import Stoppable

app = typer.Typer(
    help="Backups that are proven by restoring them: create, verify, list, show, prune, restore.", rich_markup_mode=None
)

Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, max=64, help="Connections at once; default: the checklist's backup.jobs."),
]
_AUDITS_AT_ONCE = 4


@app.command("create")
def create(
    environment: options.EnvironmentName = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the upload of a backup that was taken and not stored.")
    ] = False,
    jobs: Jobs = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Take a backup in one snapshot, with what proves a copy of it, and put it into the store; the manifest goes last.

    Refused before it begins where it would not hold every row. Recorded in the ledger as `backup.created`; only
    `pointsctl backup verify` shows that it can be restored. When the upload fails, what was taken is kept: --resume goes on.

    Example: pointsctl backup create --env production

    Exit codes: 0 stored; 1 stored, and its size cannot be right; 2 usage or checklist; 4 could not look, store or record;
    5 refused: a role that does not see every row, a pooler in between, a dump or migration that runs already, the ledger of
    another environment or database; 130 interrupted.
    """
    from pointsctl.cli.backup_tables import print_created
    from pointsctl.workflow.create_backup import create_backup

    with work(checklist, environment, jobs, "stopped before the backup was stored") as (
        request,
        cancellation,
        progress,
    ):
        done = create_backup(request, cancellation, progress, resume=resume)
    print_created(done, request.name, as_json=as_json)
    return int(done.exit_code)


@app.command("verify")
def verify(
    backup: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="The beginning of its id, or `latest`; default: the newest one."),
    ] = None,
    environment: options.EnvironmentName = None,
    latest: Annotated[
        bool, typer.Option("--latest", help="The newest backup; the same as leaving the id out.")
    ] = False,
    unrecorded: Annotated[
        bool,
        typer.Option(
            "--unrecorded", help="Do without the ledger, whose server may be what is lost; nothing is recorded."
        ),
    ] = False,
    jobs: Jobs = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Restore a backup from the store into a scratch place, and prove that the copy is the source, row by row.

    Every object is checked, then restored; the catalogue, the rows of every table, sequences and large objects are compared
    with what was recorded when the backup was taken, indexes are checked, and the checklist's audits run on the copy. Tells
    how long the restore took, and records `backup.verified` or `backup.refuted`. The scratch is removed in every case.

    Example: pointsctl backup verify --env production

    Exit codes: 0 the copy is the source; 1 it is not, an object is damaged, it cannot be restored, or an audit fails on the
    copy; 2 usage or checklist; 4 could not look, or not record; 5 refused: a backup that the ledger does not know, a scratch
    server that is the source; 130 interrupted.
    """
    from pointsctl.cli.backup_tables import print_verified
    from pointsctl.errors import UsageError
    from pointsctl.workflow.stored_backups import LATEST
    from pointsctl.workflow.verify_backup import verify_backup

    if latest and backup not in (None, LATEST):
        raise UsageError(f"--latest and the id {backup!r} name two backups", hint="leave one of them out")
    with work(checklist, environment, jobs, "stopped before anything was proven; the copy was removed") as (
        request,
        cancellation,
        progress,
    ):
        done = verify_backup(request, backup or LATEST, cancellation, progress, unrecorded=unrecorded)
    print_verified(done, request.name, as_json=as_json)
    return int(done.exit_code)


@contextmanager
def work(
    checklist: Path | None, environment: str | None, jobs: int | None, stopped: str | None
) -> Iterator[tuple[BackupRequest, Stoppable, Progress]]:
    """What long work is given; while it goes on, Ctrl-C asks for a clean stop, and `stopped` says what comes of that
    (where it is empty, the work's own words do).
    """
    from pointsctl import __version__
    from pointsctl.cli.operator import operator_name
    from pointsctl.cli.session import find_environment, session
    from pointsctl.cli.work_progress import work_progress
    from pointsctl.errors import InterruptedByOperatorError
    from pointsctl.workflow.backup_request import BackupRequest
    from pointsctl.workflow.interruption import stoppable

    with session(checklist, environment, _AUDITS_AT_ONCE) as opened:
        name, found = find_environment(opened.loaded, opened.environment)
        request = BackupRequest(opened.loaded, name, found, operator_name(), __version__, opened.surroundings, jobs)
        with stoppable(opened.surroundings) as stop, work_progress(ci=bool(os.environ.get("CI"))) as progress:
            try:
                yield request, stop, progress
            except InterruptedByOperatorError as error:
                # Which of the programs at work was stopped first says nothing to whoever stopped it.
                error.message = stopped or error.message
                raise


app.command("list")(backup_catalogue.list_)
app.command("show")(backup_catalogue.show)
app.command("prune")(backup_catalogue.prune)
app.command("restore")(backup_catalogue.restore)
