"""What the ledger records of migrations: applied by pointsctl, and repairs of the history that somebody signed for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.ledger import Record
from pointsctl.model.plan import FileName
from pointsctl.model.statement import Digest

Count = Annotated[int, pydantic.Field(strict=True, ge=0)]
Short = Annotated[str, StringConstraints(max_length=200)]


class MigrationRecordError(PointsctlError):
    """A record of a migration cannot be read."""

    code = "migration-record"


class AppliedData(pydantic.BaseModel):
    """`data` of `migration.applied`. The column `migration_name` is the file's name without `.sql`, `backup_taken` whether
    the ledger held a proven backup of this database then: `backup` is its manifest's digest, None without one.

    `engine` applied it; `statements` is how many it has; `procedure` is the run of the deployment that it belongs to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Short
    file: FileName
    sha256: Digest
    engine: Short
    statements: Count
    duration_ms: Count
    tries: Count
    backup: Digest | None
    procedure: Short | None
    tool: Short


class ProgressedData(pydantic.BaseModel):
    """`data` of `migration.progressed`: the first `statements` of a file that no single transaction can hold are committed,
    with this record; the next one may have been begun.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Short
    file: FileName
    sha256: Digest
    statements: Count
    tool: Short


@dataclass(frozen=True)
class RecordedMigration:
    """A migration that the ledger says to have been applied by pointsctl."""

    data: AppliedData
    record: Record


def recorded_migration(record: Record) -> RecordedMigration:
    """The migration of a record `migration.applied`. Raises MigrationRecordError."""
    try:
        return RecordedMigration(AppliedData.model_validate(record.data), record)
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        message = f"record {record.seq} ({record.kind}) cannot be read: {where} is not as expected"
        raise MigrationRecordError(message, hint=f"see it with `pointsctl ledger show {record.seq}`") from None
