"""Tells of a rehearsal and of a comparison with one: the verdict first, then what it costs and whom it blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pointsctl.cli.backup_tables import print_differences, print_stages
from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.model.conclusion import elapsed
from pointsctl.model.escape import plain
from pointsctl.model.finding import Outcome
from pointsctl.model.sizes import size

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.model.rehearsal import HeldLock, MeasuredStatement, RehearsalData, RehearsedMigration
    from pointsctl.workflow.rehearse import Rehearsed
    from pointsctl.workflow.verify_migrations import VerifyResult

REHEARSAL_SCHEMA = "pointsctl/rehearsal/v1"
VERIFIED_SCHEMA = "pointsctl/migrations-verified/v1"
_LONGEST = 300
_MOST = 50
_NARROW = 100
_NOT_REAL = "times are of a private server without a disk's delays: the real one takes longer, locks are the same"
_LOST_LATER = "what clients write after the migration, and a reverse script drops, would be lost as well"


def print_rehearsed(done: Rehearsed, environment: str, *, as_json: bool) -> None:
    """How the rehearsal ended; as one document `pointsctl/rehearsal/v1` on demand."""
    if as_json:
        print_json(_rehearsed(done, environment))
        return
    out, data = console(), done.data
    print_wrapped(out, _verdict(data, environment), style="bold" if data.passed else "bold red")
    for problem in data.problems:
        print_wrapped(out, plain(problem, _LONGEST), indent=2, style="red")
    for one in data.migrations:
        print_migration(out, one)
    print_blocking(out, data.migrations)
    _print_undone(out, data)
    _print_audits(out, data)
    _print_traffic(out, data)
    for remark in done.remarks:
        print_wrapped(out, plain(remark, _LONGEST), style="yellow")
    if data.migrations:
        print_wrapped(out, _NOT_REAL)
    head = done.recorded.head
    told = f"recorded in record {head.seq}" if head else f"not recorded: {plain(done.recorded.why, _LONGEST)}"
    print_wrapped(out, told, style="" if head else "yellow")
    for left in done.left_over:
        print_wrapped(out, f"removed what a killed run had left: {plain(str(left), _LONGEST)}")
    print_stages(out, done.stages)


def print_migration(out: Console, one: RehearsedMigration) -> None:
    """A migration's statements with what each costs."""
    name = plain(one.migration.name, _LONGEST)
    print_wrapped(out, f"{name}: {elapsed(one.duration_ms)}{_checks(one)}", style="bold")
    if not one.statements:
        return
    if out.width < _NARROW:
        for each in one.statements:
            print_wrapped(out, "; ".join((f"  line {each.line} {plain(each.text, 60)}", *_costs(each))), indent=2)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("line", "statement", "time", "rows", "locks", "rewrites", "log", "growth", box=None, pad_edge=False)
    for number, column in enumerate(table.columns):
        column.overflow = "fold"
        column.justify = "right" if number in (0, 2, 3, 6, 7) else "left"
    for each in one.statements:
        cells = (
            str(each.line),
            plain(each.text, 60),
            elapsed(each.duration_ms),
            "" if each.rows is None else f"{each.rows:,}",
            ", ".join(f"{lock.mode.removesuffix('Lock')} {lock.table}" for lock in each.locks),
            ", ".join(each.rewrites),
            size(each.wal_bytes),
            _signed(each.growth_bytes),
        )
        table.add_row(*(Text(plain(cell, _LONGEST)) for cell in cells))
    out.print(table)


def print_blocking(out: Console, migrations: Iterable[RehearsedMigration]) -> None:
    """Whom the migrations keep waiting, and for how long, the worst first."""
    held = blocking(migrations)
    if not held:
        return
    print_wrapped(out, "what keeps whom waiting:", style="bold")
    for name, lock in held[:_MOST]:
        what = f"{lock.blocks} on {lock.table} for {elapsed(lock.held_ms)} ({lock.mode}, {name})"
        print_wrapped(out, f"  {plain(what, _LONGEST)}", indent=2)
    if len(held) > _MOST:
        print_wrapped(out, f"  and {len(held) - _MOST:,} more; --json tells all")


def blocking(migrations: Iterable[RehearsedMigration]) -> list[tuple[str, HeldLock]]:
    """Every lock that keeps somebody waiting, with its migration's name: the strictest of the longest first."""
    order = ("reads and writes", "writes", "schema changes")
    found = [
        (one.migration.name, lock)
        for one in migrations
        for statement in one.statements
        for lock in statement.locks
        if lock.blocks in order
    ]
    return sorted(found, key=lambda each: (order.index(each[1].blocks), -each[1].held_ms, each[1].table))


def print_verified(done: VerifyResult, environment: str, *, as_json: bool) -> None:
    """How the comparison ended; as one document `pointsctl/migrations-verified/v1` on demand."""
    if as_json:
        print_json(_verified(done, environment))
        return
    out = console()
    compared = f"{done.objects:,} objects compared with the rehearsal in record {done.rehearsal}"
    verdict = "is as its migrations leave it" if done.holds else "is NOT as its migrations leave it"
    print_wrapped(out, f"{environment} {verdict}: {compared}", style="bold" if done.holds else "bold red")
    print_differences(out, done.differences, ("expected", "here"))
    for name in done.invalid_indexes:
        print_wrapped(out, f"invalid index {plain(name, _LONGEST)}: drop it concurrently, and build it again")
    for name in done.pending:
        print_wrapped(out, f"not applied: {plain(name, _LONGEST)}")
    for script in done.scripts:
        told = f"does not pass: {script.problem}" if script.problem else "passes"
        print_wrapped(out, f"the verify script of {plain(script.migration, 200)} {plain(told, _LONGEST)}")


def _verdict(data: RehearsalData, environment: str) -> str:
    number = len(data.migrations)
    what = f"{number} migration{'s' * (number != 1)}" if number else "nothing is pending; everything"
    took = elapsed(sum(one.duration_ms for one in data.migrations))
    where = f"on backup {data.backup} of {environment}"
    if data.passed:
        return f"rehearsed: {what} {where}{f', applied in {took}' if number else ' was there already'}"
    why = f"{len(data.problems)} problem{'s' * (len(data.problems) != 1)}" if data.problems else "nothing was rehearsed"
    return f"the rehearsal did NOT pass: {what} {where}: {why}"


def _checks(one: RehearsedMigration) -> str:
    return {None: "", True: ", verified", False: ", its verify script does NOT pass"}[one.verified]


def _costs(each: MeasuredStatement) -> Iterator[str]:
    yield elapsed(each.duration_ms)
    if each.rows is not None:
        yield f"{each.rows:,} rows"
    for lock in each.locks:
        yield plain(f"{lock.mode.removesuffix('Lock')} on {lock.table}", _LONGEST)
    for name in each.rewrites:
        yield plain(f"rewrites {name}", _LONGEST)
    if each.wal_bytes:
        yield f"log {size(each.wal_bytes)}"


def _signed(count: int) -> str:
    return f"-{size(-count)}" if count < 0 else size(count)


def _print_undone(out: Console, data: RehearsalData) -> None:
    if not data.migrations:
        return
    answers = {one.reversible for one in data.migrations}
    again = "; applied again" if data.applied_again else ""
    if answers == {True}:
        print_wrapped(out, f"undone by the reverse scripts: everything is where it was{again}")
    elif answers == {False}:
        print_wrapped(out, f"undone by the reverse scripts, and NOT where it was{again}:", style="yellow")
        for one in data.migrations:
            for lost in one.loses[:_MOST]:
                print_wrapped(out, f"  {plain(lost, _LONGEST)}", indent=2)
    else:
        print_wrapped(out, f"whether it can be undone was not proven{again}", style="yellow")
        return
    print_wrapped(out, _LOST_LATER)


def _print_traffic(out: Console, data: RehearsalData) -> None:
    wait = data.traffic
    if wait is None:
        return
    calm = f"before the migrations p95 {elapsed(wait.calm_p95_ms)}, slowest {elapsed(wait.calm_slowest_ms)}"
    during = f"p95 {elapsed(wait.p95_ms)}, slowest {elapsed(wait.slowest_ms)}, {wait.failed:,} failed"
    print_wrapped(out, f"clients meanwhile: {wait.requests:,} requests, {during}; {calm}", style="bold")
    for one in wait.tables:
        why = f": {one.why}" if one.why else ""
        failed = f", {one.failed:,} of {one.requests:,} failed{why}" if one.failed or one.why else ""
        print_wrapped(out, plain(f"  {one.table}: slowest {elapsed(one.slowest_ms)}{failed}", _LONGEST), indent=2)


def _print_audits(out: Console, data: RehearsalData) -> None:
    run = [one for one in data.audits if one.outcome is not Outcome.SKIP]
    passed = sum(one.outcome is Outcome.PASS for one in run)
    print_wrapped(out, f"audits on the copy: {passed} of {len(run)} pass" if run else "audits on the copy: none ran")


def _rehearsed(done: Rehearsed, environment: str) -> dict[str, Any]:
    head = done.recorded.head
    return {
        "schema": REHEARSAL_SCHEMA,
        "environment": environment,
        "passed": done.data.passed,
        **done.data.model_dump(mode="json"),
        "remarks": list(done.remarks),
        "blocking": [
            {"migration": name, **lock.model_dump(mode="json")} for name, lock in blocking(done.data.migrations)
        ],
        "record": head.seq if head else None,
        "not_recorded": done.recorded.why,
        "stages": [
            {"stage": one.stage, "unit": one.unit.value, "done": one.done, "duration_ms": round(one.seconds * 1000)}
            for one in done.stages
        ],
    }


def _verified(done: VerifyResult, environment: str) -> dict[str, Any]:
    return {
        "schema": VERIFIED_SCHEMA,
        "environment": environment,
        "holds": done.holds,
        "rehearsal": done.rehearsal,
        "objects": done.objects,
        "differences": [one.as_json() for one in done.differences],
        "invalid_indexes": list(done.invalid_indexes),
        "pending": list(done.pending),
        "verify_scripts": [{"migration": one.migration, "problem": one.problem} for one in done.scripts],
    }
