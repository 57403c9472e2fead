"""What a gate decides from what is remembered: nothing checked, nothing missing and nothing old ever opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import ExitCode
from pointsctl.model.checklist import Item
from pointsctl.model.finding import Finding, Observation, Outcome
from pointsctl.model.gate_decision import GateDecision, Refusal
from pointsctl.model.history import History
from pointsctl.model.pin import Pin
from pointsctl.model.remembered import Asked, remembered
from pointsctl.model.run_history import SeenFinding
from pointsctl.model.statement import DatabaseName
from tests.support.runs import make_finding, make_run

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
IDS = ("a.one", "a.two", "a.three")
DEFINITION = "ab" * 32
DATABASE = DatabaseName(system_identifier="77", database_oid=16399, database="points")
PIN = Pin(name="production", database=DATABASE, protected=True, tool="0")
SAME = {"system_identifier": "77", "database_oid": 16399, "database": "points"}

ages = st.sampled_from([timedelta(seconds=-1), timedelta(), timedelta(hours=24), timedelta(hours=24, seconds=1)])


def seen(item: str, outcome: Outcome, age: timedelta, definition: str = DEFINITION, **document: Any) -> SeenFinding:
    given_document = {
        "environment": "production",
        "looked_at": SAME,
        "summary": "3 tables looked at",
        "observed": "3",
        "evidence": {"waiver": {"outcome": "fail"}},
        **document,
    }
    return SeenFinding(item, outcome, given_document, definition, "01J", 7, NOW - age, timedelta(0))


def item(item_id: str) -> Item:
    return Item.model_validate({"id": item_id, "title": f"item {item_id}", "kind": "sql_audit", "valid_for": "24h"})


def asked(item_id: str = "a.one", environment: str = "production") -> Asked:
    return Asked(item(item_id), DEFINITION, environment, "production")


def history(*findings: SeenFinding) -> History:
    return History(now=NOW, pin=PIN, findings={one.item: one for one in findings})


def decide(known: History, ids: Sequence[str] = IDS, refusals: tuple[Refusal, ...] = ()) -> GateDecision:
    findings = [made(item_id, remembered(asked(item_id), known)) for item_id in ids]
    return GateDecision(make_run(findings, environment="production"), refusals, None, "7:ab")


def made(item_id: str, observation: Observation) -> Finding:
    return replace(make_finding(id=item_id), observation=observation)


any_worlds = st.dictionaries(st.sampled_from(IDS), st.tuples(st.sampled_from(list(Outcome)), ages, st.booleans()))
# All there and passed, so that the age alone decides.
passed = st.tuples(st.just(Outcome.PASS), ages, st.just(True))
worlds = any_worlds | st.fixed_dictionaries(dict.fromkeys(IDS, passed))


def remembering(world: Mapping[str, tuple[Outcome, timedelta, bool]]) -> History:
    return history(
        *(seen(name, outcome, age, DEFINITION if same else "cd" * 32) for name, (outcome, age, same) in world.items())
    )


@given(worlds)
def test_opens_only_when_every_item_was_satisfied_lately_as_it_is(
    world: dict[str, tuple[Outcome, timedelta, bool]],
) -> None:
    fresh = {
        name: outcome if same and timedelta(0) <= age <= timedelta(hours=24) else None
        for name, (outcome, age, same) in world.items()
    }
    satisfied = set(fresh) == set(IDS) and set(fresh.values()) <= {Outcome.PASS, Outcome.SKIP}
    decision = decide(remembering(world))
    assert decision.opens == (satisfied and Outcome.PASS in fresh.values())
    assert decision.opens == (decision.exit_code is ExitCode.DONE)
    assert decision.opens or decision.pieces or set(fresh.values()) == {Outcome.SKIP}


@given(worlds, st.sampled_from(IDS))
def test_forgetting_an_item_never_opens(world: dict[str, tuple[Outcome, timedelta, bool]], name: str) -> None:
    assert not decide(remembering({key: value for key, value in world.items() if key != name})).opens


@given(worlds, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)))
def test_time_that_goes_by_never_opens_what_is_not_of_the_future(
    world: dict[str, tuple[Outcome, timedelta, bool]], later: timedelta
) -> None:
    past = {name: (outcome, abs(age), same) for name, (outcome, age, same) in world.items()}
    known = remembering(past)
    if not decide(known).opens:
        assert not decide(replace(known, now=NOW + later)).opens


def test_nothing_checked_never_opens() -> None:
    decision = decide(history(), ids=())
    assert (decision.opens, decision.exit_code) == (False, ExitCode.COULD_NOT_LOOK)


def test_a_refusal_closes_what_is_satisfied() -> None:
    known = history(*(seen(name, Outcome.PASS, timedelta(0)) for name in IDS))
    assert decide(known).opens
    refused = decide(known, refusals=(Refusal("the plan changed", "make a new one"),))
    assert (refused.opens, refused.exit_code, refused.verdict.value) == (False, ExitCode.REFUSED, "refused")


def test_an_item_may_refuse_it() -> None:
    observation = Observation.failed("it changed", observed="x", expected="y", hint="z", evidence={"refused": True})
    decision = GateDecision(make_run([made("a.one", observation)]), (), None, "")
    assert decision.exit_code is ExitCode.REFUSED


@pytest.mark.parametrize(
    ("environment", "document", "why"),
    [
        ("production", {"looked_at": {**SAME, "database_oid": 1}}, "another database"),
        ("production", {"looked_at": {**SAME, "system_identifier": "78"}}, "another database"),
        ("production", {"looked_at": None}, "does not say which database"),
        ("production", {"environment": "staging"}, "it looked at 'staging'"),
        ("staging", {"environment": "staging"}, "the same database"),
        ("staging", {"environment": "staging", "looked_at": {**SAME, "database": "x"}}, "the same database"),
    ],
)
def test_what_was_looked_at_must_be_what_is_asked_for(environment: str, document: dict[str, Any], why: str) -> None:
    known = history(seen("a.one", Outcome.PASS, timedelta(0), **document))
    observation = remembered(asked(environment=environment), known)
    assert observation.outcome is Outcome.ERROR
    assert why in observation.summary


def test_what_was_waived_is_what_it_was_before() -> None:
    observation = remembered(asked(), history(seen("a.one", Outcome.WAIVED, timedelta(0))))
    assert observation.outcome is Outcome.FAIL
    for evidence in ({}, None, {"waiver": {"outcome": "pass"}}, {"waiver": {"outcome": "error"}}):
        forged = remembered(asked(), history(seen("a.one", Outcome.WAIVED, timedelta(0), evidence=evidence)))
        assert forged.outcome is Outcome.ERROR


def test_without_the_databases_clock_or_a_ledger_nothing_counts() -> None:
    known = history(seen("a.one", Outcome.PASS, timedelta(0)))
    assert remembered(asked(), replace(known, now=None)).outcome is Outcome.ERROR
    assert remembered(asked(), None).outcome is Outcome.ERROR
    assert (
        remembered(replace(asked(), definition=""), history(seen("a.one", Outcome.PASS, timedelta(0), ""))).outcome
        is Outcome.ERROR
    )
