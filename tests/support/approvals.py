"""Plans, decisions and deployments as values, for tests of who has approved what; nothing here is really signed."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pointsctl.model.deployment import Change, Deployment
from pointsctl.model.history import History, RecordedPlan, Signed
from pointsctl.model.ledger import Head, Kind, Record
from pointsctl.model.pin import Pin
from pointsctl.model.plan import Absent, Content, Evidence, Migration, Origin, Plan
from pointsctl.model.policy import Trust
from pointsctl.model.statement import ApprovalStatement, DatabaseName, Decision, HeadName, PlanStatement
from pointsctl.workflow.load_trust import load_trust
from tests.support.keys import trust_folder

ADA, GRACE, EDSGER, BARBARA, OLGA = (f"{name}@example.test" for name in ("ada", "grace", "edsger", "barbara", "olga"))
ENGINEERING, OPERATIONS, SECURITY = "engineering-lead", "operations-lead", "security"
ROLES = {ENGINEERING: [ADA, EDSGER], OPERATIONS: [GRACE, EDSGER], SECURITY: [BARBARA], "operator": [OLGA]}
"""edsger holds two roles; olga makes the plans."""
NAME = "production"
DATABASE = DatabaseName(system_identifier="7429", database_oid=16384, database="points")
CREATED = datetime(2026, 1, 31, 8, tzinfo=UTC)
NOW = CREATED + timedelta(hours=1)
VALID_FOR = timedelta(hours=72)
PLAN_SEQ = 5
CHANGED = Change("migration 20250725000001_points.sql", "ab" * 32, "cd" * 32)


@functools.cache
def trust(engineers: int = 1) -> Trust:
    """The trust in force: everybody has a key of their own; that many engineering leads must sign."""
    with tempfile.TemporaryDirectory(prefix="pct-trust-") as folder:
        return load_trust(trust_folder(Path(folder), ROLES, updates=[ENGINEERING], thresholds={ENGINEERING: engineers}))


def content(**changed: Any) -> Content:
    """What olga wants to deploy; two leads must sign."""
    values: dict[str, Any] = {
        "environment": NAME,
        "database": DATABASE,
        "checklist": "01" * 32,
        "migrations": (Migration(name="20250725000001_points.sql", sha256="ab" * 32, reverse=None, verify=None),),
        "functions": Absent(absent="none are configured"),
        "policy": trust().digest,
        "not_after": CREATED + timedelta(days=2),
        "operator": OLGA,
        "authors": ("linus@example.test",),
        "roles": (ENGINEERING, OPERATIONS),
    }
    return Content(**{**values, **changed})


def planned(seq: int = PLAN_SEQ, signer: str = OLGA, **changed: Any) -> RecordedPlan:
    """A recorded plan; `changed` is about its content."""
    nothing = Absent(absent="none in this test")
    plan = Plan(
        content=content(**changed),
        evidence=Evidence(run=nothing, backup=nothing, rehearsal=nothing),
        origin=Origin(commit=None, dirty=False, tool="0"),
        created_at=CREATED,
    )
    statement = PlanStatement(**_bindings(signer, seq - 1), plan=plan.digest)
    return RecordedPlan(plan, Signed(record(seq, signer, plan.digest, Kind.PLAN_CREATED), statement, "SHA256:olga"))


def decision(
    who: str,
    role: str,
    plan: RecordedPlan | None = None,
    *,
    seq: int = PLAN_SEQ + 1,
    reject: bool = False,
    objection: str = "",
    since: str = "",
    fingerprint: str | None = None,
    recorded_for: str | None = None,
    **changed: Any,
) -> Signed[ApprovalStatement]:
    """A decision in record `seq`; `changed` is about its statement."""
    about = (plan or planned()).digest
    values = {**_bindings(who, seq - 1), "plan": about, "evidence": "02" * 32, "role": role, **changed}
    values["decision"] = Decision.REJECT if reject else Decision.APPROVE
    statement = ApprovalStatement(**values)
    row = record(seq, who, statement.plan if recorded_for is None else recorded_for, Kind.PLAN_DECIDED)
    return Signed(row, statement, fingerprint or f"SHA256:{who}", objection, since, bool(since))


def deployment(
    *decisions: Signed[ApprovalStatement],
    plans: Sequence[RecordedPlan] | None = None,
    changes: tuple[Change, ...] = (),
    **changed: Any,
) -> Deployment:
    """A deployment with these decisions about the newest of `plans`; `changed` is about its history."""
    known = tuple([planned()] if plans is None else plans)
    pin = Pin(name=NAME, database=DATABASE, protected=True, tool="0")
    history = History(head=Head(99, "09" * 32), now=NOW, pin=pin, trust=trust(), plans=known, decisions=decisions)
    history = replace(history, **changed)
    return Deployment(history, history.plan, changes, VALID_FOR)


def record(seq: int, who: str, plan: str, kind: Kind) -> Record:
    """A record of the ledger."""
    return Record(
        seq=seq,
        recorded_at=CREATED + timedelta(minutes=seq),
        kind=kind,
        environment=NAME,
        applied_by=who,
        role="postgres",
        migration_name=None,
        backup_taken=None,
        notes=None,
        plan=plan,
        run=None,
        item=None,
        data={},
        hash=f"{seq:064x}",
        signature="a signature",
    )


def _bindings(who: str, head: int) -> dict[str, Any]:
    return {
        "environment": NAME,
        "database": DATABASE,
        "principal": who,
        "not_before": CREATED,
        "expires_at": CREATED + VALID_FOR,
        "head": HeadName(seq=head, hash=f"{head:064x}"),
        "nonce": f"{head:032x}",
    }
