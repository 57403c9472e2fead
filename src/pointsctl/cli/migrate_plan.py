"""`pointsctl migrate plan`: what would run, statement by statement, and what it cost when it was rehearsed."""

from __future__ import annotations

from typing import Annotated

import typer

from pointsctl.cli import options


def plan(
    environment: options.EnvironmentName = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="The last version; default: everything that is pending."),
    ] = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Show the pending migrations in their order, with each statement, and times and locks from the newest rehearsal.

    A statement that no transaction can hold is marked, and so is what cannot be applied as it stands. Nothing is changed.

    Example: pointsctl migrate plan --env production

    Exit codes: 0 shown; 2 usage or checklist; 4 could not look; 5 refused: files that are not what was applied, or would be
    applied out of order.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.migration_plan_tables import print_plan
    from pointsctl.workflow.plan_migrations import plan_migrations

    with work(checklist, environment, None, None) as (request, _, _):
        found = plan_migrations(request, to=to)
    print_plan(found, as_json=as_json)
    return 0
