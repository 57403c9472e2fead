"""What people sign: canonical JSON statements, each bound to one environment, one database, one moment of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.canonical import canonical_text, utc_text
from pointsctl.model.configuration import Name
from pointsctl.model.ledger import Head
from pointsctl.model.policy import Principal
from pointsctl.model.strict_json import JsonError, parse_canonical

NAMESPACE = "pointsctl"
"""The namespace of every signature, so that a signature over a git commit or a file is none here."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Nonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, StringConstraints(max_length=4000)]
Id = Annotated[str, StringConstraints(max_length=120, pattern=r"^[a-z0-9.-]+$")]


class StatementError(PointsctlError):
    """A text is not a statement that pointsctl would have written."""

    code = "statement"


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("expected a time in UTC with Z")
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("expected a time between the years 1 and 9999 in UTC") from None
    # Milliseconds are what is written; more would not survive being read again.
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


Moment = Annotated[datetime, pydantic.AfterValidator(_utc), pydantic.PlainSerializer(utc_text, return_type=str)]


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class DatabaseName(_Strict):
    """Which database is meant, by identity: what `environment.pinned` holds."""

    system_identifier: str | None
    database_oid: int
    database: str

    def same_as(self, other: DatabaseName) -> bool:
        """Whether both are one database, whatever it is called. An identifier that could not be read may be the same."""
        hidden = self.system_identifier is None or other.system_identifier is None
        same_server = hidden or self.system_identifier == other.system_identifier
        return same_server and self.database_oid == other.database_oid


class HeadName(_Strict):
    """The ledger's last record when the statement was signed: everything before it was fixed already."""

    seq: int = pydantic.Field(ge=0)
    hash: Digest


class Statement(_Strict):
    """What every statement holds. `expires_at` None means that it does not expire."""

    SCHEMA: ClassVar[str] = ""

    environment: Name
    database: DatabaseName
    principal: Principal
    not_before: Moment
    expires_at: Moment | None
    head: HeadName
    nonce: Nonce

    def text(self) -> str:
        """The exact text that is signed: canonical JSON without a line end."""
        return canonical_text({"schema": self.SCHEMA, **self.model_dump(mode="json")})

    @property
    def ledger_head(self) -> Head:
        """The head as the ledger names it."""
        return Head(self.head.seq, self.head.hash)


class Decision(StrEnum):
    """What an approver decides; a rejection closes the gate."""

    APPROVE = "approve"
    REJECT = "reject"


class ApprovalStatement(Statement):
    """`plan` is the digest of the plan's content; `evidence` the digest of the evidence that the approver was shown."""

    SCHEMA: ClassVar[str] = "pointsctl/approval/v1"

    plan: Digest
    evidence: Digest
    role: Name
    decision: Decision
    comment: Text = ""


class EvidenceFile(_Strict):
    """A file that somebody shows as evidence; only its digest is in the ledger."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    size: int = pydantic.Field(ge=0)
    sha256: Digest


class ItemReference(_Strict):
    """An item as it was when somebody signed for it; `definition` is the digest of its definition in the checklist."""

    id: Id
    definition: Digest


class AttestationStatement(Statement):
    """A person says that items are done. `fields` are the blanks that were filled in."""

    SCHEMA: ClassVar[str] = "pointsctl/attestation/v1"

    items: tuple[ItemReference, ...] = pydantic.Field(min_length=1)
    fields: dict[Name, Text] = pydantic.Field(default_factory=dict)
    note: Text = ""
    evidence: tuple[EvidenceFile, ...] = ()


class WaiverStatement(Statement):
    """Somebody signs for going on without an item, until `expires_at`."""

    SCHEMA: ClassVar[str] = "pointsctl/waiver/v1"

    item: ItemReference
    reason: Annotated[str, StringConstraints(min_length=8, max_length=4000)]


class PolicyStatement(Statement):
    """Somebody signs for replacing the trust with digest `replaces` by the one with digest `policy`."""

    SCHEMA: ClassVar[str] = "pointsctl/policy/v1"

    replaces: Digest
    policy: Digest


class PlanStatement(Statement):
    """The operator signs for the plan that was made."""

    SCHEMA: ClassVar[str] = "pointsctl/plan-signature/v1"

    plan: Digest


class AnchorStatement(Statement):
    """Somebody signs for the head alone; it is kept outside the database."""

    SCHEMA: ClassVar[str] = "pointsctl/anchor/v1"


class RepairStatement(Statement):
    """Somebody signs for correcting the row of one migration in the history.

    `before` and `after` are digests of the statements that the row held and holds, None without a row or without statements;
    `file` is the digest of the migration file's bytes, None where it plays no part.
    """

    SCHEMA: ClassVar[str] = "pointsctl/repair/v1"

    action: Literal["applied", "reverted", "accept-drift"]
    version: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    before: Digest | None
    after: Digest | None
    file: Digest | None
    reason: Annotated[str, StringConstraints(min_length=8, max_length=4000)]


_SCHEMAS: dict[str, type[Statement]] = {
    kind.SCHEMA: kind
    for kind in (
        ApprovalStatement,
        AttestationStatement,
        WaiverStatement,
        PolicyStatement,
        PlanStatement,
        AnchorStatement,
        RepairStatement,
    )
}


def read_statement(text: str | bytes) -> Statement:
    """The statement that a signed text holds. Raises StatementError when one byte is not as pointsctl writes it."""
    try:
        value: Any = parse_canonical(text)
    except JsonError as error:
        raise StatementError(f"the statement cannot be read: {error.message}", hint=error.hint) from None
    kind = _SCHEMAS.get(value.pop("schema", "")) if isinstance(value, dict) and _schema_is_text(value) else None
    if kind is None:
        raise StatementError(
            "the text is no statement of a kind that is known", hint="was it made by a newer pointsctl?"
        )
    try:
        statement = kind.model_validate(value)
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        raise StatementError(f"the statement's {where} is not as expected", hint="its bytes were changed") from None
    plain = text.decode() if isinstance(text, bytes) else text
    if statement.text() != plain:
        raise StatementError("the statement is not written as pointsctl writes it", hint="its bytes were changed")
    return statement


def _schema_is_text(value: dict[str, Any]) -> bool:
    return isinstance(value.get("schema", ""), str)
