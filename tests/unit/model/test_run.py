"""A verdict is closed by default: whatever is not a pass keeps the gate shut, in whatever order it was found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import ExitCode
from pointsctl.model.finding import Outcome
from pointsctl.model.run import Verdict, decide
from tests.support.runs import make_finding, make_run

outcomes = st.lists(st.sampled_from(list(Outcome)), max_size=12)
CLOSED = {Outcome.ERROR, Outcome.FAIL, Outcome.PENDING}


@given(outcomes)
def test_ready_means_that_something_passed_and_nothing_stands_against_it(found: list[Outcome]) -> None:
    satisfied = {Outcome.PASS, Outcome.WAIVED} & set(found)
    assert (decide(found) is Verdict.READY) == (bool(satisfied) and not CLOSED & set(found))


@given(outcomes.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_of_the_outcomes_does_not_matter(both: tuple[list[Outcome], list[Outcome]]) -> None:
    assert decide(both[0]) is decide(both[1])


@given(outcomes, st.sampled_from(sorted(CLOSED)))
def test_one_more_bad_outcome_never_opens_a_gate(found: list[Outcome], worse: Outcome) -> None:
    assert decide([*found, worse]) is not Verdict.READY


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([], Verdict.UNKNOWN),
        ([Outcome.SKIP], Verdict.UNKNOWN),
        ([Outcome.PASS, Outcome.SKIP], Verdict.READY),
        ([Outcome.WAIVED], Verdict.READY),
        ([Outcome.ERROR, Outcome.FAIL, Outcome.PENDING], Verdict.UNKNOWN),
        ([Outcome.PENDING, Outcome.FAIL, Outcome.PASS], Verdict.BLOCKED),
        ([Outcome.PASS, Outcome.PENDING], Verdict.WAITING),
    ],
)
def test_the_worst_outcome_decides(found: list[Outcome], verdict: Verdict) -> None:
    assert decide(found) is verdict


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.READY, 0), (Verdict.BLOCKED, 1), (Verdict.WAITING, 3), (Verdict.UNKNOWN, 4)],
)
def test_every_verdict_has_the_exit_code_of_the_contract(verdict: Verdict, code: int) -> None:
    assert verdict.exit_code == code


def test_an_interrupted_run_knows_nothing() -> None:
    run = make_run([make_finding()], interrupted=True)
    assert (run.verdict, run.exit_code) == (Verdict.UNKNOWN, ExitCode.INTERRUPTED)


def test_counts_name_every_outcome() -> None:
    run = make_run([make_finding(), make_finding(Outcome.FAIL)])
    assert run.counts == {"pass": 1, "fail": 1, "error": 0, "pending": 0, "skip": 0, "waived": 0}
    assert run.duration_ms == 1234
    assert make_run([], finished_at=run.started_at.replace(year=2020)).duration_ms == 0
