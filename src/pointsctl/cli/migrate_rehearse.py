"""`pointsctl migrate rehearse`: the pending migrations on a copy restored from the proven backup, measured, undone, again."""

from __future__ import annotations

from typing import Annotated

import typer

from pointsctl.cli import options


def rehearse(
    environment: options.EnvironmentName = None,
    backup: Annotated[
        str | None,
        typer.Option("--backup", metavar="ID", help="The beginning of a backup's id; default: the newest proven one."),
    ] = None,
    traffic: Annotated[
        bool, typer.Option("--traffic", help="Let synthetic clients work on the copy meanwhile: what would they wait?")
    ] = False,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Apply the pending migrations to a copy restored from the proven backup, and tell what each statement costs.

    Time, rows, locks on which tables and for how long, rewritten tables, write-ahead log and growth are measured; then the
    verify scripts and every audit run, the reverse scripts undo it all, the copy is compared with what it was, and the
    migrations are applied again. Recorded as `rehearsal.finished`, which the gate of a plan asks for. The copy is removed.

    Example: pointsctl migrate rehearse --env production

    Exit codes: 0 rehearsed, and nothing was bad; 1 a statement, a verify script, an audit or a reverse script failed; 2 usage
    or checklist; 4 could not look, restore or record; 5 refused: no proven backup, files that cannot be applied, a scratch
    server that is the source; 130 interrupted.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.rehearsal_tables import print_rehearsed
    from pointsctl.workflow.rehearse import rehearse as rehearse_migrations
    from pointsctl.workflow.stored_backups import LATEST

    stopped = "stopped before the migrations were rehearsed; the copy was removed, nothing was recorded"
    with work(checklist, environment, None, stopped) as (request, cancellation, progress):
        done = rehearse_migrations(request, backup or LATEST, cancellation, progress, traffic=traffic)
    print_rehearsed(done, request.name, as_json=as_json)
    return int(done.exit_code)
