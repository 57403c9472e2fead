"""`pointsctl migrate verify`: what the rehearsed migrations should have made is there, and nothing else has changed."""

from __future__ import annotations

from pointsctl.cli import options


def verify(
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Compare the database's definitions with what the rehearsal left behind: tables, columns, indexes, policies, grants.

    Missing, extra and changed objects are named, and so are invalid indexes and files that are not applied. The verify
    scripts run in transactions that only read and are rolled back. Nothing is changed, nothing is recorded.

    Example: pointsctl migrate verify --env production

    Exit codes: 0 everything is there, and nothing else; 1 something is not; 2 usage or checklist; 4 could not look, as without
    a rehearsal of these files; 5 refused: files that are not what was applied; 130 interrupted.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.rehearsal_tables import print_verified
    from pointsctl.errors import ContextMissingError
    from pointsctl.workflow.backup_ledger import backup_ledger
    from pointsctl.workflow.verify_migrations import verify_migrations

    with work(checklist, environment, None, "stopped before everything was compared") as (
        request,
        cancellation,
        progress,
    ):
        ledger = backup_ledger(request.name, request.environment, request.variables)
        if ledger.history is None:
            raise ContextMissingError(ledger.why, hint="rehearsals are recorded in the environment's ledger")
        done = verify_migrations(request, ledger.history, cancellation, progress)
    print_verified(done, request.name, as_json=as_json)
    return int(done.exit_code)
