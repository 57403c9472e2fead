"""The gate over a real ledger: what opens it, and every way to open it that must fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pointsctl.errors import InterruptedByOperatorError, RefusedError, UsageError
from pointsctl.ledger.store import Ledger
from pointsctl.model.finding import Outcome
from pointsctl.model.gate_decision import GateDecision
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.run_document import recorded_document
from pointsctl.model.statement import AttestationStatement, ItemReference, WaiverStatement
from pointsctl.workflow.load_trust import load_trust
from pointsctl.workflow.record_run import record_run
from pointsctl.workflow.sign import Bindings, sign_statement
from tests.support.keys import trust_folder
from tests.support.ledgers import install
from tests.support.people import ADA, EVE, FLAG, GRACE, NAME, People
from tests.support.servers import Server

ITEMS = f"""
{FLAG}
- {{id: team.told, title: Everybody knows, kind: attestation, with: {{role: operations-lead}}}}
"""
STRICT = FLAG.replace("valid_for: 1h", "valid_for: 1h, waivable: false")


@pytest.fixture
def people(tmp_path: Path, database_url: str) -> People:
    return People(tmp_path, database_url, ITEMS)


def outcomes(decision: GateDecision) -> dict[str, str]:
    return {finding.id: finding.outcome.value for finding in decision.run.findings}


def why(decision: GateDecision, item: str) -> str:
    return next(piece.why for piece in decision.pieces if piece.item == item)


def forge(people: People, *, environment: str = NAME, **changes: Any) -> None:
    """Record a run that never was, as anybody can who may write to the ledger."""
    document = recorded_document(people.look(record=False))
    finding = {**next(one for one in document["findings"] if one["id"] == "flag.on"), **changes.pop("finding", {})}
    document = {**document, "environment": environment, "findings": [finding], **changes}
    with people.ledger() as ledger:
        ledger.append(Draft(Kind.RUN_FINISHED, environment, ADA, {"run": document}))


def test_opens_when_everything_was_looked_at_and_said(people: People) -> None:
    closed = people.gate()
    assert (closed.exit_code, closed.verdict.value) == (4, "unknown")
    assert why(closed, "flag.on") == "it was never looked at, as far as the ledger knows"
    people.look()
    waiting = people.gate()
    assert (waiting.exit_code, waiting.verdict.value) == (3, "waiting")
    (piece,) = waiting.pieces
    assert (piece.item, piece.who) == ("team.told", f"operations-lead: {GRACE}")
    assert piece.command == f"pointsctl attest team.told --env {NAME}"
    people.attest("grace", "team.told")
    opened = people.gate()
    assert (opened.exit_code, opened.opens, opened.pieces) == (0, True, ())


def test_a_failure_after_a_pass_closes_and_nothing_is_looked_at(people: People) -> None:
    people.look()
    people.look(FLAG="off")
    closed = people.gate()
    assert outcomes(closed)["flag.on"] == "fail"  # although the flag is on now
    assert closed.exit_code == 1
    assert closed.pieces[0].command == f"pointsctl check run flag.on --env {NAME}"


def test_evidence_ages_by_the_databases_clock(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    people.look()
    moved = timedelta()
    now = Ledger.now

    def clock(ledger: Ledger) -> datetime:
        return now(ledger) + moved

    monkeypatch.setattr("pointsctl.ledger.store.Ledger.now", clock)
    assert outcomes(people.gate())["flag.on"] == "pass"
    moved = timedelta(hours=1, minutes=1)
    stale = people.gate()
    assert "old, and counts for 1h" in why(stale, "flag.on")
    moved = -timedelta(days=1)
    assert "of the future" in why(people.gate(), "flag.on")


def test_an_item_that_was_changed_must_be_looked_at_again(people: People) -> None:
    people.look()
    people.attest("grace", "team.told")
    people.write(ITEMS.replace("['on']", "['on', 'off']").replace("Everybody knows", "Nobody minds"))
    closed = people.gate()
    assert "definition in the checklist has changed" in why(closed, "flag.on")
    assert "definition in the checklist has changed" in why(closed, "team.told")
    assert closed.exit_code == 4


def test_words_that_only_explain_and_limits_that_are_judged_anew_change_no_definition(people: People) -> None:
    people.look()
    people.write(ITEMS.replace("The flag is on", "The flag says on").replace("valid_for: 1h", "valid_for: 2h"))
    assert outcomes(people.gate())["flag.on"] == "pass"


FORGED: list[dict[str, Any]] = [
    {"environment": "elsewhere"},
    {"finding": {"outcome": "splendid"}},
    {"finding": {"outcome": "waived"}},
    {"finding": {"definition": "ab" * 32}},
    {"finding": {"environment": "elsewhere"}},
    {"finding": {"looked_at": {"database_oid": 1, "database": "another", "system_identifier": "1"}}},
    {"finding": {"looked_at": "nothing"}},
    {"finding": {"observed": ""}},
    {"interrupted": True},
    {"findings": []},
]


def test_a_run_that_does_not_say_it_of_this_item_here_opens_nothing(people: People) -> None:
    for changes in FORGED:
        forge(people, **changes)
        assert outcomes(people.gate())["flag.on"] == "error", changes


def test_a_run_with_an_item_twice_says_nothing(people: People) -> None:
    document = recorded_document(people.look(FLAG="off"))
    findings = [{**one, "outcome": "pass"} for one in document["findings"]]
    with people.ledger() as ledger:
        run = {**document, "findings": [*findings, *findings]}
        ledger.append(Draft(Kind.RUN_FINISHED, NAME, ADA, {"run": run}))
    assert outcomes(people.gate())["flag.on"] == "fail"


def test_an_interrupted_run_is_not_recorded(people: People) -> None:
    run = replace(people.look(record=False), interrupted=True)
    with people.ledger() as ledger:
        assert record_run(ledger, run, ADA) is None


def test_a_gate_that_was_not_decided_to_its_end_is_no_closed_one(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = replace(people.surroundings(), interrupted=lambda: True)
    monkeypatch.setattr(people, "surroundings", lambda: stopped)
    with pytest.raises(InterruptedByOperatorError, match="interrupted while the gate was decided"):
        people.gate()


def test_what_happened_before_a_copy_was_adopted_is_forgotten(people: People, server: Server) -> None:
    people.look()
    people.attest("grace", "team.told")
    name = people.url.partition("@/")[2].partition("?")[0]
    with server.database(name) as copied:
        people.url = people.url.replace(name, copied)
        with pytest.raises(RefusedError, match="asked for was"):
            people.look()
        install(people.url, NAME, trust=people.trust, adopt=True)
        decision = people.gate()
        assert outcomes(decision) == {"flag.on": "error", "team.told": "pending"}


class TestWaivers:
    """Somebody signs for going on without an item."""

    def test_a_failure_is_waived_counted_and_shown(self, people: People) -> None:
        people.look(FLAG="off")
        people.attest("grace", "team.told")
        people.waive("ada", "flag.on")
        decision = people.gate()
        assert (outcomes(decision)["flag.on"], decision.exit_code) == ("waived", 0)
        (finding,) = decision.waived
        assert f"fail, waived by {ADA} until " in finding.observation.summary
        assert finding.observation.evidence["waiver"]["reason"] == "measured by hand today"
        again = people.look(FLAG="off")
        assert again.counts["waived"] == 1
        assert outcomes(people.gate())["flag.on"] == "waived"  # the run recorded it as waived

    def test_an_expired_one_counts_no_longer(self, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
        people.look(FLAG="off")
        people.waive("ada", "flag.on", until="30m")
        now = Ledger.now
        monkeypatch.setattr("pointsctl.ledger.store.Ledger.now", lambda ledger: now(ledger) + timedelta(minutes=31))
        assert outcomes(people.gate())["flag.on"] == "fail"

    def test_what_could_not_be_looked_at_is_never_waived(self, people: People) -> None:
        people.look(FLAG="off")
        people.waive("ada", "flag.on")
        people.write(ITEMS.replace("['on']", "['on', 'off']"))
        assert outcomes(people.gate())["flag.on"] == "error"

    def test_is_refused(self, people: People) -> None:
        people.look(FLAG="off")
        for person, item, until, message in (
            ("grace", "flag.on", "24h", "no role that signs waivers"),
            ("ada", "flag.on", "31d", "too far away"),
            ("ada", "flag.on", "2020-01-01", "not after now"),
            ("ada", "flag.on", "tomorrow", "is no time"),
            ("ada", "flag.of", "24h", "no item"),
        ):
            with pytest.raises((RefusedError, UsageError), match=message):
                people.waive(person, item, until)

    def test_in_advance_or_of_a_pass_is_refused(self, people: People) -> None:
        with pytest.raises(RefusedError, match="never looked at"):
            people.waive("ada", "flag.on")
        people.look()
        with pytest.raises(RefusedError, match="nothing to waive"):
            people.waive("ada", "flag.on")

    def test_what_cannot_be_waived_is_refused_and_not_waived_when_it_was_recorded_by_hand(self, people: People) -> None:
        people.write(STRICT)
        people.look(FLAG="off")
        with pytest.raises(RefusedError, match="cannot be waived"):
            people.waive("ada", "flag.on")
        sign_waiver(people, "ada")
        assert outcomes(people.gate())["flag.on"] == "fail"

    def test_one_recorded_by_hand_counts_only_within_the_rules(self, people: People) -> None:
        people.look(FLAG="off")
        sign_waiver(people, "ada", days=31)
        sign_waiver(people, "ada", days=None)
        sign_waiver(people, "eve")
        sign_waiver(people, "ada", definition="cd" * 32)
        assert outcomes(people.gate())["flag.on"] == "fail"
        sign_waiver(people, "ada")
        assert outcomes(people.gate())["flag.on"] == "waived"


def sign_waiver(people: People, person: str, *, days: int | None = 1, definition: str | None = None) -> None:
    """Record a waiver with a valid signature, without asking the program whether it is allowed."""
    reference = ItemReference(id="flag.on", definition=definition or people.loaded.definitions["flag.on"])

    def build(bindings: Bindings) -> WaiverStatement:
        return WaiverStatement(**bindings, item=reference, reason="because I say so")

    valid_for = timedelta(days=days) if days is not None else None
    with people.ledger() as ledger:
        signed = sign_statement(
            ledger, NAME, load_trust(people.trust), people.means(person), build, valid_for=valid_for
        )
        principal, data = signed.statement.principal, {"statement": signed.text}
        ledger.append(Draft(Kind.ITEM_WAIVED, NAME, principal, data, item="flag.on", signature=signed.signature))


class TestAttestations:
    """A person says so."""

    def test_without_the_role_is_refused_and_counts_for_nothing_when_recorded_by_hand(self, people: People) -> None:
        with pytest.raises(RefusedError, match=r"cannot attest team\.told"):
            people.attest("ada", "team.told")
        self.sign(people, "ada", ItemReference(id="team.told", definition=people.loaded.definitions["team.told"]))
        decision = people.gate()
        assert f"'{ADA}' holds not the role 'operations-lead'" in why(decision, "team.told")

    def test_of_another_item_or_definition_counts_for_nothing(self, people: People) -> None:
        definitions = people.loaded.definitions
        self.sign(people, "grace", ItemReference(id="flag.on", definition=definitions["team.told"]))
        self.sign(people, "grace", ItemReference(id="team.told", definition=definitions["flag.on"]))
        assert outcomes(people.gate()) == {"flag.on": "error", "team.told": "pending"}

    def test_recorded_a_second_time_counts_for_nothing(self, people: People) -> None:
        record = people.attest("grace", "team.told")
        with people.ledger() as ledger:
            ledger.append(
                Draft(Kind.ITEM_ATTESTED, NAME, GRACE, record.data, item="flag.on", signature=record.signature)
            )
        assert outcomes(people.gate()) == {"flag.on": "error", "team.told": "pass"}

    def test_counts_no_more_when_its_key_is_revoked(self, people: People) -> None:
        people.attest("grace", "team.told")
        revoked = people.folder / "keys" / "grace"
        roles = {"engineering-lead": [ADA], "operations-lead": [GRACE], "support": [EVE]}
        trust_folder(people.folder, roles, waivers=["engineering-lead"], revoked=[revoked])
        assert people.gate().exit_code == 5  # the folder is not what is in force
        assert people.signed("ada", "trust", "update").code == 0
        assert "revoked since" in why(people.gate(), "team.told")

    def test_fields_are_asked_for_and_checked_again_where_they_were_not(self, people: People) -> None:
        fields = "fields: [{name: when, type: datetime, title: When}, {name: who, type: people, title: Who}]"
        people.write(f"- {{id: team.told, title: Everybody knows, kind: attestation, {fields}}}")
        with pytest.raises(UsageError, match=r"'when' \(datetime: When\) is missing; 'who'"):
            people.attest("eve", "team.told")
        with pytest.raises(UsageError, match=r"no field 'whom' \(did you mean 'who'"):
            people.attest("eve", "team.told", whom="Ada")
        with pytest.raises(UsageError, match="expected 1 to"):
            people.attest("eve", "team.told", when="2026-01-31T08:00Z", who="Ada\x1b[2J")
        self.sign(people, "eve", ItemReference(id="team.told", definition=people.loaded.definitions["team.told"]))
        assert "is missing" in why(people.gate(), "team.told")
        people.attest("eve", "team.told", when="2026-01-31T08:00+01:00", who="Ada, Grace")
        (finding,) = people.gate().run.findings
        assert finding.observation.evidence["values"] == {"when": "2026-01-31T07:00:00.000Z", "who": "Ada, Grace"}

    @staticmethod
    def sign(people: People, person: str, reference: ItemReference) -> None:
        """Record an attestation with a valid signature, without asking the program whether it is allowed."""

        def build(bindings: Bindings) -> AttestationStatement:
            return AttestationStatement(**bindings, items=(reference,))

        with people.ledger() as ledger:
            signed = sign_statement(ledger, NAME, load_trust(people.trust), people.means(person), build, valid_for=None)
            principal, data = signed.statement.principal, {"statement": signed.text}
            ledger.append(
                Draft(Kind.ITEM_ATTESTED, NAME, principal, data, item=reference.id, signature=signed.signature)
            )


@pytest.fixture
def planned(people: People) -> People:
    people.write(
        "- {id: smoke.done, title: It works, kind: planned, with: {kind: smoke, waits_for: the scenarios, by_hand: true}}\n"
        "- {id: backup.taken, title: It is there, kind: backup, with: {proves: taken}}\n"
        "- {id: gate.backup, title: All of it, kind: gate, with: {items: [backup.taken]}}\n"
    )
    return people


def test_what_is_planned_may_be_done_by_hand_where_it_says_so(planned: People) -> None:
    assert set(outcomes(planned.gate()).values()) == {"pending"}
    planned.attest("eve", "smoke.done")
    with pytest.raises(UsageError, match=r"no person can attest backup\.taken"):
        planned.attest("eve", "backup.taken")
    assert outcomes(planned.gate())["smoke.done"] == "pass"


def test_what_an_environment_does_without_is_skipped_with_its_gates(planned: People) -> None:
    path = planned.folder / "checklist.yaml"
    path.write_text(
        path.read_text("utf-8").replace("${DATABASE_URL}", "${DATABASE_URL}\n    without: [backup]"), "utf-8"
    )
    planned.attest("eve", "smoke.done")
    decision = planned.gate()
    assert outcomes(decision) == {"smoke.done": "pass", "backup.taken": "skip", "gate.backup": "skip"}
    assert decision.run.findings[2].observation.summary == "here does without backup"
    assert decision.exit_code == 0


def test_a_trust_folder_that_is_not_in_force_refuses(people: People) -> None:
    people.look()
    people.attest("grace", "team.told")
    (people.trust / "policy.yaml").write_text("version: 1\n", encoding="utf-8")
    assert "cannot be used" in people.gate().refusals[0].why
    trust_folder(people.folder, {"engineering-lead": [ADA, EVE]})
    refused = people.gate()
    assert (refused.exit_code, refused.verdict.value, refused.opens) == (5, "refused", False)


def test_a_plan_that_is_asked_for_must_be_in_force(people: People) -> None:
    people.look()
    people.attest("grace", "team.told")
    refused = people.gate(plan="ab" * 6)
    assert (refused.exit_code, refused.refusals[0].why) == (5, f"asked for is plan {'ab' * 6}, and there is none")


def test_a_run_over_its_size_is_cut_and_says_so(people: People) -> None:
    run = people.look(record=False)
    rows = [{"object": f"public.table_{number}", "detail": "x" * 300} for number in range(5_000)]
    observation = replace(run.findings[0].observation, outcome=Outcome.FAIL, evidence={"rows": rows})
    large = replace(run, findings=(replace(run.findings[0], observation=observation), *run.findings[1:]))
    document = recorded_document(large)
    evidence = document["findings"][0]["evidence"]
    assert len(evidence["rows"]) == 3
    assert "characters of evidence were cut" in evidence["left_out"]
