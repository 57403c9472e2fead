"""One backup on a page: what was taken of which database, with what, what it holds, and every restore of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pointsctl.cli.backup_list import document_of, sizes_text, state_text
from pointsctl.cli.backup_tables import counted
from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.model.ages import about_seconds, ago, minute
from pointsctl.model.backup_history import Drill
from pointsctl.model.backup_records import VerifiedBackup
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.model.sizes import size

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.model.backup import Manifest
    from pointsctl.workflow.show_backup import ShownBackup

SHOW_SCHEMA = "pointsctl/backup-shown/v1"
_LONGEST = 300


def print_backup(shown: ShownBackup, *, as_json: bool) -> None:
    """The page; as one document `pointsctl/backup-shown/v1` on demand."""
    if as_json:
        print_json(_document(shown))
        return
    out = console()
    print_wrapped(out, f"backup {shown.listed.id} of {shown.among.environment}", style="bold")
    for name, value in _facts(shown):
        if value:
            print_wrapped(out, f"{name}: {plain(value, _LONGEST)}", indent=2)
    for problem in shown.listed.problems:
        print_wrapped(out, f"problem: {plain(problem, _LONGEST)}", style="bold red", indent=2)
    _print_parts(out, shown)
    drills = shown.listed.recorded.drills if shown.listed.recorded else ()
    for drill in drills:
        print_wrapped(out, _drill_text(drill), indent=2)


def _facts(shown: ShownBackup) -> Iterator[tuple[str, str]]:
    listed, among = shown.listed, shown.among
    manifest = listed.stored.manifest if listed.stored else None
    yield "state", state_text(listed, among.unread)
    if listed.taken_at:
        yield "taken", f"{minute(listed.taken_at)}, {ago(listed.taken_at, among.now)}"
    yield "size", f"{sizes_text(listed)} in the database"
    if listed.protected_until:
        yield "protected until", minute(listed.protected_until)
    yield "store", among.store
    if manifest is not None:
        yield from _manifest_facts(manifest)
    if listed.recorded is not None:
        yield "recorded", f"record {listed.recorded.record.seq}, by {listed.recorded.record.applied_by}"
    yield "not read", shown.unread or among.unread
    yield "holds", ", ".join(counted(count, what) for what, count in shown.summary.items())


def _manifest_facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    database = manifest.database
    system = database.system_identifier or "unknown"
    yield "database", f"{database.database} (oid {database.database_oid}, system {system})"
    yield "server", f"PostgreSQL {manifest.server_version // 10_000}.{manifest.server_version % 10_000}"
    yield "made by", ", ".join(f"{name} {version}" for name, version in sorted(manifest.tools.items()))
    yield "snapshot", f"{manifest.snapshot} at {manifest.lsn}"
    yield "commit", manifest.commit or ""
    recipients = manifest.encryption.recipients if manifest.encryption else ()
    yield "encrypted to", ", ".join(recipients)
    largest = max(manifest.objects, key=lambda one: one.size)
    yield "objects", f"{len(manifest.objects):,}, the largest {largest.name} of {size(largest.size)}"
    yield "manifest", manifest.digest


def _print_parts(out: Console, shown: ShownBackup) -> None:
    for name, amount in shown.parts:
        print_wrapped(out, f"  {plain(name, _LONGEST)}  {plain(amount)}", indent=2)
    if shown.parts_total > len(shown.parts):
        print_wrapped(out, f"  and {shown.parts_total - len(shown.parts):,} more")


def _drill_text(drill: Drill) -> str:
    at, data = minute(drill.record.recorded_at), drill.data
    where = f"into {plain(data.restored_into, _LONGEST)}, record {drill.record.seq}"
    if isinstance(data, VerifiedBackup):
        rows = f"{data.proof.rows:,} rows of {data.proof.tables:,} tables"
        return f"verified {at}: restored in {about_seconds(data.restore_ms)} {where}, {rows} proven{data.objection}"
    # Where nothing was compared, nothing may have been restored either.
    return f"REFUTED {at}: {plain(data.why, _LONGEST)}, {where if data.proof else f'record {drill.record.seq}'}"


def _document(shown: ShownBackup) -> dict[str, Any]:
    listed = shown.listed
    manifest = listed.stored.manifest if listed.stored else None
    drills = listed.recorded.drills if listed.recorded else ()
    return {
        "schema": SHOW_SCHEMA,
        "environment": shown.among.environment,
        "store": shown.among.store,
        **document_of(listed, shown.among),
        "description": manifest.model_dump(mode="json", exclude={"contents", "objects"}) if manifest else None,
        "objects": [one.model_dump(mode="json") for one in manifest.objects] if manifest else [],
        "summary": dict(shown.summary),
        "parts": [{"name": name, "amount": amount} for name, amount in shown.parts],
        "drills": [
            {"at": utc_text(one.record.recorded_at), "seq": one.record.seq, **one.data.model_dump(mode="json")}
            for one in drills
        ],
        "unread": shown.unread or shown.among.unread,
    }
