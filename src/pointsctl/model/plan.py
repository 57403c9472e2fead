"""The plan: what is to be deployed, fixed by digest. Its content is what leads sign; its evidence is what they were shown."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.canonical import canonical_text, digest
from pointsctl.model.configuration import Name, Without
from pointsctl.model.policy import Principal
from pointsctl.model.statement import DatabaseName, Digest, Moment

SHORT = 12
"""Hex digits of a digest that people compare by eye; commands accept any unambiguous beginning of this length or longer."""

FileName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Line = Annotated[str, StringConstraints(max_length=400)]


class PlanError(PointsctlError):
    """A recorded plan, or a plan's file, cannot be read."""

    code = "plan"


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Absent(_Strict):
    """Something that a plan could hold and does not; `absent` says why."""

    absent: Annotated[str, StringConstraints(min_length=3, max_length=400)]


class Migration(_Strict):
    """A migration file, and what undoes and verifies it; digests of the files' bytes, None where there is no such file."""

    name: FileName
    sha256: Digest
    reverse: Digest | None
    verify: Digest | None


class Bundle(_Strict):
    """An edge function's bundle."""

    name: Name
    sha256: Digest


class Content(_Strict):
    """What voids every approval when one byte of it changes.

    `checklist` is the digest of the file, `policy` of the trust in force; `operator` made the plan and will deploy it;
    `authors` are the addresses of those who wrote what is deployed; `roles` must all sign, `security_because` says why a
    security review is among them; `without` is what an environment that is not protected does without.
    """

    environment: Name
    database: DatabaseName
    checklist: Digest
    migrations: tuple[Migration, ...]
    functions: tuple[Bundle, ...] | Absent
    policy: Digest
    not_after: Moment
    operator: Principal
    authors: tuple[Line, ...]
    roles: tuple[Name, ...] = pydantic.Field(min_length=1)
    security_because: tuple[Line, ...] = ()
    without: tuple[Without, ...] = ()

    def text(self) -> str:
        """The canonical JSON of it, whose SHA-256 is the plan's digest."""
        return canonical_text({"schema": "pointsctl/plan-content/v1", **self.model_dump(mode="json")})

    @property
    def digest(self) -> str:
        """The plan's digest, under which it is approved."""
        return hashlib.sha256(self.text().encode()).hexdigest()


class RunEvidence(_Strict):
    """A run that the approvers were shown: its record in the ledger, and what it amounted to."""

    run_id: Annotated[str, StringConstraints(max_length=40)]
    seq: int
    hash: Digest
    phase: Line
    verdict: Line
    counts: dict[str, int]
    recorded_at: Moment


class ProofEvidence(_Strict):
    """A record of the ledger that proves something (a verified backup, a rehearsal).

    `subject` is the digest of what is proven (a backup's manifest); `since` is when its age begins, where that is not when it
    was recorded: a backup is as old as the moment of the database that it holds.
    """

    seq: int
    hash: Digest
    summary: Line
    recorded_at: Moment
    subject: Digest | None = None
    since: Moment | None = None

    @property
    def counts_from(self) -> datetime:
        """When its age begins."""
        return self.since or self.recorded_at


class Evidence(_Strict):
    """What the approvers were shown; it may be refreshed, and must be there and fresh when a gate is asked."""

    run: RunEvidence | Absent
    backup: ProofEvidence | Absent
    rehearsal: ProofEvidence | Absent

    @property
    def digest(self) -> str:
        """The evidence as it was shown."""
        return digest({"schema": "pointsctl/plan-evidence/v1", **self.model_dump(mode="json")})


class Origin(_Strict):
    """Where the plan was made: git commit (None outside a repository), whether files differ from it, version of pointsctl."""

    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")] | None
    dirty: bool
    tool: Line


class Plan(_Strict):
    """A plan as it is recorded. `created_at` is the database's clock; `note` is what the operator wants the leads to know."""

    content: Content
    evidence: Evidence
    origin: Origin
    created_at: Moment
    note: Annotated[str, StringConstraints(max_length=2000)] = ""

    @property
    def digest(self) -> str:
        """The digest of the content."""
        return self.content.digest

    @property
    def short(self) -> str:
        """The beginning of the digest, as people name the plan."""
        return self.digest[:SHORT]


def read_plan(value: Any) -> Plan:
    """The plan that a record or a file holds. Raises PlanError."""
    try:
        return Plan.model_validate(value)
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        raise PlanError(f"the plan cannot be read: {where} is not as expected", hint="its bytes were changed") from None
