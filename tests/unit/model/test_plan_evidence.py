"""Evidence of a plan: what is missing or stale is said, and never taken for fresh."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.history import History
from pointsctl.model.ledger import Kind
from pointsctl.model.plan import Absent, RunEvidence
from pointsctl.model.plan_evidence import evidence_of, evidence_problems
from pointsctl.model.run_history import RecordedRun
from tests.support.approvals import CREATED, NOW, OLGA, planned, record

HOUR = timedelta(hours=1)


def run(seq: int = 1, phase: str = "pre-deployment", checklist: str = "01" * 32) -> RecordedRun:
    return RecordedRun(f"run-{seq}", phase, "waiting", {"pass": 3}, checklist, record(seq, OLGA, "", Kind.RUN_FINISHED))


def problems(
    *runs: RecordedRun, now: Any = NOW, limit: timedelta = timedelta(days=1), **changed: Any
) -> tuple[str, ...]:
    plan = planned(**{"without": ("backup", "rehearsal", "functions"), **changed}).plan
    return evidence_problems(plan, History(now=now, runs=runs), now, run_fresh_for=limit, backup_fresh_for=limit)


def test_nothing_recorded_is_everything_missing() -> None:
    found = problems(without=())
    assert [one.partition(":")[0] for one in found] == [
        "no preflight run",
        "no verified backup",
        "no rehearsal",
        "no functions",
    ]


def test_an_environment_may_do_without() -> None:
    assert problems(run()) == ()
    assert problems(run(), without=("backup", "functions"))[0].startswith("no rehearsal")
    assert problems(run(), without=("rehearsal", "backup"), functions=()) == ()


def test_a_run_of_a_part_is_not_the_run() -> None:
    for phase in ("pre-deployment/backup", "pre-deployment (only a.b)", "checklist", "post-deployment"):
        assert "no preflight run" in problems(run(phase=phase))[0]
    assert isinstance(evidence_of(History(runs=(run(phase="x"),))).run, Absent)


def test_the_newest_run_counts() -> None:
    found = evidence_of(History(runs=(run(1), run(2), run(3, "x")))).run
    assert isinstance(found, RunEvidence)
    assert (found.run_id, found.seq, found.counts) == ("run-2", 2, {"pass": 3})


def test_a_run_with_another_checklist() -> None:
    assert problems(run(), run(2, checklist="02" * 32)) == (
        "the preflight run was made with another checklist than the plan's",
    )


def test_a_run_of_the_future_is_none() -> None:
    assert "in the future" in problems(run(), now=CREATED)[0]


@given(st.timedeltas(timedelta(0), timedelta(days=900)), st.timedeltas(timedelta(seconds=1), timedelta(days=900)))
def test_older_than_the_limit_is_stale_and_stays_so(age: timedelta, limit: timedelta) -> None:
    made = CREATED + timedelta(minutes=1)
    found = problems(run(), now=made + age, limit=limit)
    assert bool(found) == (age > limit)
    if found:
        assert "old, the limit is" in found[0]
        assert problems(run(), now=made + age + HOUR, limit=limit)
