"""Tells of a backup that was taken and of one that was verified: the verdict first, then what took how long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.errors import ExitCode
from pointsctl.model.ages import minute
from pointsctl.model.canonical import utc_text
from pointsctl.model.conclusion import elapsed
from pointsctl.model.escape import plain
from pointsctl.model.finding import Outcome
from pointsctl.model.sizes import amount, rate, size

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.model.backup import Manifest
    from pointsctl.model.proof import Difference, Proof
    from pointsctl.workflow.backup_ledger import Recorded
    from pointsctl.workflow.create_backup import Created
    from pointsctl.workflow.stopwatch import StageTime
    from pointsctl.workflow.verify_backup import Verified

CREATED_SCHEMA = "pointsctl/backup-created/v1"
VERIFIED_SCHEMA = "pointsctl/backup-verified/v1"
_LONGEST = 300
_MOST_DIFFERENCES = 50
_NARROW = 100
_NO_RATE = 60
_FAITHFUL = (
    "the backup is faithful all the same, and can be restored: what the audits say is so in the source too; mend it there,"
    " or run only audits that belong to this database"
)


def print_created(done: Created, environment: str, *, as_json: bool) -> None:
    """The backup that was taken; as one document `pointsctl/backup-created/v1` on demand."""
    if as_json:
        print_json(_created(done, environment))
        return
    out, manifest = console(), done.manifest
    holds = ", ".join(counted(count, what) for what, count in done.summary.items() if count)
    print_wrapped(out, f"backup {manifest.id} of {environment} is stored: {holds}", style="bold")
    print_wrapped(out, f"taken {minute(manifest.taken_at)}, {_sizes(manifest)}, in {plain(done.store)}")
    for problem in done.problems:
        print_wrapped(out, f"its size cannot be right: {plain(problem, _LONGEST)}", style="red")
    _print_recorded(out, done.recorded)
    _print_left_over(out, done.left_over)
    print_stages(out, done.stages)
    print_wrapped(out, f"nothing proves yet that it can be restored: pointsctl backup verify --env {environment}")


def print_verified(done: Verified, environment: str, *, as_json: bool) -> None:
    """How the restore drill ended; as one document `pointsctl/backup-verified/v1` on demand."""
    if as_json:
        print_json(_verified(done, environment))
        return
    out, proof = console(), done.proof
    print_wrapped(out, _verdict(done, environment), style="bold" if proof.holds else "bold red")
    print_wrapped(out, compared(proof))
    if proof.indexes_checked is None:
        print_wrapped(out, "indexes were not checked: the programs here have no pg_amcheck, or the server no amcheck")
    for left_out in proof.left_out:
        print_wrapped(out, f"left out on purpose: {plain(left_out, _LONGEST)}")
    print_differences(out, proof.differences)
    _print_audits(out, done)
    _print_recorded(out, done.recorded)
    _print_left_over(out, done.left_over)
    print_stages(out, done.stages)


def counted(count: int, what: str) -> str:
    """A number of a backup's summary: `2 large objects` of `large_objects`, `1 table` of `tables`."""
    name = plain(what).replace("_", " ")
    return f"{count:,} {name.removesuffix('s') if count == 1 else name}"


def _verdict(done: Verified, environment: str) -> str:
    restored = f"restored in {elapsed(round(done.restore_seconds * 1000))}"
    what = f"backup {done.manifest.id} of {environment}"
    if done.proof.holds:
        return f"{restored}: {what} is proven, the copy is the source as it was {minute(done.manifest.taken_at)}"
    number = len(done.proof.differences)
    why = f"{number:,} difference{'s' * (number != 1)}" if number else "nothing could be compared"
    return f"{restored}, and REFUTED: {what} does not give the source back: {why}"


def compared(proof: Proof) -> str:
    indexes = "" if proof.indexes_checked is None else f", {proof.indexes_checked:,} indexes against their tables"
    return (
        f"compared: {counted(proof.rows, 'rows')} of {counted(proof.tables, 'tables')},"
        f" {counted(proof.objects, 'objects')} of the catalogue, {counted(proof.sequences, 'sequences')},"
        f" {counted(proof.large_objects, 'large_objects')}{indexes}"
    )


def _sizes(manifest: Manifest) -> str:
    encrypted = ", encrypted" if manifest.encryption else ""
    return f"{size(manifest.stored_size)} of a database of {size(manifest.database_size)}{encrypted}"


def _print_recorded(out: Console, recorded: Recorded) -> None:
    if recorded.head is not None:
        print_wrapped(out, f"recorded in record {recorded.head.seq}")
    else:
        print_wrapped(out, f"not recorded: {plain(recorded.why, _LONGEST)}", style="yellow")


def _print_left_over(out: Console, left_over: Sequence[Path]) -> None:
    for one in left_over:
        print_wrapped(out, f"removed what a killed run had left: {plain(str(one), _LONGEST)}")


def print_differences(
    out: Console, differences: Sequence[Difference], sides: tuple[str, str] = ("in the source", "in the copy")
) -> None:
    """What differs, with the headings of both sides."""
    if not differences:
        return
    if out.width < _NARROW:
        for one in differences[:_MOST_DIFFERENCES]:
            found = f"expected {one.expected}, found {one.found}"
            print_wrapped(out, plain(f"{one.differs.value} {one.what}: {found}", _LONGEST), indent=2)
    else:
        _differences_table(out, differences[:_MOST_DIFFERENCES], sides)
    if len(differences) > _MOST_DIFFERENCES:
        print_wrapped(out, f"and {len(differences) - _MOST_DIFFERENCES:,} more; --json tells the first hundred")


def _differences_table(out: Console, differences: Sequence[Difference], sides: tuple[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("differs", "what", *sides, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.overflow = "fold"
    for one in differences:
        cells = (one.differs.value, one.what, one.expected, one.found)
        table.add_row(*(Text(plain(cell, _LONGEST)) for cell in cells))
    out.print(table)


def _print_audits(out: Console, done: Verified) -> None:
    if done.audits is None:
        print_wrapped(out, "audits on the copy: the checklist has none")
        return
    passed, run = sum(one.outcome is Outcome.PASS for one in done.audits.results), len(done.audits.findings)
    present = plain(", ".join(done.audits.of_the_present), _LONGEST)
    not_run = f"; not run, since a copy is of the past: {present}" if present else ""
    print_wrapped(out, f"audits on the copy: {passed} of {run} pass{not_run}")
    for finding in done.audits.findings:
        if finding.outcome not in (Outcome.PASS, Outcome.SKIP):
            text = f"{finding.outcome.value} {finding.id}: {finding.observation.summary}"
            print_wrapped(out, plain(text, _LONGEST), indent=2)
    if done.proof.holds and done.audits.exit_code is not ExitCode.DONE:
        print_wrapped(out, _FAITHFUL, style="yellow")


def print_stages(out: Console, stages: Sequence[StageTime]) -> None:
    if not stages:
        return
    from rich.table import Table

    headings = ("stage", "time", "amount", "rate") if out.width >= _NO_RATE else ("stage", "time", "amount")
    table = Table(*headings, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(table.columns):
        column.justify = "right" if number else "left"
        column.overflow = "fold"
    for one in stages:
        done = amount(one.done, one.unit) if one.done else ""
        speed = rate(one.done, one.unit, one.seconds) if one.done else ""
        cells = (plain(one.stage), elapsed(round(one.seconds * 1000)), done, speed)
        table.add_row(*cells[: len(headings)])
    out.print(table)


def _created(done: Created, environment: str) -> dict[str, Any]:
    return {
        "schema": CREATED_SCHEMA,
        **_of(done.manifest, environment, done.store),
        "database": done.manifest.database.model_dump(mode="json"),
        "database_size": done.manifest.database_size,
        "stored_size": done.manifest.stored_size,
        "encrypted": done.manifest.encryption is not None,
        "engine": done.manifest.engine,
        "tools": dict(done.manifest.tools),
        "commit": done.manifest.commit,
        "summary": done.summary,
        "size_problems": list(done.problems),
        **_ending(done.recorded, done.stages),
    }


def _verified(done: Verified, environment: str) -> dict[str, Any]:
    results = done.audits.results if done.audits else ()
    return {
        "schema": VERIFIED_SCHEMA,
        **_of(done.manifest, environment, done.store),
        "holds": done.proof.holds,
        "restore_ms": round(done.restore_seconds * 1000),
        "restored_into": done.restored_into,
        "server_version": done.server_version,
        "proof": done.proof.as_json(),
        "audits": [one.model_dump(mode="json") for one in results],
        **_ending(done.recorded, done.stages),
    }


def _of(manifest: Manifest, environment: str, store: str) -> dict[str, Any]:
    return {
        "environment": environment,
        "backup": manifest.id,
        "manifest": manifest.digest,
        "store": store,
        "taken_at": utc_text(manifest.taken_at),
    }


def _ending(recorded: Recorded, stages: Sequence[StageTime]) -> dict[str, Any]:
    return {
        "record": recorded.head.seq if recorded.head else None,
        "not_recorded": recorded.why,
        "stages": [
            {"stage": one.stage, "unit": one.unit.value, "done": one.done, "duration_ms": round(one.seconds * 1000)}
            for one in stages
        ],
    }
