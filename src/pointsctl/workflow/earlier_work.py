"""What earlier runs have left: nothing is applied a second time, and nothing that is half applied is passed over."""

from __future__ import annotations

from collections.abc import Mapping

from pointsctl.errors import RefusedError
from pointsctl.model.escape import plain
from pointsctl.model.ledger import Kind, Record
from pointsctl.model.pending_migration import PendingMigration
from pointsctl.workflow.pending import Pending

_NATIVE = "native"
_FINISH = "put those bytes back and apply them to their end; correct what is wrong in a migration after it"


def require_nothing_twice(marks: Mapping[str, Record], pending: Pending, engine: str) -> None:
    """`marks` are the newest records of each version. Raises RefusedError for a pending file that the ledger says to be
    applied, and for one of which a part is committed unless these bytes are pending still, and the native engine goes on.
    """
    waiting = {one.version: one for one in pending.migrations}
    for version, mark in marks.items():
        if version in pending.versions:
            continue
        if mark.kind == Kind.MIGRATION_APPLIED and version in waiting:
            raise _applied_already(waiting[version], mark)
        if mark.kind == Kind.MIGRATION_PROGRESSED:
            _require_going_on(mark, waiting.get(version), engine)


def _applied_already(one: PendingMigration, mark: Record) -> RefusedError:
    message = f"record {mark.seq} says that {one.migration.name} is applied, and the history has no row of it"
    applied = f"pointsctl migrate repair --applied {one.version}"
    hint = f"see what the database has; it is applied: `{applied}`; it is not: that, and then the same with --reverted"
    return RefusedError(message, hint=hint)


def _require_going_on(mark: Record, one: PendingMigration | None, engine: str) -> None:
    file, count = plain(str(mark.data.get("file")), 200), mark.data.get("statements")
    begun = f"the first {count} statements of {file} are committed (record {mark.seq})"
    if one is None:
        raise RefusedError(f"{begun}, and it is not among what is pending", hint=_FINISH)
    if one.migration.sha256 != mark.data.get("sha256"):
        raise RefusedError(f"{begun}, and the file was changed since", hint=_FINISH)
    if engine != _NATIVE:
        hint = "apply it to its end with `migrations.engine: native`, which knows where to go on"
        raise RefusedError(f"{begun}, and the engine {engine!r} would begin it again", hint=hint)
