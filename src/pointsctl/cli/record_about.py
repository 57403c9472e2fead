"""What a record of the ledger is about, in a few words, as lists show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pointsctl.model.backup_records import BACKUP_KINDS
from pointsctl.model.escape import plain
from pointsctl.model.ledger import Kind, Record
from pointsctl.workflow.read_ledger import items_of

_LONGEST = 200


def about(record: Record) -> str:
    """What it is about. Nothing of the record is believed: another version of pointsctl, or anybody, may have written it."""
    parts = [record.migration_name or "", *_of_its_kind(record)]
    if record.plan and record.kind not in _OF_A_PROCEDURE:
        parts.append(f"plan {record.plan[:12]}")
    if record.run and record.kind not in _OF_A_PROCEDURE:
        parts.append(f"run {record.run}")
    told = ", ".join(part for part in parts if part)
    note = record.notes if record.notes and record.notes not in told else ""
    return plain(", ".join(part for part in (told, note) if part), _LONGEST)


def _of_its_kind(record: Record) -> Iterator[str]:
    if record.kind == Kind.ITEM_ATTESTED:
        yield _items(record)
    elif record.item:
        yield record.item
    if record.kind in (Kind.MIGRATION_APPLIED, Kind.MIGRATION_NOTED):
        yield "backup taken" if record.backup_taken else "NO BACKUP TAKEN"
    if record.kind in BACKUP_KINDS:
        yield f"backup {record.data.get('backup')}"
    tell = _TOLD.get(record.kind)
    if tell is not None:
        yield tell(record.data)


def _items(record: Record) -> str:
    """Of several items that were attested at once, the first."""
    items = list(dict.fromkeys(items_of(record)))
    more = f" (and {len(items) - 1} more)" if len(items) > 1 else ""
    return f"{items[0]}{more}" if items else ""


def _rehearsal(data: Mapping[str, Any]) -> str:
    migrations, problems = data.get("migrations"), data.get("problems")
    number = len(migrations) if isinstance(migrations, list) else 0
    found = len(problems) if isinstance(problems, list) else 0
    outcome = f"{found} PROBLEM{'S' * (found != 1)}" if found else "passed"
    return f"{number} migration{'' if number == 1 else 's'} on backup {data.get('backup')}, {outcome}"


def _progressed(data: Mapping[str, Any]) -> str:
    return f"{data.get('file')}, so far {data.get('statements')} committed"


def _function(data: Mapping[str, Any]) -> str:
    return f"{data.get('name')} version {data.get('version_after', data.get('version'))}"


def _watched(data: Mapping[str, Any]) -> str:
    return f"{data.get('errors')} errors in {data.get('lines')} lines"


def _step(data: Mapping[str, Any]) -> str:
    return f"{data.get('procedure')}: {data.get('step')}: {data.get('summary')}"


def _begun(data: Mapping[str, Any]) -> str:
    pending = data.get("pending")
    return f"{data.get('procedure')}: begins, {len(pending) if isinstance(pending, list) else 0} migrations pending"


def _ended(data: Mapping[str, Any]) -> str:
    return f"{data.get('procedure')}: {data.get('ending')}: {data.get('summary')}"


_TOLD: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    Kind.REHEARSAL_FINISHED: _rehearsal,
    Kind.MIGRATION_PROGRESSED: _progressed,
    Kind.FUNCTION_DEPLOYED: _function,
    Kind.FUNCTION_DELETED: _function,
    Kind.FUNCTION_WATCHED: _watched,
    Kind.PROCEDURE_STARTED: _begun,
    Kind.PROCEDURE_FINISHED: _ended,
    Kind.STEP_STARTED: _step,
    Kind.STEP_FINISHED: _step,
    Kind.STEP_FAILED: _step,
}
_OF_A_PROCEDURE = frozenset(
    {Kind.PROCEDURE_STARTED, Kind.PROCEDURE_FINISHED, Kind.STEP_STARTED, Kind.STEP_FINISHED, Kind.STEP_FAILED}
)
