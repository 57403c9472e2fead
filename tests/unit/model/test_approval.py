"""Who has approved what: every reason for which a decision does not count, and that nothing but approvals opens a plan."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.approval import Verdict, approvals_of, objection, open_roles
from pointsctl.model.deployment import Deployment
from pointsctl.model.history import Signed
from pointsctl.model.signature import KEY_REVOKED
from pointsctl.model.standing import State, standings
from pointsctl.model.statement import ApprovalStatement, Decision
from tests.support.approvals import (
    ADA,
    BARBARA,
    CHANGED,
    CREATED,
    EDSGER,
    ENGINEERING,
    GRACE,
    NOW,
    OLGA,
    OPERATIONS,
    PLAN_SEQ,
    ROLES,
    SECURITY,
    VALID_FOR,
    decision,
    deployment,
    planned,
    trust,
)

MALLORY = "mallory@example.test"
BOTH = (decision(ADA, ENGINEERING, seq=6), decision(GRACE, OPERATIONS, seq=7))
APPROVE, REJECT = Decision.APPROVE, Decision.REJECT


def verdict(found: Deployment, now: Any = NOW) -> Verdict | None:
    approvals = approvals_of(found, now)
    return approvals.verdict if approvals else None


def only(found: Deployment, now: Any = NOW) -> tuple[State, str]:
    (standing,) = standings(found, now)
    return standing.state, standing.why


# ---------------------------------------------------------------------------------------------------------------------
# What opens


def test_two_people_in_two_roles_approve_a_plan() -> None:
    approvals = approvals_of(deployment(*BOTH), NOW)
    assert approvals is not None
    assert approvals.verdict is Verdict.APPROVED
    assert [(one.role, [who.statement.principal for who in one.filled_by]) for one in approvals.roles] == [
        (ENGINEERING, [ADA]),
        (OPERATIONS, [GRACE]),
    ]


def test_without_a_plan_there_is_nothing_to_approve() -> None:
    assert approvals_of(deployment(*BOTH, plans=()), NOW) is None
    assert only(deployment(BOTH[0], plans=()))[0] is not State.VALID


def test_a_plan_that_nobody_must_sign_is_not_approved() -> None:
    approvals = approvals_of(deployment(*BOTH), NOW)
    assert approvals is not None
    assert replace(approvals, roles=()).verdict is Verdict.WAITING


def test_what_is_missing_names_who_can_supply_it_and_how() -> None:
    approvals = approvals_of(deployment(BOTH[0]), NOW)
    assert approvals is not None
    assert approvals.verdict is Verdict.WAITING
    waiting = approvals.role(OPERATIONS)
    assert waiting is not None
    assert (waiting.missing, waiting.candidates) == (1, (GRACE, EDSGER))
    assert waiting.command == f"pointsctl approve {planned().plan.short} --env production --role {OPERATIONS}"


def test_one_person_fills_one_role_only() -> None:
    twice = (decision(EDSGER, ENGINEERING, seq=6), decision(EDSGER, OPERATIONS, seq=7))
    assert verdict(deployment(*twice)) is Verdict.WAITING
    assert verdict(deployment(*twice, decision(ADA, ENGINEERING, seq=8))) is Verdict.APPROVED


def test_a_signature_fills_the_role_that_it_names_and_no_other_that_its_signer_holds() -> None:
    assert verdict(deployment(BOTH[0], decision(EDSGER, ENGINEERING, seq=8))) is Verdict.WAITING


def test_the_same_person_with_two_keys_counts_once() -> None:
    two = trust(engineers=2)
    plan = planned(policy=two.digest)
    signed = [
        decision(ADA, ENGINEERING, plan, seq=6, fingerprint="SHA256:one"),
        decision(ADA, ENGINEERING, plan, seq=7, fingerprint="SHA256:two"),
        decision(GRACE, OPERATIONS, plan, seq=8),
    ]
    assert verdict(deployment(*signed, plans=[plan], trust=two)) is Verdict.WAITING
    signed.append(decision(EDSGER, ENGINEERING, plan, seq=9))
    assert verdict(deployment(*signed, plans=[plan], trust=two)) is Verdict.APPROVED


def test_two_people_with_one_key_are_none() -> None:
    shared = [replace(one, fingerprint="SHA256:shared") for one in BOTH]
    found = deployment(*shared)
    assert verdict(found) is Verdict.WAITING
    assert {one.state for one in standings(found, NOW)} == {State.TAMPERED}


# ---------------------------------------------------------------------------------------------------------------------
# Why a decision does not count


@pytest.mark.parametrize(
    ("changed", "state", "why"),
    [
        ({"objection": "other bytes were signed than these"}, State.TAMPERED, "other bytes"),
        ({"objection": KEY_REVOKED}, State.REVOKED, "never counted"),
        ({"since": "its key was revoked since"}, State.REVOKED, "counted when it was recorded"),
        ({"recorded_for": "ff" * 32}, State.TAMPERED, "recorded for another plan"),
        ({"expires_at": None}, State.TAMPERED, "names no time"),
        ({"expires_at": CREATED + VALID_FOR + timedelta(seconds=1)}, State.TAMPERED, "allows 3d"),
        ({"expires_at": NOW - timedelta(seconds=1)}, State.EXPIRED, "expired at"),
        ({"role": SECURITY}, State.WRONG_ROLE, "asks for no approval"),
        ({"role": OPERATIONS}, State.WRONG_ROLE, "does not hold"),
    ],
)
def test_a_decision_that_does_not_count_says_why(changed: dict[str, Any], state: State, why: str) -> None:
    one = decision(ADA, changed.get("role", ENGINEERING), **{key: changed[key] for key in changed if key != "role"})
    found, said = only(deployment(one))
    assert found is state
    assert why in said


def test_an_approval_of_a_plan_that_nobody_recorded_counts_for_nothing() -> None:
    state, why = only(deployment(decision(ADA, ENGINEERING, planned(checklist="0f" * 32))))
    assert state is State.TAMPERED
    assert "does not hold" in why


def test_what_was_signed_before_the_plan_was_recorded_is_back_dated() -> None:
    early = decision(ADA, ENGINEERING, seq=PLAN_SEQ)  # its head is the record before the plan's
    state, why = only(deployment(early))
    assert state is State.TAMPERED
    assert "before the plan was made" in why


def test_a_plan_that_was_made_anew_is_approved_anew() -> None:
    first, other, again = planned(5), planned(8, checklist="0f" * 32), planned(10)
    found = deployment(decision(ADA, ENGINEERING, first, seq=6), plans=[first, other, again])
    assert only(found) == (
        State.SUPERSEDED,
        "it is about an earlier record of the plan, which was made anew in record 10",
    )


def test_a_newer_plan_supersedes_the_approvals_of_the_older() -> None:
    older, newer = planned(5), planned(9, checklist="0f" * 32)
    found = deployment(*BOTH, plans=[older, newer])
    assert verdict(found) is Verdict.WAITING
    for one in standings(found, NOW):
        assert one.state is State.SUPERSEDED
        assert newer.plan.short in one.why


def test_a_newer_plan_with_a_bad_signature_supersedes_nothing() -> None:
    forged = planned(9, checklist="0f" * 32)
    forged = replace(forged, signed=replace(forged.signed, objection="it is not signed"))
    assert verdict(deployment(*BOTH, plans=[planned(), forged])) is Verdict.APPROVED


def test_a_change_names_what_changed_and_which_approvals_died() -> None:
    approvals = approvals_of(deployment(*BOTH, changes=(CHANGED,)), NOW)
    assert approvals is not None
    assert approvals.verdict is Verdict.REFUSED
    assert CHANGED.what in approvals.refusals[0]
    assert [one.statement.principal for one in approvals.died] == [ADA, GRACE]
    assert all(CHANGED.what in one.why for one in approvals.died)


@pytest.mark.parametrize("address", [ADA, ADA.upper()])
def test_an_author_does_not_approve(address: str) -> None:
    plan = planned(authors=(address,))
    found = deployment(decision(ADA, ENGINEERING, plan), plans=[plan])
    assert only(found)[0] is State.SELF_APPROVED
    assert "author" in objection(found, ADA, ENGINEERING, APPROVE, NOW)
    role = approvals_of(found, NOW).role(ENGINEERING)  # type: ignore[union-attr]  # there is a plan
    assert role is not None
    assert role.candidates == (EDSGER,)


def test_an_author_under_another_address_does_not_approve() -> None:
    known = trust()
    policy = known.policy.model_copy(update={"aliases": {ADA: ("ada@home.example.test",)}})
    changed = replace(known, policy=policy)
    plan = planned(authors=("Ada@Home.example.test",), policy=changed.digest)
    assert only(deployment(decision(ADA, ENGINEERING, plan), plans=[plan], trust=changed))[0] is State.SELF_APPROVED


def test_the_operator_does_not_approve() -> None:
    plan = planned(operator=ADA, signer=ADA)
    assert only(deployment(decision(ADA, ENGINEERING, plan), plans=[plan]))[0] is State.SELF_APPROVED


def test_whoever_the_plan_calls_its_operator_does_not_approve_either() -> None:
    plan = planned(operator=ADA, signer=OLGA)
    assert only(deployment(decision(ADA, ENGINEERING, plan), plans=[plan]))[0] is State.SELF_APPROVED


def test_whoever_signed_the_plan_does_not_approve_whatever_the_plan_calls_its_operator() -> None:
    plan = planned(operator=OLGA, signer=ADA)
    found = deployment(decision(ADA, ENGINEERING, plan), decision(GRACE, OPERATIONS, plan, seq=8), plans=[plan])
    assert standings(found, NOW)[0].state is State.SELF_APPROVED
    approvals = approvals_of(found, NOW)
    assert approvals is not None
    assert approvals.refusals == (f"the plan names {OLGA} as its operator, and {ADA} signed it",)


@pytest.mark.parametrize(
    "changed",
    [
        {"environment": "staging"},
        {"database": planned().plan.content.database.model_copy(update={"database_oid": 1})},
        {"policy": "0e" * 32},
        {"not_after": NOW - timedelta(seconds=1)},
    ],
)
def test_a_plan_for_somewhere_or_some_time_else_is_refused(changed: dict[str, Any]) -> None:
    plan = planned(**changed)
    both = (decision(ADA, ENGINEERING, plan, seq=6), decision(GRACE, OPERATIONS, plan, seq=7))
    assert verdict(deployment(*both, plans=[plan])) is Verdict.REFUSED


def test_a_role_that_the_policy_does_not_know_stays_missing() -> None:
    plan = planned(roles=(ENGINEERING, "nobody-holds-it"))
    approvals = approvals_of(deployment(decision(ADA, ENGINEERING, plan), plans=[plan]), NOW)
    assert approvals is not None
    assert approvals.verdict is Verdict.WAITING
    assert [(one.missing, one.candidates) for one in approvals.roles] == [(0, ()), (1, ())]


def test_without_a_policy_nothing_counts() -> None:
    found = deployment(*BOTH, trust=None)
    assert verdict(found) is Verdict.REFUSED
    assert not any(one.state is State.VALID for one in standings(found, NOW))


# ---------------------------------------------------------------------------------------------------------------------
# Rejections


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_rejection_closes_whatever_comes_before_or_after_it(place: int) -> None:
    decisions: list[Signed[ApprovalStatement]] = list(BOTH)
    decisions.insert(place, decision(EDSGER, OPERATIONS, seq=8, reject=True, comment="the index is missing"))
    approvals = approvals_of(deployment(*decisions), NOW)
    assert approvals is not None
    assert approvals.verdict is Verdict.REFUSED
    assert "the index is missing" in approvals.refusals[0]


def test_nobody_takes_a_rejection_back_by_approving() -> None:
    no, yes = decision(ADA, ENGINEERING, seq=6, reject=True), decision(ADA, ENGINEERING, seq=8)
    found = deployment(no, yes, BOTH[1])
    assert verdict(found) is Verdict.REFUSED
    assert "nobody takes that back" in standings(found, NOW)[1].why
    assert "rejected" in objection(deployment(no), ADA, ENGINEERING, APPROVE, NOW)


@pytest.mark.parametrize(
    "changed", [{"since": "its key was revoked since"}, {"expires_at": None}, {"expires_at": NOW - timedelta(hours=1)}]
)
def test_a_rejection_outlives_its_key_and_does_not_run_out(changed: dict[str, Any]) -> None:
    assert verdict(deployment(*BOTH, decision(EDSGER, OPERATIONS, seq=8, reject=True, **changed))) is Verdict.REFUSED


@pytest.mark.parametrize(
    "one",
    [
        decision(ADA, ENGINEERING, seq=8, reject=True, objection="other bytes were signed than these"),
        decision(BARBARA, SECURITY, seq=8, reject=True),
        decision(MALLORY, ENGINEERING, seq=8, reject=True),
        decision(EDSGER, OPERATIONS, planned(checklist="0f" * 32), seq=8, reject=True),
    ],
    ids=["forged", "role not asked for", "no role", "another plan"],
)
def test_what_is_no_rejection_of_this_plan_by_one_of_its_roles_closes_nothing(one: Signed[ApprovalStatement]) -> None:
    assert verdict(deployment(*BOTH, one)) is Verdict.APPROVED


def test_a_new_plan_is_not_closed_by_the_rejection_of_the_old_one() -> None:
    old, new = planned(5), planned(9, checklist="0f" * 32)
    both = (decision(ADA, ENGINEERING, new, seq=10), decision(GRACE, OPERATIONS, new, seq=11))
    assert (
        verdict(deployment(decision(ADA, ENGINEERING, old, reject=True), *both, plans=[old, new])) is Verdict.APPROVED
    )


# ---------------------------------------------------------------------------------------------------------------------
# Before somebody signs


def test_who_may_sign_in_which_role() -> None:
    found = deployment(BOTH[0])
    assert open_roles(found, EDSGER, APPROVE, NOW) == (OPERATIONS,)
    assert open_roles(found, EDSGER, REJECT, NOW) == (ENGINEERING, OPERATIONS)
    assert open_roles(found, BARBARA, APPROVE, NOW) == ()
    assert "one person fills one role" in objection(
        deployment(decision(EDSGER, ENGINEERING)), EDSGER, OPERATIONS, APPROVE, NOW
    )
    assert "does not hold" in objection(found, ADA, OPERATIONS, APPROVE, NOW)
    assert "not for security" in objection(found, BARBARA, SECURITY, APPROVE, NOW)
    assert objection(deployment(BOTH[0], plans=()), ADA, ENGINEERING, APPROVE, NOW) == "there is no plan"


def test_a_changed_plan_can_be_rejected_and_not_approved() -> None:
    found = deployment(changes=(CHANGED,))
    assert CHANGED.what in objection(found, ADA, ENGINEERING, APPROVE, NOW)
    assert objection(found, ADA, ENGINEERING, REJECT, NOW) == ""


# ---------------------------------------------------------------------------------------------------------------------
# Whatever is in the ledger

PLANS = (planned(), planned(2, checklist="0f" * 32))
PEOPLE = (ADA, GRACE, EDSGER, BARBARA, OLGA, MALLORY)


@st.composite
def any_decision(draw: st.DrawFn) -> Signed[ApprovalStatement]:
    return decision(
        draw(st.sampled_from(PEOPLE)),
        draw(st.sampled_from([ENGINEERING, OPERATIONS, SECURITY])),
        draw(st.sampled_from(PLANS)),
        seq=draw(st.integers(3, 60)),
        reject=draw(st.integers(0, 9)) == 0,
        objection=draw(st.sampled_from(["", "", "", "it was recorded before: a nonce counts once"])),
        since=draw(st.sampled_from(["", "", "", "its key was revoked since"])),
        expires_at=draw(st.sampled_from([None, *(CREATED + timedelta(minutes=n) for n in (30, 90, 4320, 9999))])),
        fingerprint=draw(st.sampled_from([None, None, None, "SHA256:shared"])),
    )


DECISIONS = st.lists(any_decision(), max_size=8)
ORDERED = [PLANS[1], PLANS[0]]


@given(DECISIONS, any_decision())
def test_nothing_but_a_valid_approval_opens(
    decisions: list[Signed[ApprovalStatement]], more: Signed[ApprovalStatement]
) -> None:
    before, after = deployment(*decisions, plans=ORDERED), deployment(*decisions, more, plans=ORDERED)
    if verdict(before) is not Verdict.APPROVED and verdict(after) is Verdict.APPROVED:
        assert standings(after, NOW)[-1].state is State.VALID


@given(DECISIONS, st.sampled_from([ADA, GRACE, EDSGER]))
def test_after_a_rejection_nothing_opens(decisions: list[Signed[ApprovalStatement]], who: str) -> None:
    role = next(role for role, holders in ROLES.items() if who in holders)
    found = deployment(*decisions, decision(who, role, seq=70, reject=True), *BOTH, plans=ORDERED)
    assert verdict(found) is Verdict.REFUSED


@given(DECISIONS, st.randoms(use_true_random=False))
def test_the_order_of_decisions_does_not_matter(
    decisions: list[Signed[ApprovalStatement]], chance: random.Random
) -> None:
    shuffled = list(decisions)
    chance.shuffle(shuffled)
    assert verdict(deployment(*decisions, plans=ORDERED)) is verdict(deployment(*shuffled, plans=ORDERED))


@given(DECISIONS, st.timedeltas(timedelta(), timedelta(days=5)))
def test_time_opens_nothing(decisions: list[Signed[ApprovalStatement]], passed: timedelta) -> None:
    found = deployment(*decisions, plans=ORDERED)
    if verdict(found) is not Verdict.APPROVED:
        assert verdict(found, NOW + passed) is not Verdict.APPROVED


@given(DECISIONS)
def test_an_approved_plan_has_a_different_person_with_a_different_key_in_each_place(
    decisions: list[Signed[ApprovalStatement]],
) -> None:
    approvals = approvals_of(deployment(*decisions, *BOTH, plans=ORDERED), NOW)
    assert approvals is not None
    if approvals.verdict is Verdict.APPROVED:
        seats = [(role.role, one) for role in approvals.roles for one in role.filled_by]
        people = {one.statement.principal for _, one in seats}
        assert len(people) == len(seats) == len({one.signed.fingerprint for _, one in seats})
        assert all(role == one.statement.role and one.state is State.VALID for role, one in seats)
        assert people.isdisjoint({OLGA, MALLORY})
