"""The fold over the ledger's records: what counts, what is forgotten, what cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.finding import Outcome
from pointsctl.model.history import History, Signed, fold
from pointsctl.model.ledger import Kind, Record
from pointsctl.model.plan import Absent, Content, Evidence, Origin, Plan
from pointsctl.model.statement import (
    AttestationStatement,
    DatabaseName,
    HeadName,
    ItemReference,
    PlanStatement,
    Statement,
)

START = datetime(2026, 1, 31, 8, tzinfo=UTC)
DATABASE = DatabaseName(system_identifier="7512", database_oid=16384, database="points")
COMMON: dict[str, Any] = {
    "environment": "production",
    "database": DATABASE,
    "principal": "ada@example.test",
    "not_before": START,
    "expires_at": None,
    "head": HeadName(seq=0, hash="0" * 64),
    "nonce": "0" * 32,
}


def record(seq: int, kind: str, data: dict[str, Any] | None = None) -> Record:
    return Record(
        seq=seq,
        recorded_at=START + timedelta(minutes=seq),
        kind=kind,
        environment="production",
        applied_by="ada@example.test",
        role="postgres",
        migration_name=None,
        backup_taken=None,
        notes=None,
        plan=None,
        run=None,
        item=None,
        data=data or {},
        hash=f"{seq:064d}",
        signature=None,
    )


def plain(seq: int, kind: str, data: dict[str, Any] | None = None) -> Signed[Statement]:
    return Signed(record(seq, kind, data), None, None)


def finding(item: str, outcome: str, **others: Any) -> dict[str, Any]:
    return {"id": item, "outcome": outcome, "definition": "d", "finished_at": "2026-01-31T07:59:00.000Z", **others}


def run(seq: int, *findings: dict[str, Any], **others: Any) -> Signed[Statement]:
    document = {
        "run_id": f"run-{seq}",
        "phase": "pre-deployment",
        "verdict": "ready",
        "counts": {"pass": 1},
        "checklist_sha256": "0" * 64,
        "finished_at": "2026-01-31T08:00:00.000Z",
        "findings": list(findings),
        **others,
    }
    return plain(seq, Kind.RUN_FINISHED, {"run": document})


def pin(seq: int, *, copied: bool) -> Signed[Statement]:
    origin = {"name": "production", "database": DATABASE.model_dump()}
    data = {"name": "staging", "database": DATABASE.model_dump(), "protected": False, "tool": "0"}
    return plain(seq, Kind.ENVIRONMENT_PINNED, {**data, "copied_from": origin if copied else None})


def plan() -> Plan:
    content = Content(
        environment="production",
        database=DATABASE,
        checklist="a" * 64,
        migrations=(),
        functions=Absent(absent="not in this test"),
        policy="b" * 64,
        not_after=START + timedelta(days=3),
        operator="ada@example.test",
        authors=(),
        roles=("engineering-lead",),
    )
    nothing = Absent(absent="not in this test")
    evidence = Evidence(run=nothing, backup=nothing, rehearsal=nothing)
    return Plan(content=content, evidence=evidence, origin=Origin(commit=None, dirty=False, tool="0"), created_at=START)


def planned(seq: int, value: dict[str, Any], digest: str) -> Signed[Statement]:
    statement = PlanStatement(**COMMON, plan=digest)
    return Signed(record(seq, Kind.PLAN_CREATED, {"plan": value}), statement, "SHA256:x")


def test_the_newest_finding_of_an_item_is_what_is_known_of_it() -> None:
    history = fold(History(), [run(1, finding("a.b", "pass"), finding("a.c", "pass")), run(2, finding("a.b", "fail"))])
    assert {item: one.outcome for item, one in history.findings.items()} == {"a.b": Outcome.FAIL, "a.c": Outcome.PASS}
    assert [one.run_id for one in history.runs] == ["run-1", "run-2"]


def test_age_counts_from_when_the_item_was_looked_at() -> None:
    seen = fold(History(), [run(1, finding("a.b", "pass"))]).findings["a.b"]
    assert seen.age(seen.recorded_at + timedelta(minutes=5)) == timedelta(minutes=6)
    assert seen.age(seen.recorded_at - timedelta(minutes=5)) < timedelta(0)


def test_what_happened_before_a_copy_was_adopted_is_forgotten() -> None:
    before = [run(1, finding("a.b", "pass")), planned(2, plan().model_dump(mode="json"), plan().digest)]
    assert fold(History(), [*before, pin(3, copied=False)]).plan is not None
    adopted = fold(History(), [*before, pin(3, copied=True)])
    assert adopted == History()


@pytest.mark.parametrize(
    "entry",
    [
        run(1, finding("a.b", "wonderful")),
        run(1, finding("a.b", "pass", finished_at="2026-01-31T08:00:00")),
        run(1, finding("a.b", "pass", finished_at=7)),
        run(1, {"id": "a.b", "outcome": "pass"}),
        run(1, finding("a.b", "pass"), counts=[]),
        run(1, finding("a.b", "pass"), findings=None),
        plain(1, Kind.RUN_FINISHED, {"run": None}),
        plain(1, Kind.RUN_FINISHED),
        plain(1, Kind.PLAN_DECIDED),
        plain(1, Kind.ITEM_ATTESTED, {"statement": "{}"}),
        planned(1, {}, "a" * 64),
        planned(1, plan().model_dump(mode="json"), "a" * 64),
    ],
)
def test_what_cannot_be_read_counts_for_nothing_and_is_named(entry: Signed[Statement]) -> None:
    history = fold(History(), [entry])
    assert (history.findings, history.runs, history.plans, history.attestations) == ({}, (), (), {})
    assert [seq for seq, _ in history.unreadable] == [1]


def test_a_plan_that_does_not_count_supersedes_nothing() -> None:
    good = planned(1, plan().model_dump(mode="json"), plan().digest)
    bad = Signed(
        record(2, Kind.PLAN_CREATED, dict(good.record.data)), good.statement, None, objection="it is not signed"
    )
    newest = fold(History(), [good, bad]).plan
    assert newest is not None
    assert newest.signed.record.seq == 1


def test_a_superseded_plan_does_not_come_back_when_the_newer_one_no_longer_counts() -> None:
    good = planned(1, plan().model_dump(mode="json"), plan().digest)
    data = dict(good.record.data)
    newer = Signed(record(2, Kind.PLAN_CREATED, data), good.statement, "SHA256:y", since="its key was revoked since")
    assert fold(History(), [good, newer]).plan is None


def test_one_statement_for_several_items() -> None:
    items = tuple(ItemReference(id=name, definition="a" * 64) for name in ("a.b", "a.c"))
    statement = AttestationStatement(**COMMON, items=items)
    entry = Signed(record(1, Kind.ITEM_ATTESTED), statement, "SHA256:x")
    history = fold(History(), [entry])
    assert {name: len(found) for name, found in history.attestations.items()} == {"a.b": 1, "a.c": 1}


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)
    )
)
def test_no_run_document_breaks_the_fold(document: Any) -> None:
    history = fold(History(), [plain(1, Kind.RUN_FINISHED, {"run": document})])
    assert not history.findings


def test_one_byte_of_the_content_is_another_plan() -> None:
    one = plan()
    other = one.model_copy(update={"content": one.content.model_copy(update={"checklist": "c" * 64})})
    refreshed = one.model_copy(update={"note": "a fresh backup", "created_at": START + timedelta(days=1)})
    assert other.digest != one.digest
    assert refreshed.digest == one.digest
