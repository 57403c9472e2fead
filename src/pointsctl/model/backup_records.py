"""What the ledger records of backups: taken, proven by a restore, refuted by one, removed; written and read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.backup import BackupId, Manifest, Short
from pointsctl.model.finding import Outcome
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.proof import Proof
from pointsctl.model.statement import DatabaseName, Digest, Moment

Line = Annotated[str, StringConstraints(max_length=2000)]
Count = Annotated[int, pydantic.Field(strict=True, ge=0)]
_AS_GOOD = frozenset({Outcome.PASS, Outcome.SKIP})


class BackupRecordError(PointsctlError):
    """A record of a backup cannot be read."""

    code = "backup-record"


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _OfABackup(_Strict):
    """Which backup is meant: its id, and the digest of its manifest, which fixes every byte of it."""

    backup: BackupId
    manifest: Digest


class CreatedBackup(_OfABackup):
    """`data` of `backup.created`. `taken_at` is the database's clock; sizes are in bytes; `summary` what it holds, in numbers."""

    store: Line
    engine: Short
    taken_at: Moment
    database: DatabaseName
    stored_size: Count
    database_size: Count
    summary: dict[Short, Count]
    tool: Short


class AuditResult(_Strict):
    """An audit that was run on the restored copy; `rows` is how many offending rows it found."""

    id: Short
    outcome: Outcome
    rows: Count


class SeenDifference(_Strict):
    """A difference as it was recorded; see `model/proof.py`."""

    differs: Short
    what: Line
    expected: Line
    found: Line


class SeenProof(_Strict):
    """A proof as it was recorded, with at most 100 differences of `differences_total`."""

    holds: Annotated[bool, pydantic.Field(strict=True)]
    tables: Count
    rows: Count
    objects: Count
    sequences: Count
    large_objects: Count
    indexes_checked: Count | None
    left_out: tuple[Line, ...]
    differences: tuple[SeenDifference, ...]
    differences_total: Count

    @pydantic.model_validator(mode="after")
    def _holds_as_proofs_do(self) -> SeenProof:
        if self.holds != (not self.differences and not self.differences_total and self.objects > 0):
            raise ValueError("a proof that says two things at once")
        return self


class _OfADrill(_OfABackup):
    """What a restore drill says of itself. `restored_into` is `ephemeral` or the environment of the scratch server."""

    store: Line
    taken_at: Moment
    restored_into: Short
    server_version: Count


class VerifiedBackup(_OfADrill):
    """`data` of `backup.verified`: the copy is the source. `restore_ms` is the measured restore; `audits` were run on the copy."""

    restore_ms: Count
    proof: SeenProof
    audits: tuple[AuditResult, ...]
    audits_pass: Annotated[bool, pydantic.Field(strict=True)]

    @pydantic.model_validator(mode="after")
    def _is_consistent(self) -> VerifiedBackup:
        if not self.proof.holds:
            raise ValueError("a verification whose proof does not hold")
        if self.audits_pass != audits_pass(self.audits):
            raise ValueError("audits that say two things at once")
        return self

    @property
    def objection(self) -> str:
        """What the audits have against the copy, as the end of a sentence; an empty text when they passed."""
        if self.audits_pass:
            return ""
        looked = any(audit.outcome is not Outcome.SKIP for audit in self.audits)
        return ", AUDITS FAIL ON IT" if looked else ", no audit ran on it"


class RefutedBackup(_OfADrill):
    """`data` of `backup.refuted`: `why` in a sentence; `proof` None where no copy could be made to compare."""

    restore_ms: Count | None
    proof: SeenProof | None
    why: Line


class PrunedBackup(_OfABackup):
    """`data` of `backup.pruned`: it was removed from its store, and why."""

    why: Line


BackupData = CreatedBackup | VerifiedBackup | RefutedBackup | PrunedBackup
D = TypeVar("D", bound=_OfABackup)

_FORMS: Mapping[str, type[BackupData]] = {
    Kind.BACKUP_CREATED: CreatedBackup,
    Kind.BACKUP_VERIFIED: VerifiedBackup,
    Kind.BACKUP_REFUTED: RefutedBackup,
    Kind.BACKUP_PRUNED: PrunedBackup,
}

BACKUP_KINDS = frozenset(str(kind) for kind in _FORMS)
"""The kinds of records that are about backups."""


def audits_pass(audits: tuple[AuditResult, ...]) -> bool:
    """Whether the copy passes: at least one audit looked, and none found anything or could not look."""
    outcomes = {audit.outcome for audit in audits}
    return Outcome.PASS in outcomes and outcomes <= _AS_GOOD


def seen_proof(proof: Proof) -> SeenProof:
    """A proof in the form in which it is recorded."""
    document = proof.as_json()
    shortened = [{key: str(value)[:2000] for key, value in one.items()} for one in document["differences"]]
    return SeenProof.model_validate({**document, "differences": shortened})


def created_data(manifest: Manifest, store: str, summary: Mapping[str, int], tool: str) -> CreatedBackup:
    """What is recorded of a backup that was taken. `store` is the store's address, `tool` the version of pointsctl."""
    return CreatedBackup(
        backup=manifest.id,
        manifest=manifest.digest,
        store=store,
        engine=manifest.engine,
        taken_at=manifest.taken_at,
        database=manifest.database,
        stored_size=manifest.stored_size,
        database_size=manifest.database_size,
        summary=dict(summary),
        tool=tool,
    )


def draft_of(data: BackupData, environment: str, operator: str) -> Draft:
    """The record that is to be appended to the ledger of `environment`."""
    kind = next(kind for kind, form in _FORMS.items() if type(data) is form)
    taken = True if isinstance(data, CreatedBackup) else None
    return Draft(Kind(kind), environment, operator, data.model_dump(mode="json"), backup_taken=taken)


def read_backup_record(record: Record) -> BackupData:
    """What a record of a kind of `BACKUP_KINDS` says. Raises BackupRecordError for one that pointsctl would not have written."""
    try:
        return _FORMS[record.kind].model_validate(record.data)
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        message = f"record {record.seq} ({record.kind}) cannot be read: {where} is not as expected"
        raise BackupRecordError(message, hint=f"see it with `pointsctl ledger show {record.seq}`") from None
