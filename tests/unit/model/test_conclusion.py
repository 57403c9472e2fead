"""The last sentence of a report says the verdict, why, and what to do now."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsctl.model.conclusion import by_section, conclusion, counts_line, elapsed, nothing_looked_at, to_mend
from pointsctl.model.finding import Finding, Outcome, Severity
from tests.support.runs import make_finding, make_run

ANY_RUN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PASS, FAIL, ERROR, PENDING, SKIP, WAIVED = (make_finding(outcome) for outcome in Outcome)
MINOR = make_finding(Outcome.FAIL, severity=Severity.MINOR, id="a.minor")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([PASS, PASS, WAIVED, SKIP], "ready: {}: 2 passed, 1 waived, 1 skipped"),
        ([PASS, FAIL], "blocked: {}: 1 critical failure; mend it and run again"),
        ([FAIL, FAIL, PENDING], "blocked: {}: 2 critical failures; mend them and run again"),
        ([MINOR, FAIL, MINOR], "blocked: {}: 3 failures, 1 of them critical; mend them and run again"),
        ([PENDING], "waiting: {}: 1 item waits for a person or for a later step"),
        ([PASS, PENDING, PENDING], "waiting: {}: 2 items wait for a person or for a later step"),
        ([PASS, ERROR], "unknown: {}: 1 item could not be looked at; mend what is in the way and run again"),
        (
            [ERROR, ERROR, FAIL],
            "unknown: {}: 2 items could not be looked at and 1 critical failure; mend what is in the way and run again",
        ),
        ([], "unknown: {}: nothing was looked at; choose items that exist"),
        ([SKIP], "unknown: {}: nothing was looked at, 1 item skipped; choose items that apply to sandbox"),
    ],
)
def test_conclusion(findings: list[Finding], expected: str) -> None:
    assert conclusion(make_run(findings)) == expected.format("pre-deployment on sandbox")


@ANY_RUN
@given(st.lists(st.sampled_from([PASS, FAIL, ERROR, PENDING, SKIP, WAIVED, MINOR])), st.booleans())
def test_conclusion_begins_with_the_verdict(findings: list[Finding], interrupted: bool) -> None:
    run = make_run(findings, interrupted=interrupted)
    assert conclusion(run).startswith(f"{run.verdict.value}: ")
    assert ("interrupted" in conclusion(run)) == interrupted


@pytest.mark.parametrize(("findings", "nothing"), [([], True), ([SKIP], True), ([ERROR], False), ([PASS], False)])
def test_nothing_looked_at(findings: list[Finding], nothing: bool) -> None:
    assert nothing_looked_at(make_run(findings)) is nothing


def test_counts_name_every_outcome() -> None:
    assert counts_line(make_run([PASS, FAIL])) == "1 pass, 1 fail, 0 error, 0 pending, 0 skip, 0 waived"


def test_most_severe_is_mended_first() -> None:
    assert to_mend(make_run([MINOR, PASS, FAIL, PENDING, ERROR])) == (FAIL, ERROR, MINOR)


def test_sections_are_kept_together() -> None:
    first, second, third = (make_finding(section=name) for name in ("a", "b", "a"))
    assert by_section(make_run([first, second, third])) == {"a": [first, third], "b": [second]}


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (59_900, "59.9 s"), (60_000, "1 min 0 s"), (184_000, "3 min 4 s")],
)
def test_elapsed(milliseconds: int, text: str) -> None:
    assert elapsed(milliseconds) == text
