"""`pointsctl migrate apply`: applies what is pending, each file with its row in the history and its audit record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options

if TYPE_CHECKING:
    from pointsctl.workflow.pending import Pending

To = Annotated[str | None, typer.Option("--to", metavar="VERSION", help="Stop after this version.")]
All = Annotated[
    bool, typer.Option("--include-all", help="Apply also what is older than the newest that is applied already.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what is pending, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; a protected environment needs --confirm.")]


def apply(
    environment: options.EnvironmentName = None,
    to: To = None,
    include_all: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    confirm: options.Confirm = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Apply the pending migrations: one transaction per file, with its row in the history and its audit record in it.

    Statements that cannot run in a transaction run alone; an invalid index that a failure left is dropped and built again. A
    locked table is waited for shortly, and tried again. On a protected environment the gate of the plan must be open, and
    every file must be the one that was planned and rehearsed. After a failure it says what is applied; running again goes on.

    Example: pointsctl migrate apply --env staging

    Exit codes: 0 everything asked for is applied, or nothing was pending; 1 a statement failed; 2 usage or checklist; 4 could
    not look, or blocked by other sessions through every try; 5 refused: a closed gate, bytes that were not rehearsed, another
    migration, a dump or an old transaction, files that cannot be applied, no confirmation; 130 interrupted.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.confirm import confirm_environment, confirm_yes
    from pointsctl.cli.migrate_apply_tables import print_applied, print_dry_run, show_pending
    from pointsctl.workflow.apply_migrations import ApplyRequest, apply_migrations, find_pending

    with work(checklist, environment, None, "") as (given, cancellation, progress):
        request = ApplyRequest(given, given.surroundings.new_id(), to, include_all)
        if dry_run:
            print_dry_run(find_pending(request), given.name, as_json=as_json)
            return 0

        def confirmed(found: Pending) -> None:
            show_pending(found, given.name)
            confirm_environment(given.name, given.environment.protected, confirm)
            if not given.environment.protected and confirm is None:
                confirm_yes(f"Apply to {given.name}?", given=yes)

        done = apply_migrations(request, confirmed, cancellation, progress)
    print_applied(done, given.name, as_json=as_json)
    return 0
