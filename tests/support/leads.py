"""A project with a plan, and people who sign: as they should, and as somebody does who wants a gate to open."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pointsctl.ledger.reading import read_history
from pointsctl.ledger.signing import sign
from pointsctl.ledger.store import Ledger
from pointsctl.model.approval import Approvals, Verdict, approvals_of
from pointsctl.model.configuration import Environment
from pointsctl.model.deployment import Deployment
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.plan import Plan
from pointsctl.model.plan_file import PlanFile
from pointsctl.model.standing import Standing, standings
from pointsctl.model.statement import ApprovalStatement, Decision, HeadName, Statement
from pointsctl.workflow.approve import Asked, Request, approve
from pointsctl.workflow.create_plan import Request as PlanRequest
from pointsctl.workflow.create_plan import create_plan
from pointsctl.workflow.deployment import read_deployment
from pointsctl.workflow.load_checklist import Loaded, load_checklist
from pointsctl.workflow.record_decision import Decided
from pointsctl.workflow.sign import SigningMeans
from pointsctl.workflow.update_trust import Request as UpdateRequest
from pointsctl.workflow.update_trust import update_trust
from tests.support.approvals import ADA, ENGINEERING, ROLES
from tests.support.keys import make_key, ssh_keygen, trust_folder
from tests.support.ledgers import install

NAME = "here"
VARIABLES = {"PATH": os.environ["PATH"]}
MIGRATION = "20300101000001_points.sql"
CHECKLIST = """version: 1
title: A checklist of a test
environments:
  here:
    database_url: ${DATABASE_URL}
    protected: ${PROTECTED:-false}
approvals:
  roles:
    engineering-lead: {title: Engineering lead}
    operations-lead: {title: Operations lead}
    security: {title: Security reviewer, required: false}
phases:
  - id: pre-deployment
    title: Before
    sections:
      - id: section
        title: A section
        items:
          - {id: approval.engineering, title: The engineering lead approves, kind: approval, with: {role: engineering-lead}}
          - {id: approval.operations, title: The operations lead approves, kind: approval, with: {role: operations-lead}}
          - {id: approval.security, title: Security approves, kind: approval, with: {role: security, when_required: true}}
"""


class Leads:
    """ada and edsger lead engineering, grace and edsger operations, barbara reviews, olga deploys. `url` is the database's."""

    def __init__(self, folder: Path, url: str, **trust: Any) -> None:
        self.folder, self.url = folder, url
        self.trust = trust_folder(folder, ROLES, updates=[ENGINEERING], **trust)
        self.migrations = folder / "supabase/migrations"
        self.migrations.mkdir(parents=True)
        self.migration = self.migrations / MIGRATION
        self.migration.write_text("create table public.example (id bigint primary key);\n", encoding="utf-8")
        (folder / "checklist.yaml").write_text(CHECKLIST, encoding="utf-8")
        install(url, NAME, trust=self.trust)

    @classmethod
    def at(cls, folder: Path, url: str) -> Leads:
        """The same people where others have set up a project and a ledger."""
        leads = cls.__new__(cls)
        leads.folder, leads.url = folder, url
        return leads

    @property
    def variables(self) -> Mapping[str, str]:
        return {"DATABASE_URL": self.url}

    def load(self) -> Loaded:
        return load_checklist(self.folder / "checklist.yaml", self.variables)

    def means(self, person: str) -> SigningMeans:
        return SigningMeans(
            self.key(person), self.folder, VARIABLES, terminal=False, new_nonce=lambda: uuid.uuid4().hex
        )

    def key(self, person: str) -> Path:
        return make_key(self.folder / "keys", person)

    def look(self, ledger: Ledger) -> Deployment:
        return read_deployment(self.load(), NAME, Environment(database_url=self.url), ledger, VARIABLES)

    def deployment(self) -> Deployment:
        with Ledger(self.url) as ledger:
            return self.look(ledger)

    def approvals(self) -> Approvals:
        found = self.deployment()
        assert found.history.now is not None
        approvals = approvals_of(found, found.history.now)
        assert approvals is not None
        return approvals

    def verdict(self) -> Verdict:
        return self.approvals().verdict

    def standings(self) -> dict[int, Standing]:
        """How each decision stands, by its record."""
        found = self.deployment()
        assert found.history.now is not None
        return {one.seq: one for one in standings(found, found.history.now)}

    def plan(self, person: str = "olga", **changed: Any) -> Plan:
        """Make a plan."""
        request = PlanRequest(NAME, Environment(database_url=self.url), self.means(person), "0", **changed)
        with Ledger(self.url) as ledger:
            return create_plan(ledger, self.load(), request, lambda _: None).plan

    def replace_policy(self) -> None:
        """Both engineering leads sign for the trust folder as it is now."""
        with Ledger(self.url) as ledger:
            for person in ("ada", "edsger"):
                request = UpdateRequest(NAME, self.trust, ADA, self.means(person), timedelta(hours=1))
                update_trust(ledger, request, lambda _: None)

    def approve(
        self,
        person: str,
        role: str | None = None,
        *,
        reject: bool = False,
        comment: str = "",
        plan: str | None = None,
        consent: Callable[[Asked], None] = lambda _: None,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Decided:
        """Decide as the command does. `consent` is asked before it is signed, `meanwhile` happens while it is."""
        decision = Decision.REJECT if reject else Decision.APPROVE
        means = self.means(person)
        new_nonce = means.new_nonce
        means = replace(means, new_nonce=lambda: (meanwhile(), new_nonce())[1])
        request = Request(NAME, plan, role, decision, comment, means)
        with Ledger(self.url) as ledger:
            return approve(ledger, request, lambda: self.look(ledger), consent)

    def statement(self, person: str, role: str, **changed: Any) -> ApprovalStatement:
        """What the person would sign now; `changed` are its fields."""
        with Ledger(self.url) as ledger:
            history = read_history(ledger, VARIABLES)
        plan, now = history.plan, history.now
        assert plan is not None
        assert now is not None
        values: dict[str, Any] = {
            "environment": NAME,
            "database": plan.plan.content.database,
            "principal": f"{person}@example.test",
            "not_before": now,
            "expires_at": now + timedelta(hours=1),
            "head": HeadName(seq=history.head.seq, hash=history.head.hash),
            "nonce": uuid.uuid4().hex,
            "plan": plan.digest,
            "evidence": plan.plan.evidence.digest,
            "role": role,
            "decision": Decision.APPROVE,
        }
        return ApprovalStatement(**{**values, **changed})

    def signed(self, statement: Statement, person: str) -> str:
        """The person's signature over it."""
        return sign(statement.text(), self.key(person), VARIABLES)

    def insert(self, text: str, signature: str | None, *, applied_by: str, plan: str | None = None) -> Record:
        """Append a decision as anybody can who may insert into the table."""
        with Ledger(self.url) as ledger:
            return ledger.append(
                Draft(Kind.PLAN_DECIDED, NAME, applied_by, {"statement": text}, plan=plan, signature=signature)
            )

    def forge(self, statement: ApprovalStatement, signature: str | None = None, *, person: str | None = None) -> Record:
        """Append a decision without any of the questions; signed by the one who is named in it, or by `person`."""
        signer = person or statement.principal.partition("@")[0]
        made = signature or self.signed(statement, signer)
        return self.insert(statement.text(), made, applied_by=statement.principal, plan=statement.plan)

    def plan_file(self) -> PlanFile:
        """What `plan show --output` writes."""
        found = self.deployment()
        history, plan = found.history, found.plan
        assert plan is not None
        assert history.trust is not None
        assert history.now is not None
        return PlanFile(plan.plan, history.trust, history.head, history.now, found.valid_for)


def raw_signature(text: bytes, key: Path, folder: Path, namespace: str = "pointsctl") -> str:
    """A signature by ssh-keygen over any bytes, in any namespace."""
    message = folder / f"{uuid.uuid4().hex}.message"
    message.write_bytes(text)
    ssh_keygen("-q", "-Y", "sign", "-f", str(key), "-n", namespace, str(message))
    return message.with_name(f"{message.name}.sig").read_text(encoding="ascii")


def later(hours: float) -> datetime:
    """A time from now, by this machine's clock, which the servers of tests share."""
    return datetime.now(UTC) + timedelta(hours=hours)
