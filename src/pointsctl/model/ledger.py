"""The ledger's records: one row of `migration_audit` as a value, and the rule that chains it to the one before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from pointsctl.errors import PointsctlError
from pointsctl.model.strict_json import JsonError, parse

FORMAT = 1
"""The format of the bodies that this program writes and reads."""

GENESIS = "0" * 64
"""What stands before the first record."""

_HASH = re.compile(r"[0-9a-f]{64}")
_KEYS = frozenset(
    [
        "applied_by",
        "backup_taken",
        "data",
        "environment",
        "format",
        "item",
        "kind",
        "migration_name",
        "notes",
        "plan",
        "recorded_at",
        "role",
        "run",
        "seq",
    ]
)
_TEXTS = ("applied_by", "environment", "item", "kind", "migration_name", "notes", "plan", "role", "run")


class Kind(StrEnum):
    """What a record tells; a row typed by hand is `migration.noted`."""

    LEDGER_INSTALLED = "ledger.installed"
    LEDGER_ANCHORED = "ledger.anchored"
    ENVIRONMENT_PINNED = "environment.pinned"
    MIGRATION_NOTED = "migration.noted"
    RUN_FINISHED = "run.finished"
    ITEM_ATTESTED = "item.attested"
    ITEM_WAIVED = "item.waived"
    POLICY_SIGNED = "policy.signed"
    POLICY_PINNED = "policy.pinned"
    PLAN_CREATED = "plan.created"
    PLAN_DECIDED = "plan.decided"
    BACKUP_CREATED = "backup.created"
    BACKUP_VERIFIED = "backup.verified"
    BACKUP_REFUTED = "backup.refuted"
    BACKUP_PRUNED = "backup.pruned"
    MIGRATION_PROGRESSED = "migration.progressed"
    MIGRATION_APPLIED = "migration.applied"
    MIGRATION_REPAIRED = "migration.repaired"
    REHEARSAL_FINISHED = "rehearsal.finished"
    FUNCTION_DEPLOYED = "function.deployed"
    FUNCTION_DELETED = "function.deleted"
    FUNCTION_WATCHED = "function.watched"
    PROCEDURE_STARTED = "procedure.started"
    PROCEDURE_FINISHED = "procedure.finished"
    STEP_STARTED = "step.started"
    STEP_FINISHED = "step.finished"
    STEP_FAILED = "step.failed"


class MalformedRecordError(PointsctlError):
    """A row's body is not what the ledger's trigger writes."""

    code = "malformed-record"


class Row(NamedTuple):
    """What is stored of one record. `consistent` is the server's word that the plain columns say what the body says."""

    seq: int
    kind: str
    previous_hash: str
    hash: str
    body: str
    signature: str | None
    consistent: bool = True


class Head(NamedTuple):
    """The last record of a chain (or of a part of it): everything before it is fixed by this hash."""

    seq: int
    hash: str


EMPTY = Head(0, GENESIS)


@dataclass(frozen=True)
class Record:
    """One record, read. `data` is the kind's own JSON object; `role` the database role that wrote it; `run`, `plan` and
    `item` are ids (a plan's is its digest). `recorded_at` is the database's clock.
    """

    seq: int
    recorded_at: datetime
    kind: str
    environment: str
    applied_by: str
    role: str
    migration_name: str | None
    backup_taken: bool | None
    notes: str | None
    plan: str | None
    run: str | None
    item: str | None
    data: Mapping[str, Any]
    hash: str
    signature: str | None

    @property
    def head(self) -> Head:
        """The chain up to and with this record."""
        return Head(self.seq, self.hash)


@dataclass(frozen=True)
class Draft:
    """A record that is to be appended; the database adds seq, recorded_at, role and the chain."""

    kind: Kind
    environment: str
    applied_by: str
    data: Mapping[str, Any]
    plan: str | None = None
    run: str | None = None
    item: str | None = None
    migration_name: str | None = None
    backup_taken: bool | None = None
    notes: str | None = None
    signature: str | None = None


def chain_hash(previous_hash: str, body: str) -> str:
    """SHA-256 in lower-case hex of the previous record's hash (as its 64 hex digits) followed by the body, in UTF-8."""
    return hashlib.sha256((previous_hash + body).encode()).hexdigest()


def is_hash(text: object) -> bool:
    """Whether the text has the form of a record's hash or any other SHA-256 digest."""
    return isinstance(text, str) and _HASH.fullmatch(text) is not None


def read_record(row: Row) -> Record:
    """The record of a row. Raises MalformedRecordError when its body does not say what a body must say."""
    try:
        body = parse(row.body)
    except JsonError as error:
        raise _malformed(row, error.message) from None
    if not isinstance(body, dict) or body.keys() != _KEYS:
        raise _malformed(row, "its body has other keys than a record has")
    if body["format"] != FORMAT:
        raise _malformed(row, f"its format is {body['format']!r}, this program reads {FORMAT}")
    if body["seq"] != row.seq or body["kind"] != row.kind:
        raise _malformed(row, "its columns do not say what its body says")
    wrong = [key for key in _TEXTS if not isinstance(body[key], str | None)]
    if wrong or not isinstance(body["data"], dict) or not isinstance(body["backup_taken"], bool | None):
        raise _malformed(row, f"{(wrong or ['data or backup_taken'])[0]} is of the wrong type")
    texts = {key: body[key] for key in _TEXTS if key not in {"applied_by", "environment", "role"}}
    return Record(
        seq=row.seq,
        recorded_at=_moment(row, body["recorded_at"]),
        environment=body["environment"] or "",
        applied_by=body["applied_by"] or "",
        role=body["role"] or "",
        backup_taken=body["backup_taken"],
        data=body["data"],
        hash=row.hash,
        signature=row.signature,
        **texts,
    )


def _moment(row: Row, text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) and text.endswith("Z") else None
    except ValueError:
        moment = None
    if moment is None:
        raise _malformed(row, "recorded_at is no time in UTC")
    return moment.astimezone(UTC)


def _malformed(row: Row, why: str) -> MalformedRecordError:
    return MalformedRecordError(f"record {row.seq} cannot be read: {why}", hint="run `pointsctl ledger verify`")
