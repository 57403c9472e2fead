"""`pointsctl migrate status`: what the project's files and the database's history say of each migration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options

if TYPE_CHECKING:
    from pointsctl.workflow.migration_status import MigrationStatus

Diff = Annotated[bool, typer.Option("--diff", help="Show how an applied file differs from what was applied.")]
Objects = Annotated[
    bool,
    typer.Option("--objects", help="Look for objects that no migration made, by replaying them on a scratch server."),
]


def status(
    environment: options.EnvironmentName = None,
    diff: Diff = False,
    objects: Objects = False,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Say of each migration whether it is applied, pending, or not what was applied; nothing is changed.

    The files are compared with the rows of the history statement by statement. A file may be pending, applied, drifted
    (changed after it was applied), missing, out of order, one of two with a version, a reverse script that a push would apply
    forwards, or no migration; unknown where the history does not say what was applied. Who applied it when comes from the
    ledger, whose chain `pointsctl ledger verify` follows.

    Example: pointsctl migrate status --env production

    Exit codes: 0 nothing is wrong, and pending migrations are nothing wrong; 1 drifted, missing, duplicate, out of order, a
    reverse script, or objects that no migration made; 2 usage or checklist; 4 could not look; 5 refused: a link among the files,
    another environment's ledger; 130 interrupted.
    """
    from pointsctl.cli.migrate_tables import print_status

    done = (_with_objects if objects else _status)(checklist, environment, diff)
    print_status(done, as_json=as_json)
    return int(done.exit_code)


def _status(checklist: Path | None, environment: str | None, diff: bool) -> MigrationStatus:
    from pointsctl.cli.session import find_environment, load
    from pointsctl.workflow.migration_status import migration_status

    loaded = load(checklist)
    return migration_status(loaded, *find_environment(loaded, environment), diff=diff)


def _with_objects(checklist: Path | None, environment: str | None, diff: bool) -> MigrationStatus:
    from dataclasses import replace

    from pointsctl.cli.backup import work
    from pointsctl.workflow.migration_status import migration_status
    from pointsctl.workflow.unexplained_objects import unexplained_objects

    stopped = "stopped before the objects were compared; the scratch server was removed"
    with work(checklist, environment, None, stopped) as (request, cancellation, _progress):
        found = migration_status(request.loaded, request.name, request.environment, diff=diff)
        return replace(found, objects=unexplained_objects(request, found.standings, cancellation))
