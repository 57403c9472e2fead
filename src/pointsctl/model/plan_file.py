"""The plan's file: a plan with everything that an approver needs who has no access to the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import pydantic
from pydantic import ConfigDict

from pointsctl.model.canonical import canonical_text
from pointsctl.model.configuration import Name
from pointsctl.model.duration import Duration
from pointsctl.model.ledger import Head
from pointsctl.model.plan import FileName, Plan, PlanError
from pointsctl.model.policy import PolicyError, Trust
from pointsctl.model.policy_rules import check_trust
from pointsctl.model.statement import DatabaseName, HeadName, Moment
from pointsctl.model.strict_json import JsonError, parse

SCHEMA: Literal["pointsctl/plan-file/v1"] = "pointsctl/plan-file/v1"


@dataclass(frozen=True)
class PlanFile:
    """A plan, the trust in force, the ledger's head and its database's clock when the file was written.

    `valid_for` is how long an approval counts; `pending` names the migrations that were not applied yet. Nobody signed the
    file: what is signed for is the plan's digest, and importing the signature checks the rest against the ledger.
    """

    plan: Plan
    trust: Trust
    head: Head
    now: datetime
    valid_for: timedelta
    pending: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        """The name of the environment."""
        return self.plan.content.environment

    @property
    def database(self) -> DatabaseName:
        """The environment's database, by identity."""
        return self.plan.content.database

    def text(self) -> str:
        """The file's content: canonical JSON and a line end."""
        shape = _Shape(
            schema_=SCHEMA,
            plan=self.plan,
            trust=self.trust.as_json(),
            head=HeadName(seq=self.head.seq, hash=self.head.hash),
            now=self.now,
            environment=self.environment,
            database=self.database,
            valid_for=self.valid_for,
            pending=self.pending,
        )
        return f"{canonical_text(shape.model_dump(mode='json', by_alias=True))}\n"


class _Shape(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    # `schema` is a name of pydantic's own.
    schema_: Annotated[Literal["pointsctl/plan-file/v1"], pydantic.Field(alias="schema")]
    plan: Plan
    trust: Mapping[str, Any]
    head: HeadName
    now: Moment
    environment: Name
    database: DatabaseName
    valid_for: Duration
    pending: tuple[FileName, ...]


def read_plan_file(text: str | bytes) -> PlanFile:
    """The plan's file in this text. Raises PlanError when it cannot be read or its parts belong to different plans."""
    try:
        shape = _Shape.model_validate(parse(text))
        trust = Trust.from_json(shape.trust)
        check_trust(trust)
    except (JsonError, PolicyError) as error:
        raise _unreadable(error.message) from None
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        raise _unreadable(f"{where} is not as expected") from None
    content = shape.plan.content
    if (shape.environment, shape.database) != (content.environment, content.database):
        raise _unreadable("it names another environment or database than its plan")
    if trust.digest != content.policy:
        raise _unreadable("the policy in it is another one than its plan's")
    return PlanFile(
        plan=shape.plan,
        trust=trust,
        head=Head(shape.head.seq, shape.head.hash),
        now=shape.now,
        valid_for=shape.valid_for,
        pending=shape.pending,
    )


def _unreadable(why: str) -> PlanError:
    return PlanError(
        f"the plan's file cannot be used: {why}", hint="write it again with `pointsctl plan show --output`"
    )
