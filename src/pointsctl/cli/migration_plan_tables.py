"""Shows what `migrate apply` would do: each pending file with its statements, and what the newest rehearsal says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pointsctl.cli.rehearsal_tables import print_blocking
from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.model.ages import minute
from pointsctl.model.conclusion import elapsed
from pointsctl.model.escape import plain

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.workflow.plan_migrations import MigrationPlan, PlannedMigration

SCHEMA = "pointsctl/migration-plan/v1"
_LONGEST = 300
_MOST = 200


def print_plan(found: MigrationPlan, *, as_json: bool) -> None:
    """The page; as one document `pointsctl/migration-plan/v1` on demand."""
    if as_json:
        print_json(_document(found))
        return
    out, number = console(), len(found.migrations)
    pending = f"{number} pending migration{'s' * (number != 1)}" if number else "nothing is pending"
    print_wrapped(out, f"{found.environment}: {pending}, {found.applied} applied; engine {found.engine}", style="bold")
    for one in found.migrations:
        _print_migration(out, one)
    print_blocking(out, [one.rehearsed for one in found.migrations if one.rehearsed])
    if found.unread and found.migrations:
        print_wrapped(out, f"nothing is known of rehearsals: {plain(found.unread, _LONGEST)}", style="yellow")


def _print_migration(out: Console, one: PlannedMigration) -> None:
    print_wrapped(out, f"{plain(one.pending.migration.name, 200)}: {_rehearsed(one)}", style="bold")
    measured = {each.line: each for each in one.rehearsed.statements} if one.rehearsed else {}
    for statement in one.statements[:_MOST]:
        alone = ", outside a transaction" if statement.alone else ""
        seen = measured.get(statement.line)
        took = f", {elapsed(seen.duration_ms)}" if seen else ""
        print_wrapped(out, f"  line {statement.line} {plain(statement.words, 80)}{alone}{took}", indent=2)
    if len(one.statements) > _MOST:
        print_wrapped(out, f"  and {len(one.statements) - _MOST:,} more statements")
    for obstacle in one.obstacles:
        text = f"cannot be applied: line {obstacle.line}: {obstacle.why}; {obstacle.hint}"
        print_wrapped(out, f"  {plain(text, _LONGEST)}", indent=2, style="red")


def _rehearsed(one: PlannedMigration) -> str:
    if one.rehearsed is None or one.rehearsal is None:
        return "NOT rehearsed with these bytes"
    at = minute(one.rehearsal.record.recorded_at)
    if one.rehearsal.why_not:
        return f"rehearsed {at}, which did NOT pass (record {one.rehearsal.record.seq})"
    return f"rehearsed {at} in {elapsed(one.rehearsed.duration_ms)} (record {one.rehearsal.record.seq})"


def _document(found: MigrationPlan) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "environment": found.environment,
        "engine": found.engine,
        "applied": found.applied,
        "not_read": found.unread,
        "migrations": [_migration(one) for one in found.migrations],
    }


def _migration(one: PlannedMigration) -> dict[str, Any]:
    rehearsal = one.rehearsal
    return {
        **one.pending.migration.model_dump(mode="json"),
        "version": one.pending.version,
        "statements": [
            {"line": each.line, "statement": each.words, "in_transaction": not each.alone} for each in one.statements
        ],
        "obstacles": [{"line": each.line, "why": each.why, "hint": each.hint} for each in one.obstacles],
        "rehearsal": rehearsal.record.seq if rehearsal else None,
        "rehearsal_passed": not rehearsal.why_not if rehearsal else None,
        "rehearsed": one.rehearsed.model_dump(mode="json") if one.rehearsed else None,
    }
