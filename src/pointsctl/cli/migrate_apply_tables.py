"""Shows what is about to be applied, and what came of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.model.conclusion import elapsed
from pointsctl.model.escape import plain

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.model.pending_migration import AppliedMigration, PendingMigration
    from pointsctl.workflow.apply_migrations import Applied
    from pointsctl.workflow.pending import Pending

APPLIED_SCHEMA = "pointsctl/applied/v1"
PENDING_SCHEMA = "pointsctl/pending/v1"
_LONGEST = 300


def show_pending(found: Pending, environment: str) -> None:
    """What is about to be applied, on stderr, where questions are asked."""
    from pointsctl.cli.terminal import Terminal

    _print_pending(Terminal(sys.stderr), found, environment)


def print_dry_run(found: Pending, environment: str, *, as_json: bool) -> None:
    """What would be applied; as one document `pointsctl/pending/v1` on demand."""
    if as_json:
        each = [_pending_document(one) for one in found.migrations]
        print_json({"schema": PENDING_SCHEMA, "environment": environment, "applied": found.applied, "pending": each})
        return
    _print_pending(console(), found, environment)


def print_applied(done: Applied, environment: str, *, as_json: bool) -> None:
    """What was applied, file by file; as one document `pointsctl/applied/v1` on demand."""
    if as_json:
        each = [_applied_document(one) for one in done.migrations]
        taken = done.backup_taken
        print_json({"schema": APPLIED_SCHEMA, "environment": environment, "backup_taken": taken, "applied": each})
        return
    out = console()
    if not done.migrations:
        _print_pending(out, done.pending, environment)
        return
    print_wrapped(out, f"{_counted(len(done.migrations), 'migration')} applied to {environment}", style="bold")
    for one in done.migrations:
        print_wrapped(out, f"  {plain(one.migration.name, 200)}: {_told(one)}", indent=2)
    if not done.backup_taken:
        print_wrapped(
            out, "recorded with backup_taken false: no proven backup of this database is known", style="yellow"
        )


def _print_pending(out: Console, found: Pending, environment: str) -> None:
    later = f", {found.later} after these" if found.later else ""
    if not found.migrations:
        print_wrapped(out, f"nothing is pending on {environment}: {found.applied} applied{later}")
        return
    said = f"{_counted(len(found.migrations), 'migration')} pending on {environment}, {found.applied} applied{later}"
    print_wrapped(out, said, style="bold")
    for one in found.migrations:
        statements = _counted(len(one.script.statements), "statement")
        print_wrapped(out, f"  {plain(one.migration.name, 200)}: {statements}, {_how(one)}", indent=2)


def _how(one: PendingMigration) -> str:
    alone = _alone(one)
    if not alone:
        return "one transaction"
    outside = "outside a transaction"
    return outside if alone == len(one.script.statements) else f"{alone} of them {outside}"


def _alone(one: PendingMigration) -> int:
    return sum(part.alone for part in one.parts)


def _told(one: AppliedMigration) -> str:
    if not one.tries:
        return f"was applied already, record {one.record}"
    tries = f", {one.tries} tries" if one.tries > 1 else ""
    rebuilt = f", built again: {plain(', '.join(one.rebuilt), _LONGEST)}" if one.rebuilt else ""
    return f"{_counted(one.statements, 'statement')} in {elapsed(one.duration_ms)}{tries}{rebuilt}, record {one.record}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _pending_document(one: PendingMigration) -> dict[str, Any]:
    return {
        "version": one.version,
        "file": one.migration.name,
        "sha256": one.migration.sha256,
        "statements": len(one.script.statements),
        "outside_transaction": _alone(one),
    }


def _applied_document(one: AppliedMigration) -> dict[str, Any]:
    return {
        "version": one.version,
        "file": one.migration.name,
        "sha256": one.migration.sha256,
        "statements": one.statements,
        "duration_ms": one.duration_ms,
        "tries": one.tries,
        "rebuilt": list(one.rebuilt),
        "record": one.record,
    }
