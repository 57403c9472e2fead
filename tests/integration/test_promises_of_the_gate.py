"""What closes a gate closes it: attacks on the promises that a gate, a plan and what people write make together."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pointsctl.errors import RefusedError
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.plan import RunEvidence
from pointsctl.model.run_document import recorded_document
from pointsctl.model.statement import Decision
from pointsctl.workflow.create_plan import Request, create_plan
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.update_trust import Request as UpdateRequest
from pointsctl.workflow.update_trust import update_trust
from tests.support.keys import trust_folder
from tests.support.leads import Leads
from tests.support.ledgers import install
from tests.support.people import ADA, EVE, FLAG, GRACE, NAME, People

APPROVAL = "- {id: approval.engineering, title: Engineering, kind: approval, with: {role: engineering-lead}}"
TOLD = "- {id: team.told, title: Everybody knows, kind: attestation}"
SETTINGS = """approvals:
  roles:
    engineering-lead: {title: Engineering lead}
migrations: {directory: migrations, reverse_directory: reverse}
phases:"""
WITHOUT = "without: [backup, rehearsal, functions]"


@pytest.fixture
def people(tmp_path: Path, database_url: str) -> People:
    """Eve deploys a migration that ada must approve."""
    people = People(tmp_path, database_url, FLAG)
    (tmp_path / "migrations").mkdir()
    migrate(people, "create index on public.coupons (status);\n")
    write(people, FLAG, APPROVAL)
    return people


def migrate(people: People, text: str) -> None:
    """What the only migration does."""
    (people.folder / "migrations/20260131000001_coupons.sql").write_text(text, encoding="utf-8")


def write(people: People, *items: str, settings: str = WITHOUT) -> None:
    """Replace the checklist; `settings` are the environment's."""
    people.write("\n".join(items))
    path = people.folder / "checklist.yaml"
    text = path.read_text("utf-8").replace("phases:", SETTINGS)
    path.write_text(text.replace("${DATABASE_URL}", f"${{DATABASE_URL}}\n    {settings}"), "utf-8")


def plan(people: People) -> str:
    """The digest of a plan by eve, in force."""
    people.look()
    request = Request(NAME, people.environment, people.means("eve"), "0", authors=("linus@example.test",))
    with open_ledger(NAME, people.environment) as ledger:
        return create_plan(ledger, people.loaded, request, lambda _: None).plan.digest


def test_a_checklist_from_which_the_approvals_were_taken_out_opens_nothing(people: People) -> None:
    plan(people)
    assert people.gate().exit_code == 3
    write(people, FLAG)
    closed = people.gate()
    assert closed.exit_code == 5
    assert "the checklist changed" in closed.refusals[0].why


def test_a_role_that_the_checklist_asks_for_and_no_item_waits_for(people: People) -> None:
    write(people, FLAG)
    closed = people.gate(plan(people)[:12])
    assert closed.exit_code == 5
    assert f"waits for 1 of 1 as engineering-lead: {ADA}" in closed.refusals[0].why


def test_a_review_that_the_machine_asks_for_and_no_item_waits_for(people: People) -> None:
    roles = {"engineering-lead": [ADA], "security": [GRACE], "support": [EVE]}
    trust = trust_folder(people.folder, roles)
    with people.ledger() as ledger:
        request = UpdateRequest(NAME, trust, ADA, people.means("ada"), timedelta(hours=1))
        update_trust(ledger, request, lambda _: None)
    migrate(people, "grant select on public.coupons to anon;\n")
    plan(people)
    assert people.signed("ada", "approve", "--yes").code == 0
    closed = people.gate()
    assert closed.exit_code == 5
    assert f"waits for 1 of 1 as security: {GRACE}" in closed.refusals[0].why
    assert people.signed("grace", "approve", "--yes").code == 0
    assert people.gate().exit_code == 0


def test_what_is_pinned_as_protected_is_not_declared_otherwise(people: People) -> None:
    """By a variable, an edited line, or to do without what a protected environment needs."""
    install(people.url, NAME, protected=True)
    with pytest.raises(RefusedError, match="pinned as protected"):
        people.gate()
    write(people, FLAG, settings="protected: ${PROTECTED}")
    assert people.run("gate", "pre-deployment/section", PROTECTED="true").code == 4
    for command in (("gate", "pre-deployment"), ("preflight",)):
        refused = people.run(*command, PROTECTED="false")
        assert refused.code == 5
        assert "pinned as protected" in refused.err


@pytest.mark.parametrize("change", [{"run_id": "x" * 41}, {"verdict": "x" * 401}])
def test_a_run_that_no_plan_could_hold_spoils_no_plan(people: People, change: dict[str, Any]) -> None:
    document = {**recorded_document(people.look()), **change}
    with people.ledger() as ledger:
        whole = ledger.head().seq
        ledger.append(Draft(Kind.RUN_FINISHED, NAME, ADA, {"run": document}))
        request = Request(NAME, people.environment, people.means("eve"), "0", authors=("linus@example.test",))
        evidence = create_plan(ledger, people.loaded, request, lambda _: None).plan.evidence
    assert isinstance(evidence.run, RunEvidence)
    assert evidence.run.seq == whole


def test_what_a_signer_wrote_by_hand_is_never_echoed_raw(people: People) -> None:
    plan(people)
    leads = Leads.at(people.folder, people.url)
    hostile = "no\x1b[2J\x1b]0;owned\x07\u202e\r\nplan approved"
    rejection = {"decision": Decision.REJECT, "expires_at": None, "comment": hostile}
    record = leads.forge(leads.statement("ada", "engineering-lead", **rejection))
    for command in (
        ("gate", "pre-deployment"),
        ("plan", "show"),
        ("approvals", "list"),
        ("approvals", "list", "--json"),
        ("approvals", "verify", "--show-commands"),
        ("ledger", "show", str(record.seq)),
        ("preflight",),
    ):
        said = people.run(*command, COLUMNS="40")
        assert not set("\x1b\x07\u202e\r") & set(said.out + said.err), command


@pytest.mark.parametrize("text", ["\udcff is no text", "x" * 5000])
def test_a_text_that_cannot_be_kept_is_refused_in_words(people: People, text: str) -> None:
    write(people, FLAG, TOLD, APPROVAL)
    for command in (
        ("plan", "create", "--author", "linus@example.test", "--note", text),
        ("attest", "team.told", "--note", text),
        ("waive", "team.told", "--until", "1h", "--reason", text),
        ("approve", "--yes", "--comment", text),
    ):
        said = people.signed("ada", *command)
        assert (said.code, "expected" in said.err) == (2, True), (command, said.err)
