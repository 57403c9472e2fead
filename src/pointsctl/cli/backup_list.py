"""The backups of an environment as a table, or two lines each where the terminal is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.model.ages import about_seconds, ago, minute
from pointsctl.model.backup_history import BackupState, RecordedBackup
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.model.sizes import size

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.workflow.list_backups import BackupList, ListedBackup

LIST_SCHEMA = "pointsctl/backups/v1"
_NARROW = 132
_LONGEST = 300
_STYLES = {"damaged": "bold red", "missing": "bold red", "refuted": "bold red", "verified": "green"}


def print_list(found: BackupList, *, as_json: bool) -> None:
    """Every backup, and what else lies in the environment's folder; as one document `pointsctl/backups/v1` on demand."""
    if as_json:
        print_json(_document(found))
        return
    out = console()
    if not found.backups:
        print_wrapped(out, f"no backups of {found.environment} in {plain(found.store)}")
    elif out.width < _NARROW:
        for one in found.backups:
            _print_narrow(out, found, one)
    else:
        _print_table(out, found)
    for one in found.backups:
        for problem in one.problems:
            print_wrapped(out, f"{one.id}: {plain(problem, _LONGEST)}", style="red", indent=2)
    for note in _notes(found):
        print_wrapped(out, note)


def state_of(one: ListedBackup, unread: str) -> str:
    """How the backup stands, in a word; ids that scripts may rely on."""
    if one.stored is None:
        return "missing"
    if one.stored.problems:
        return "damaged"
    if one.recorded is None:
        return "unknown" if unread else "unrecorded"
    return one.recorded.state.value


def state_text(one: ListedBackup, unread: str) -> str:
    """How the backup stands, for people: `verified 2026-01-31 08:00Z, restored in 38s`."""
    state, recorded = state_of(one, unread), one.recorded
    if state == "unknown":
        return "the ledger was not read"
    if state == "unrecorded":
        return "not recorded in the ledger"
    if state == "missing":
        return "missing from the store"
    if state == "damaged":
        return "DAMAGED"
    if recorded is None or not recorded.drills:
        return "not verified" if state == BackupState.UNVERIFIED else "its removal was begun"
    at = minute(recorded.drills[-1].record.recorded_at)
    if recorded.verification is None:
        return f"REFUTED {at}" if state == BackupState.REFUTED else "its removal was begun"
    return f"verified {at}, restored in {about_seconds(recorded.verification.restore_ms)}"


def sizes_text(one: ListedBackup) -> str:
    """Its size in the store, and the database's: `390 MB of 939 MB`."""
    manifest = one.stored.manifest if one.stored else None
    if manifest is not None:
        return f"{size(manifest.stored_size)} of {size(manifest.database_size)}"
    if one.recorded is not None:
        return f"{size(one.recorded.data.stored_size)} of {size(one.recorded.data.database_size)}"
    return size(one.stored.size) if one.stored else ""


def _cells(found: BackupList, one: ListedBackup) -> tuple[str, str, str, str, str]:
    taken = ago(one.taken_at, found.now) if one.taken_at else "unknown"
    until = minute(one.protected_until) if one.protected_until else "unknown"
    if one.protected_until and one.protected_until <= found.now:
        until = "no longer"
    return one.id, taken, sizes_text(one), state_text(one, found.unread), until if one.stored else ""


def _print_table(out: Console, found: BackupList) -> None:
    from rich.table import Table
    from rich.text import Text

    headings = ("id", "taken", "size", "verified", "protected until")
    table = Table(*headings, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.overflow = "fold"
    for one in found.backups:
        cells = [Text(plain(cell)) for cell in _cells(found, one)]
        cells[3].stylize(_STYLES.get(state_of(one, found.unread), ""))
        table.add_row(*cells)
    out.print(table)


def _print_narrow(out: Console, found: BackupList, one: ListedBackup) -> None:
    id_, taken, sizes, state, until = _cells(found, one)
    print_wrapped(out, id_, style="bold")
    print_wrapped(out, f"  {plain(state)}", style=_STYLES.get(state_of(one, found.unread), ""))
    print_wrapped(out, f"  taken {taken}, {sizes}")
    if until:
        print_wrapped(out, f"  protected until: {until}")


def _notes(found: BackupList) -> list[str]:
    number = len(found.backups)
    notes = [f"{number} backup{'s' * (number != 1)} in {plain(found.store)}"] if number else []
    unfinished, strangers = len(found.contents.unfinished), len(found.contents.strangers)
    if unfinished:
        uploads = (
            "1 unfinished upload, which counts" if unfinished == 1 else f"{unfinished} unfinished uploads, which count"
        )
        notes.append(f"{uploads} as nothing")
    if strangers:
        first = plain(found.contents.strangers[0], _LONGEST)
        notes.append(f"{strangers} other file{'s' * (strangers != 1)} there that no backup has: {first}")
    if found.unread:
        notes.append(f"what was verified is not known: {plain(found.unread, _LONGEST)}")
    return notes


def _document(found: BackupList) -> dict[str, Any]:
    return {
        "schema": LIST_SCHEMA,
        "environment": found.environment,
        "store": found.store,
        "now": utc_text(found.now),
        "backups": [document_of(one, found) for one in found.backups],
        "unfinished": sorted(found.contents.unfinished),
        "others": list(found.contents.strangers),
        "ledger_unread": found.unread,
    }


def document_of(one: ListedBackup, found: BackupList) -> dict[str, Any]:
    """One backup as programs read it; null where nobody knows."""
    manifest = one.stored.manifest if one.stored else None
    known: Any = manifest or (one.recorded.data if one.recorded else None)
    return {
        "id": one.id,
        "state": state_of(one, found.unread),
        "manifest": manifest.digest if manifest else one.recorded.digest if one.recorded else None,
        "taken_at": utc_text(one.taken_at) if one.taken_at else None,
        "stored_size": known.stored_size if known else None,
        "database_size": known.database_size if known else None,
        "verified_at": _verified_at(one.recorded),
        "restore_ms": one.recorded.verification.restore_ms if one.recorded and one.recorded.verification else None,
        "protected_until": utc_text(one.protected_until) if one.protected_until else None,
        "problems": list(one.problems),
    }


def _verified_at(recorded: RecordedBackup | None) -> str | None:
    verified = recorded is not None and recorded.verification is not None
    return utc_text(recorded.drills[-1].record.recorded_at) if verified and recorded else None
