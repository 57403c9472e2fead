"""The predicate about an approved plan: the records that say so, the policy by which they count, and a summary of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import pydantic
from pydantic import ConfigDict

from pointsctl.model.approval import Approvals, RoleApproval
from pointsctl.model.canonical import jsonable, utc_text
from pointsctl.model.configuration import Name
from pointsctl.model.ledger import Head, Row
from pointsctl.model.policy import Principal, Trust
from pointsctl.model.statement import DatabaseName, Digest, HeadName, Moment


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Record(_Strict):
    seq: Annotated[int, pydantic.Field(gt=0)]
    kind: str
    previous_hash: Digest
    hash: Digest
    body: str
    signature: str | None


class Grounds(_Strict):
    """What a predicate rests on; everything else in it follows from this.

    `records` are the plan's and its decisions'; `trust` the policy in force; `approvedAt` the moment, by the database's
    clock, at which the plan was approved under it; `ledgerHead` the last record then; `issuer` signs the envelope;
    `validForSeconds` how long an approval may count, as the plan's checklist says.
    """

    environment: Name
    database: DatabaseName
    ledgerHead: HeadName  # noqa: N815  (in-toto asks for lowerCamelCase)
    approvedAt: Moment  # noqa: N815
    issuer: Principal
    validForSeconds: Annotated[int, pydantic.Field(gt=0, le=10**9)]  # noqa: N815
    trust: dict[str, Any]
    records: tuple[_Record, ...] = pydantic.Field(min_length=1)

    @property
    def valid_for(self) -> timedelta:
        """How long an approval may count."""
        return timedelta(seconds=self.validForSeconds)

    def rows(self) -> list[Row]:
        """The records as rows."""
        return [Row(one.seq, one.kind, one.previous_hash, one.hash, one.body, one.signature) for one in self.records]


@dataclass(frozen=True)
class Issued:
    """When, at which head, and by whom a predicate is issued."""

    at: datetime
    head: Head
    issuer: str


def grounds_of(
    environment: str, database: DatabaseName, issued: Issued, valid_for: timedelta, trust: Trust, rows: Sequence[Row]
) -> Grounds:
    """The grounds of a predicate."""
    return Grounds(
        environment=environment,
        database=database,
        ledgerHead=HeadName(seq=issued.head.seq, hash=issued.head.hash),
        approvedAt=issued.at,
        issuer=issued.issuer,
        validForSeconds=int(valid_for.total_seconds()),
        trust=trust.as_json(),
        records=tuple(map(_record, rows)),
    )


def _record(row: Row) -> _Record:
    return _Record(
        seq=row.seq,
        kind=row.kind,
        previous_hash=row.previous_hash,
        hash=row.hash,
        body=row.body,
        signature=row.signature,
    )


def predicate_of(grounds: Grounds, approvals: Approvals, trust: Trust) -> dict[str, Any]:
    """The predicate: its grounds, and what follows from them in the words of policy engines."""
    summary = {
        "plan": approvals.plan.digest,
        "policy": trust.digest,
        "verdict": approvals.verdict.value,
        "roles": [_role(one) for one in approvals.roles],
    }
    document: dict[str, Any] = jsonable({**grounds.model_dump(mode="json"), **summary})
    return document


def read_grounds(predicate: Mapping[str, Any]) -> Grounds | None:
    """The grounds that a predicate states, or None when it states none."""
    try:
        return Grounds.model_validate({name: predicate.get(name) for name in Grounds.model_fields})
    except pydantic.ValidationError:
        return None


def _role(role: RoleApproval) -> dict[str, Any]:
    approvals = [
        {
            "principal": one.statement.principal,
            "keyFingerprint": one.signed.fingerprint,
            "record": one.seq,
            "recordedAt": utc_text(one.signed.record.recorded_at),
            "signedAt": utc_text(one.statement.not_before),
            "expiresAt": utc_text(one.statement.expires_at) if one.statement.expires_at else None,
        }
        for one in role.filled_by
    ]
    return {"role": role.role, "needed": role.needed, "approvals": approvals}
