"""`pointsctl migrate repair`: one row of the history corrected, for a reason, signed by a person."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options, signing

if TYPE_CHECKING:
    from pointsctl.model.pending_migration import HistoryRow
    from pointsctl.workflow.repair_history import Action, Proposed, Repaired

SCHEMA = "pointsctl/repaired/v1"

Applied = Annotated[
    str | None,
    typer.Option("--applied", metavar="VERSION", help="Write the row of a file that was applied by other means."),
]
Reverted = Annotated[
    str | None,
    typer.Option("--reverted", metavar="VERSION", help="Take out the row of what is not applied any more."),
]
AcceptDrift = Annotated[
    str | None,
    typer.Option("--accept-drift", metavar="VERSION", help="Let the row hold what its file holds now."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is right.")]


def repair(
    reason: Reason,
    applied: Applied = None,
    reverted: Reverted = None,
    accept_drift: AcceptDrift = None,
    environment: options.EnvironmentName = None,
    key: signing.Key = None,
    confirm: options.Confirm = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Correct one row of the history, which nothing else ever does; no migration is run or undone by it.

    Shown before and after, signed with your key, and recorded as `migration.repaired` in the transaction that changes the row.
    Whoever signs holds a role that signs waivers.

    Example: pointsctl migrate repair --env production --applied 20250101000001 --reason "run by hand in the incident"

    Exit codes: 0 changed and recorded; 2 usage or checklist; 4 could not look or sign; 5 refused: nothing to repair, a key
    without a say, no confirmation, another deployment or migration, a row that changed meanwhile; 130 interrupted.
    """
    from pointsctl.cli.confirm import confirm_environment
    from pointsctl.cli.session import find_environment, load
    from pointsctl.workflow.open_ledger import open_ledger
    from pointsctl.workflow.repair_history import RepairRequest, repair_history

    action, version = _asked({"applied": applied, "reverted": reverted, "accept-drift": accept_drift})
    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    means = signing.signing_means(key)
    request = RepairRequest(name, found.database_url, action, version, reason, means)

    def consent(proposed: Proposed) -> None:
        _announce(proposed, name)
        confirm_environment(name, found.protected, confirm)

    with open_ledger(name, found) as ledger:
        done = repair_history(loaded, ledger, request, consent)
    _print(done, name, as_json=as_json)
    return 0


def _asked(given: dict[Action, str | None]) -> tuple[Action, str]:
    """The one action with its version. Raises UsageError for none and for several."""
    from pointsctl.errors import UsageError

    asked = [(action, version) for action, version in given.items() if version is not None]
    if len(asked) != 1 or not asked[0][1].strip():
        message = f"{len(asked)} repairs were asked for; expected one, with the version of one migration"
        raise UsageError(message, hint="--applied VERSION, --reverted VERSION or --accept-drift VERSION")
    action, version = asked[0]
    return action, version.strip()


def _announce(proposed: Proposed, environment: str) -> None:
    """Tell on stderr what is about to be signed."""
    from pointsctl.model.escape import plain

    standing = proposed.standing
    lines = (
        f"{proposed.principal} signs for correcting the history of {environment} ({proposed.action})",
        f"  {standing.version} {standing.name}: {standing.state.value}{f'; {standing.why}' if standing.why else ''}",
        f"  row before: {_told(proposed.before)}",
        f"  row after: {_told(proposed.after)}",
        f"  because: {proposed.reason}",
    )
    sys.stderr.writelines(f"{plain(line)}\n" for line in lines)


def _told(row: HistoryRow | None) -> str:
    if row is None:
        return "none"
    digest = f"statements {row.digest[:12]}" if row.digest else "no statements"
    return f"{row.version} {row.name or '(no name)'}, {digest}"


def _print(done: Repaired, environment: str, *, as_json: bool) -> None:

    record, proposed = done.record, done.proposed
    signing.print_recorded(
        record,
        {
            "schema": SCHEMA,
            "environment": environment,
            "principal": proposed.principal,
            "fingerprint": done.fingerprint,
            "action": proposed.action,
            "version": proposed.standing.version,
            "name": proposed.standing.name,
            "before": _row(proposed.before),
            "after": _row(proposed.after),
            "reason": proposed.reason,
        },
        as_json=as_json,
    )


def _row(row: HistoryRow | None) -> dict[str, str | None] | None:
    return {"version": row.version, "name": row.name, "statements_sha256": row.digest} if row else None
