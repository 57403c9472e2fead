"""Kind `approval`: passes for a plan that was signed, fails for one that is refused, and waits for everything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pointsctl.checks.approval import Approval
from pointsctl.errors import CouldNotLookError
from pointsctl.model.deployment import Deployment
from pointsctl.model.finding import Observation, Outcome
from tests.contract.checks_contract import Case, CheckContract
from tests.support.approvals import (
    ADA,
    CHANGED,
    EDSGER,
    ENGINEERING,
    GRACE,
    OPERATIONS,
    SECURITY,
    decision,
    deployment,
    planned,
)
from tests.support.world import make_world

SIGNED = decision(ADA, ENGINEERING, seq=6)


def case(folder: Path, found: Deployment | None, **parameters: object) -> Case:
    world = replace(make_world(folder, environment="production"), deployment=lambda: found, target="production")
    return Case({"role": ENGINEERING, **parameters}, world)


def look(folder: Path, found: Deployment | None, **parameters: object) -> Observation:
    return case(folder, found, **parameters).look("approval")


class TestApproval(CheckContract):
    kind = "approval"

    @pytest.fixture
    def clean(self, tmp_path: Path) -> Case:
        return case(tmp_path, deployment(SIGNED))

    @pytest.fixture
    def violating(self, tmp_path: Path) -> Case:
        return case(tmp_path, deployment(SIGNED, changes=(CHANGED,)))

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Case:
        return case(tmp_path, deployment(SIGNED, now=None))


def test_it_waits_and_says_for_whom_and_how(tmp_path: Path) -> None:
    found = look(tmp_path, deployment())
    assert found.outcome is Outcome.PENDING
    assert found.evidence["waits_for"] == [ADA, EDSGER]
    assert found.hint == f"pointsctl approve {planned().plan.short} --env production --role {ENGINEERING}"


@pytest.mark.parametrize(("found", "command"), [(None, "init"), (deployment(plans=()), "plan create")])
def test_before_there_is_anything_to_approve_it_waits(tmp_path: Path, found: Deployment | None, command: str) -> None:
    for when_required in (False, True):
        seen = look(tmp_path, found, when_required=when_required)
        assert seen.outcome is Outcome.PENDING
        assert seen.hint == f"pointsctl {command} --env production"


def test_a_change_says_what_changed_and_which_approvals_died(tmp_path: Path) -> None:
    seen = look(tmp_path, deployment(SIGNED, changes=(CHANGED,)))
    assert CHANGED.what in seen.summary
    assert seen.evidence["refused"] is True
    assert [one["principal"] for one in seen.evidence["died"]] == [ADA]


def test_a_rejection_in_any_role_fails_every_role(tmp_path: Path) -> None:
    found = deployment(SIGNED, decision(GRACE, OPERATIONS, seq=7, reject=True, comment="no"))
    for role, when_required in ((ENGINEERING, False), (OPERATIONS, False), (SECURITY, True)):
        seen = look(tmp_path, found, role=role, when_required=when_required)
        assert (seen.outcome, seen.evidence["refused"]) == (Outcome.FAIL, True)


def test_what_the_plan_does_not_ask_for_is_skipped_only_where_that_is_meant(tmp_path: Path) -> None:
    assert look(tmp_path, deployment(SIGNED), role=SECURITY, when_required=True).outcome is Outcome.SKIP
    assert look(tmp_path, deployment(SIGNED), role=SECURITY).outcome is Outcome.FAIL
    plan = planned(roles=(ENGINEERING, SECURITY))
    assert look(tmp_path, deployment(plans=[plan]), role=SECURITY, when_required=True).outcome is Outcome.PENDING


def test_nobody_waives_it_and_a_gate_asks_it_as_it_is() -> None:
    assert Approval.never_waived
    assert Approval.reads_the_ledger


def test_a_ledger_that_cannot_be_believed_is_an_error(tmp_path: Path) -> None:
    def damaged() -> Deployment:
        raise CouldNotLookError("the ledger is damaged", hint="look")

    world = replace(make_world(tmp_path), deployment=damaged)
    with pytest.raises(CouldNotLookError):
        Case({"role": ENGINEERING}, world).look("approval")
