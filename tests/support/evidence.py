"""A project whose ledger holds a run, an attestation, an approved plan and a replaced policy; and bundles that were changed."""

from __future__ import annotations

import hashlib
import io
import os
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pointsctl import __version__
from pointsctl.ledger.bundle_zip import write_archive
from pointsctl.ledger.store import Ledger
from pointsctl.model.bundle import SUMS, sums_text
from pointsctl.model.configuration import Environment
from pointsctl.model.ledger import Draft, Head, Kind
from pointsctl.model.run_document import recorded_document
from pointsctl.model.statement import AttestationStatement, Decision, ItemReference
from pointsctl.reports.junit import Junit
from pointsctl.workflow import approve as approving
from pointsctl.workflow.create_plan import Request as PlanRequest
from pointsctl.workflow.create_plan import create_plan
from pointsctl.workflow.deployment import read_deployment
from pointsctl.workflow.export_evidence import Exported, Request, export_evidence
from pointsctl.workflow.export_in_toto import Attested, export_in_toto
from pointsctl.workflow.load_checklist import Loaded, load_checklist
from pointsctl.workflow.load_trust import load_trust
from pointsctl.workflow.sign import SigningMeans, sign_statement
from pointsctl.workflow.verify_evidence import Request as Check
from pointsctl.workflow.verify_evidence import Verified, verify_evidence
from tests.support.keys import make_key, trust_folder
from tests.support.ledgers import ADA, install
from tests.support.runs import make_failure, make_pending, make_run

GRACE, OLGA = "grace@example.test", "olga@example.test"
ENGINEERING, OPERATIONS = "engineering-lead", "operations-lead"
ROLES = {ENGINEERING: [ADA], OPERATIONS: [GRACE], "operator": [OLGA]}
NAME = "here"
VARIABLES = {"PATH": os.environ["PATH"]}
MIGRATION = "20300101000001_points.sql"
CHECKLIST = """version: 1
title: A checklist of a test
environments:
  here: {database_url: "${DATABASE_URL}"}
approvals:
  roles:
    engineering-lead: {title: Engineering lead}
    operations-lead: {title: Operations lead}
phases:
  - id: pre-deployment
    title: Before
    sections:
      - id: section
        title: A section
        items:
          - {id: team.told, title: Everybody knows, kind: attestation}
"""


class Project:
    """A checklist, a trust folder and a migration with its scripts; ada and grace approve what olga deploys."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.trust = trust_folder(folder, ROLES)
        self.migrations, self.reverse = folder / "supabase/migrations", folder / "supabase/reverse"
        for place, text in (
            (self.migrations / MIGRATION, "create table public.example (id bigint primary key);\n"),
            (self.reverse / MIGRATION, "drop table public.example;\n"),
            (self.reverse / "20300101000001_points.verify.sql", "select count(*) from public.example;\n"),
        ):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        (folder / "checklist.yaml").write_text(CHECKLIST, encoding="utf-8")
        install(url, NAME, trust=self.trust)

    def load(self) -> Loaded:
        return load_checklist(self.folder / "checklist.yaml", {"DATABASE_URL": self.url})

    @property
    def environment(self) -> Environment:
        return Environment(database_url=self.url)

    def means(self, person: str) -> SigningMeans:
        key = make_key(self.folder / "keys", person)
        return SigningMeans(key, self.folder, VARIABLES, terminal=False, new_nonce=lambda: uuid.uuid4().hex)

    def run(self, **changes: Any) -> Head:
        """Record a run with a failure and an item that waits."""
        values = {"checklist_sha256": self.load().sha256, "environment": NAME, **changes}
        document = recorded_document(make_run([make_failure(), make_pending()], **values))
        with Ledger(self.url) as ledger:
            return ledger.append(Draft(Kind.RUN_FINISHED, NAME, ADA, {"run": document}, run=document["run_id"])).head

    def append(self, draft: Draft) -> Head:
        with Ledger(self.url) as ledger:
            return ledger.append(draft).head

    def attest(self, person: str = "ada") -> Head:
        reference = ItemReference(id="team.told", definition="ab" * 32)
        with Ledger(self.url) as ledger:
            signed = sign_statement(
                ledger,
                NAME,
                load_trust(self.trust),
                self.means(person),
                lambda bindings: AttestationStatement(**bindings, items=(reference,), note="everybody knows"),
                valid_for=timedelta(hours=1),
            )
            data, who = {"statement": signed.text}, signed.statement.principal
            draft = Draft(Kind.ITEM_ATTESTED, NAME, who, data, item="team.told", signature=signed.signature)
            return ledger.append(draft).head

    def plan(self, **changed: Any) -> str:
        """Make a plan; its digest."""
        request = PlanRequest(NAME, self.environment, self.means("olga"), "0", **changed)
        with Ledger(self.url) as ledger:
            return create_plan(ledger, self.load(), request, lambda _: None).plan.digest

    def decide(self, person: str, decision: Decision = Decision.APPROVE) -> Head:
        request = approving.Request(NAME, None, None, decision, "looked at", self.means(person))
        with Ledger(self.url) as ledger:
            look = lambda: read_deployment(self.load(), NAME, self.environment, ledger, VARIABLES)  # noqa: E731
            return approving.approve(ledger, request, look, lambda _: None).recorded

    def story(self) -> str:
        """A run, an attestation, a plan that both leads approve; the plan's digest."""
        self.run()
        self.attest()
        digest = self.plan()
        self.decide("ada")
        self.decide("grace")
        return digest

    def export(self, output: Path, plan: str | None = None) -> Exported:
        return export(self.url, NAME, self.load(), output, plan)

    def attested(self, person: str = "ada") -> Attested:
        with Ledger(self.url) as ledger:
            return export_in_toto(ledger, self.load(), NAME, self.environment, None, self.means(person))


def export(url: str, name: str, loaded: Loaded, output: Path, plan: str | None = None) -> Exported:
    """Write a bundle."""
    with Ledger(url) as ledger:
        request = Request(name, plan, Junit().render, VARIABLES)
        return export_evidence(ledger, loaded, request, output, lambda _: None)


def check(path: Path, *heads: Head, policy: str | None = None) -> Verified:
    """Verify a bundle."""
    return verify_evidence(path, Check(tuple(heads), policy, Junit().render, __version__, VARIABLES), lambda _: None)


def named(verified: Verified) -> list[str]:
    """The files that differ."""
    return [one.name for one in verified.differences]


def archived(files: Mapping[str, bytes]) -> bytes:
    """The files as an archive of the one form that is accepted, whatever is in them."""
    target = io.BytesIO()
    write_archive(target, [(name, [files[name]]) for name in sorted(files)])
    return target.getvalue()


def summed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with SHA256SUMS computed anew, as somebody does who changes them with care."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, SUMS: sums_text(sums).encode()}
