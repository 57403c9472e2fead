"""Backups in a real ledger and a real store: what opens a gate and a plan, and every way in which it closes again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pointsctl.ledger.reading import read_history
from pointsctl.model.backup import Manifest
from pointsctl.model.backup_history import BackupState
from pointsctl.model.history import History
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.plan import ProofEvidence
from pointsctl.workflow.create_plan import Request, create_plan
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.record_backup import record_pruned, record_refuted
from tests.support.ledgers import install
from tests.support.people import ADA, FLAG, NAME, VARIABLES, People
from tests.support.recorded_backups import STORE, put_verified_backup

PROVES = ("taken", "stored", "restored", "content", "retention")
ITEMS = "\n".join(
    [
        FLAG,
        *(f"- {{id: backup.{one}, title: It is {one}, kind: backup, with: {{proves: {one}}}}}" for one in PROVES),
        "- {id: team.told, title: Everybody knows, kind: attestation, needs: [backup.taken]}",
    ]
)


def configure(people: People, environment: str = "", items: str = ITEMS) -> None:
    """Write the checklist: a store beside it, and what the environment says besides."""
    people.write(items)
    path = people.folder / "checklist.yaml"
    text = path.read_text("utf-8").replace("${DATABASE_URL}", f"${{DATABASE_URL}}{environment}")
    backup = f"backup: {{store: {store_url(people)}}}\nmigrations: {{directory: migrations}}\n"
    roles = "approvals: {roles: {engineering-lead: {title: Engineering lead}}}\n"
    path.write_text(text.replace("phases:", f"{backup}{roles}phases:"), "utf-8")


def store_url(people: People) -> str:
    return (people.folder / "store").as_uri()


@pytest.fixture
def people(tmp_path: Path, database_url: str) -> People:
    people = People(tmp_path, database_url, FLAG)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/20260131000001_a.sql").write_text("create index on public.coupons (status);\n", "utf-8")
    configure(people)
    return people


def put(people: People, number: int = 0) -> Manifest:
    with people.ledger() as ledger:
        return put_verified_backup(ledger, NAME, store_url(people), number)


def outcomes(people: People) -> dict[str, str]:
    """What the gate says of each proof."""
    found = people.gate().run.findings
    return {one.id.partition(".")[2]: one.outcome.value for one in found if one.id.startswith("backup.")}


def test_a_verified_backup_opens_and_a_refuted_one_closes_at_once(people: People) -> None:
    people.look()
    assert outcomes(people) == {**dict.fromkeys(PROVES, "pending"), "retention": "error"}, "there is no store yet"
    of = put(people)
    people.look()
    assert outcomes(people) == dict.fromkeys(PROVES, "pass")
    with people.ledger() as ledger:
        drill = {"why": "a row is missing", "restored_into": "ephemeral", "server_version": 180000}
        record_refuted(ledger, NAME, of, STORE, ADA, **drill)  # type: ignore[arg-type]
    assert outcomes(people) == {**dict.fromkeys(PROVES, "pass"), "restored": "fail", "content": "fail"}


def test_what_the_store_lost_is_seen_and_a_newer_backup_is_looked_at_anew(people: People) -> None:
    of = put(people)
    people.look()
    assert outcomes(people)["taken"] == "pass"
    (people.folder / "store" / of.place_of(of.objects[0])).write_bytes(b"short")
    people.look()
    assert outcomes(people)["taken"] == "fail"
    put(people, 1)
    assert outcomes(people) == {**dict.fromkeys(PROVES, "pass"), "taken": "error", "stored": "error"}
    people.look()
    assert outcomes(people) == dict.fromkeys(PROVES, "pass")


def test_a_manifest_that_was_slipped_into_the_store_is_no_backup(people: People) -> None:
    """Whoever may write to the store and not to the ledger has nothing that counts; nor may they change what does."""
    of = put(people)
    folder = people.folder / "store" / of.folder
    other = of.model_copy(update={"database_size": 5})
    (folder / other.name.rpartition("/")[2]).write_text(other.text(), "utf-8")
    people.look()
    assert outcomes(people)["taken"] == "pass", "the recorded manifest is the one that is read"
    (folder / of.name.rpartition("/")[2]).unlink()
    people.look()
    assert outcomes(people)["taken"] == "fail"


def test_a_backup_that_was_removed_proves_nothing(people: People) -> None:
    of = put(people)
    people.look()
    with people.ledger() as ledger:
        record_pruned(ledger, NAME, of.id, of.digest, "older than 7d", ADA)
    assert outcomes(people) == {**dict.fromkeys(PROVES, "pending"), "retention": "pass"}


def test_what_the_ledger_stores_comes_back(people: People) -> None:
    of = put(people)
    with people.ledger() as ledger:
        ledger.append(Draft(Kind.BACKUP_VERIFIED, NAME, ADA, {"backup": of.id, "manifest": of.digest}))
        found = read_history(ledger, VARIABLES)
        (record,) = list(ledger.rows(kinds=[str(Kind.BACKUP_CREATED)]))
    (backup,) = found.backups
    assert (backup.state, backup.digest, backup.taken_at) == (BackupState.VERIFIED, of.digest, of.taken_at)
    assert [seq for seq, _ in found.unreadable] == [found.head.seq]
    assert '"backup_taken":true' in record.body.replace(" ", "")


def test_a_plan_carries_the_backup_and_refuses_without_one(people: People) -> None:
    configure(people, "\n    without: [rehearsal, functions]")
    people.look()

    def make_plan() -> ProofEvidence | str:
        request = Request(NAME, people.environment, people.means("eve"), "0", ("1h", "2h")[len(made)], (ADA,))
        with open_ledger(NAME, people.environment) as ledger:
            found = create_plan(ledger, people.loaded, request, lambda _: None).plan
        made.append(found.digest)
        proof = found.evidence.backup
        return proof if isinstance(proof, ProofEvidence) else proof.absent

    made: list[str] = []
    assert make_plan() == "none is recorded; run `pointsctl backup create`"
    refusal = next(one for one in people.gate(made[0][:12]).refusals if "backup" in one.why)
    assert refusal.hint == f"pointsctl backup create --env {NAME} && pointsctl backup verify --env {NAME}"
    of = put(people)
    assert not [one for one in people.gate(made[0][:12]).refusals if "backup" in one.why], "it may be refreshed"
    evidence = make_plan()
    assert isinstance(evidence, ProofEvidence)
    assert evidence.subject == of.digest
    page = people.run("plan", "show").out
    assert of.id in page
    assert "restored in 0.4s" in " ".join(page.split())
    assert people.run("plan", "show", "--json").json["plan"]["evidence"]["backup"]["subject"] == of.digest


# ---------------------------------------------------------------------------------------------------------------------
# What stands beside it at the gate
# ---------------------------------------------------------------------------------------------------------------------


def test_a_need_does_not_hide_what_an_item_lacks_itself(people: People) -> None:
    people.look()
    pieces = {piece.item: piece.command for piece in people.gate().pieces}
    assert pieces["team.told"] == f"pointsctl attest team.told --env {NAME}"
    people.attest("eve", "team.told")
    piece = next(piece for piece in people.gate().pieces if piece.item == "team.told")
    assert piece.why == "waits for backup.taken (pending)", "and said too early it does not count"


def test_the_chain_is_read_once(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    places = ("decide_gate", "deployment")
    read: list[str] = []

    def counting(place: str) -> Callable[..., History]:
        def reading(*given: Any) -> History:
            read.append(place)
            return read_history(*given)

        return reading

    for place in places:
        monkeypatch.setattr(f"pointsctl.workflow.{place}.read_history", counting(place))
    assert people.gate("ab" * 6).exit_code == 5
    assert read == ["decide_gate"]


def test_what_is_protected_needs_a_plan_whatever_the_checklist_asks_for(people: People) -> None:
    install(people.url, NAME, protected=True)
    configure(people, "\n    protected: true", FLAG)
    people.look()
    closed = people.gate()
    assert closed.exit_code == 5
    (refusal,) = closed.refusals
    assert refusal.why == f"{NAME} is protected, and there is no plan of what is to be deployed"
    assert refusal.hint == f"pointsctl plan create --env {NAME}"


def test_a_plan_without_an_item_that_waits_for_it_opens_nothing_where_it_is_protected(people: People) -> None:
    install(people.url, NAME, protected=True)
    configure(people, "\n    protected: true", FLAG)
    people.look()
    request = Request(NAME, people.environment, people.means("eve"), "0", authors=("linus@example.test",))
    with open_ledger(NAME, people.environment) as ledger:
        create_plan(ledger, people.loaded, request, lambda _: None)
    closed = people.gate()
    assert closed.exit_code == 5
    assert [one.why for one in closed.refusals if f"waits for 1 of 1 as engineering-lead: {ADA}" in one.why]
