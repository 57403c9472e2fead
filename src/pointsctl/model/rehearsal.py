"""What a rehearsal on a restored backup showed: every statement's cost, the locks, the checks, and what undoing it loses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.backup import BackupId
from pointsctl.model.backup_records import AuditResult
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.pin import Pin
from pointsctl.model.plan import Migration
from pointsctl.model.statement import DatabaseName, Digest

Count = Annotated[int, pydantic.Field(strict=True, ge=0)]
Flag = Annotated[bool, pydantic.Field(strict=True)]
Short = Annotated[str, StringConstraints(max_length=200)]
Line = Annotated[str, StringConstraints(max_length=2000)]


class RehearsalRecordError(PointsctlError):
    """A record of a rehearsal cannot be read."""

    code = "rehearsal-record"


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeldLock(_Strict):
    """A lock on a table that the migration held: `mode` in PostgreSQL's words (`AccessExclusiveLock`), and for how long, from
    the statement that took it to the end of its transaction. `blocks` says whom it keeps waiting: "reads and writes",
    "writes", "schema changes", or "nobody".
    """

    table: Short
    mode: Short
    held_ms: Count
    blocks: Short


class MeasuredStatement(_Strict):
    """One statement: its line in the file, its first words, and what it cost. `rows` is what it touched, None where the server
    does not say; `rewrites` names tables and indexes whose files it wrote anew; `wal_bytes` and `growth_bytes` as the server counts.
    """

    line: Count
    text: Line
    duration_ms: Count
    rows: Count | None
    locks: tuple[HeldLock, ...]
    rewrites: tuple[Short, ...]
    wal_bytes: Count
    growth_bytes: Annotated[int, pydantic.Field(strict=True)]


class RehearsedMigration(_Strict):
    """One migration file as it was rehearsed; `migration` holds the digests of its bytes and of what undoes and verifies it.

    `verified` says whether its verify script passed (None where there is none, or it was not reached); `reversible` whether the
    reverse scripts of all that were rehearsed together brought back where it was (None where one is missing, or they were not
    reached); `loses` what they do not bring back, one line each, stands with the first.
    """

    migration: Migration
    duration_ms: Count
    statements: tuple[MeasuredStatement, ...]
    verified: Flag | None
    reversible: Flag | None
    loses: tuple[Line, ...] = ()


class TableWait(_Strict):
    """What the clients of one table waited; `why` is what the server said to the first request that failed."""

    table: Short
    requests: Count
    failed: Count
    slowest_ms: Count
    why: Line = ""


class ClientWait(_Strict):
    """What clients waited while synthetic traffic went on: how many requests, the slowest and p95 in ms, how many failed.

    `calm_p95_ms` and `calm_slowest_ms` are those of the same clients just before, in `calm_requests` requests; `tables` begin
    with the one whose clients waited longest.
    """

    requests: Count
    failed: Count
    p95_ms: Count
    slowest_ms: Count
    calm_requests: Count = 0
    calm_p95_ms: Count = 0
    calm_slowest_ms: Count = 0
    tables: tuple[TableWait, ...] = ()


class RehearsalData(_Strict):
    """`data` of `rehearsal.finished`. `backup` and `manifest` name the proven backup; `before` are the versions that the copy
    had been migrated by already; `migrations` were rehearsed, in this order.

    `catalogue` is the digest of the definitions that the database must have afterwards, stored as `rehearsals/<environment>/catalogue-<digest>.json`
    next to the backups. `problems` are what was bad, one sentence each; it passed when there are none. With no migrations, all
    that the project has were in the backup's database already, which is worth knowing too.
    """

    database: DatabaseName
    backup: BackupId
    manifest: Digest
    server_version: Count
    before: tuple[Short, ...]
    migrations: tuple[RehearsedMigration, ...]
    catalogue: Digest | None
    audits: tuple[AuditResult, ...]
    applied_again: Flag
    traffic: ClientWait | None
    duration_ms: Count
    problems: tuple[Line, ...]
    tool: Short

    @property
    def passed(self) -> bool:
        """Whether nothing was bad, something was rehearsed or needed no rehearsal, and what was undone was applied again."""
        undone = bool(self.migrations) and all(one.reversible is not None for one in self.migrations)
        looked = bool(self.migrations or self.before) and self.catalogue is not None
        return not self.problems and looked and (self.applied_again or not undone)


@dataclass(frozen=True)
class RecordedRehearsal:
    """A rehearsal and its record; `objection` says why it counts for nothing (empty when it does)."""

    data: RehearsalData
    record: Record
    objection: str = ""

    @property
    def counts(self) -> bool:
        """Whether it passed and counts."""
        return not self.objection and self.data.passed

    @property
    def why_not(self) -> str:
        """Why it counts for nothing; empty when it counts."""
        if self.objection or self.data.passed:
            return self.objection
        return "; ".join(self.data.problems) or "nothing was rehearsed"

    def rehearsed(self, migrations: Iterable[Migration]) -> bool:
        """Whether each of the migrations was applied in it, with these very bytes."""
        return {one.migration for one in self.data.migrations}.issuperset(migrations)

    def covers(self, migrations: Iterable[Migration]) -> bool:
        """Whether each of the migrations was rehearsed with these very bytes, or was in the backup's database already."""
        rehearsed = {one.migration for one in self.data.migrations}
        before = frozenset(self.data.before)
        return all(one in rehearsed or one.name.partition("_")[0] in before for one in migrations)


def newest_of(rehearsals: Sequence[RecordedRehearsal], pending: Sequence[Migration]) -> RecordedRehearsal | None:
    """The newest rehearsal in which these very bytes, all of them pending, were applied, passed or not."""
    here = [one for one in rehearsals if not one.objection]
    return next((one for one in reversed(here) if one.rehearsed(pending)), None)


def newest_covering(
    rehearsals: Sequence[RecordedRehearsal], migrations: Sequence[Migration]
) -> RecordedRehearsal | None:
    """The newest rehearsal of these very bytes, passed or not: an older one that passed says nothing against it."""
    here = [one for one in rehearsals if not one.objection]
    return next((one for one in reversed(here) if one.covers(migrations)), None)


def recorded_rehearsal(record: Record, pin: Pin | None) -> RecordedRehearsal:
    """The rehearsal of a record `rehearsal.finished`. Raises RehearsalRecordError."""
    try:
        data = RehearsalData.model_validate(record.data)
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        message = f"record {record.seq} ({record.kind}) cannot be read: {where} is not as expected"
        raise RehearsalRecordError(message, hint=f"see it with `pointsctl ledger show {record.seq}`") from None
    return RecordedRehearsal(data, record, _objection(data, record, pin))


def _objection(data: RehearsalData, record: Record, pin: Pin | None) -> str:
    if pin is None or data.database != pin.database:
        return "it was made from a backup of another database"
    if record.environment != pin.name:
        return f"it is recorded for another environment than {pin.name}"
    return ""


def rehearsal_draft(data: RehearsalData, environment: str, operator: str) -> Draft:
    """The record that is to be appended to the ledger of `environment`."""
    return Draft(Kind.REHEARSAL_FINISHED, environment, operator, data.model_dump(mode="json"))
