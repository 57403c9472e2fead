"""What may be removed: whatever the store and the ledger say, the backup that a restore has proven stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.retention import Candidate, Rules, judge, protected_until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


def _old(days: float, name: str = "a", **changes: object) -> Candidate:
    values: dict[str, object] = {
        "id": name,
        "taken_at": NOW - timedelta(days=days),
        "recorded": True,
        "verified": True,
        **changes,
    }
    return Candidate(**values)  # type: ignore[arg-type]  # of a dictionary


def _rules(retention: timedelta = WEEK, **needed: str) -> Rules:
    return Rules(NOW, retention, needed)


def _removed(*candidates: Candidate, rules: Rules | None = None) -> set[str]:
    return {one.id for one in judge(candidates, rules or _rules()) if one.removed}


RECENT = _old(1, "recent")


def test_an_old_backup_goes_when_a_newer_one_is_proven() -> None:
    assert _removed(_old(8), RECENT) == {"a"}


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        (_old(6.9), "younger"),
        (_old(8, recorded=False), "does not know"),
        (_old(8, damaged="objects/a is missing"), "objects/a is missing"),
        (_old(8, taken_at=None, damaged="not JSON"), "not JSON"),
        (_old(-1), "in the future"),
        (_old(8, locked_until=NOW + timedelta(minutes=1)), "the store protects it"),
    ],
)
def test_a_reason_to_stay_is_named(kept: Candidate, why: str) -> None:
    judged = judge([kept, RECENT], _rules())
    assert not judged[0].removed
    assert why in judged[0].why


def test_what_a_plan_needs_stays_however_old_it_is() -> None:
    assert judge([_old(99), RECENT], _rules(a="plan 123 is open"))[0].why == "plan 123 is open"


def test_a_shorter_retention_than_seven_days_is_not_followed() -> None:
    assert _removed(_old(3), RECENT, rules=_rules(timedelta(days=1))) == set()


def test_nothing_goes_while_nothing_is_proven() -> None:
    assert _removed(_old(50, verified=False), _old(1, "recent", verified=False)) == set()


def test_the_newest_proven_and_the_newest_stay_however_old() -> None:
    candidates = (_old(90, "first"), _old(60, "proven"), _old(50, "later", verified=False), _old(40, verified=False))
    assert _removed(*candidates) == {"first", "later"}


def test_a_damaged_backup_is_not_the_newest_verified_one() -> None:
    assert _removed(_old(30, "only"), _old(1, "recent", damaged="objects/a is missing")) == set()


def test_a_removal_that_was_begun_is_ended_but_not_against_a_lock() -> None:
    begun = _old(8, pruned=True, damaged="objects/a is missing")
    assert _removed(begun, RECENT) == {"a"}
    assert _removed(_old(8, pruned=True, locked_until=NOW + WEEK), RECENT) == set()


def test_a_record_of_a_removal_removes_nothing_that_the_rules_would_keep() -> None:
    assert _removed(_old(6, pruned=True), RECENT) == set()
    assert _removed(_old(8, pruned=True), _old(1, "recent", verified=False)) == set()


def test_protection_ends_with_the_later_of_rule_and_lock() -> None:
    assert protected_until(NOW, timedelta(days=1), None) == NOW + WEEK
    assert protected_until(NOW, WEEK, NOW + timedelta(days=30)) == NOW + timedelta(days=30)


_ages = st.one_of(st.none(), st.floats(-20, 60))


@st.composite
def _candidates(draw: st.DrawFn) -> list[Candidate]:
    found = []
    for number in range(draw(st.integers(0, 6))):
        age = draw(_ages)
        found.append(
            Candidate(
                id=f"b{number}",
                taken_at=None if age is None else NOW - timedelta(days=age),
                recorded=draw(st.booleans()),
                verified=draw(st.booleans()),
                damaged=draw(st.sampled_from(["", "", "bad"])),
                locked_until=draw(st.sampled_from([None, None, NOW - WEEK, NOW + WEEK])),
            )
        )
    return found


@given(_candidates(), st.integers(0, 30).map(lambda days: timedelta(days=days)), st.sets(st.sampled_from(["b0", "b1"])))
def test_what_must_never_happen(candidates: list[Candidate], retention: timedelta, needed: set[str]) -> None:
    judged = judge(candidates, Rules(NOW, retention, dict.fromkeys(needed, "a plan")))
    assert [one.id for one in judged] == [one.id for one in candidates]
    assert all(one.why for one in judged)
    by_id = {one.id: one for one in candidates}
    removed = [by_id[one.id] for one in judged if one.removed]
    sound = [one for one in candidates if one.recorded and not one.damaged and one.taken_at and one.taken_at <= NOW]
    for one in removed:
        assert one in sound
        assert one.taken_at is not None
        assert NOW - one.taken_at >= max(retention, WEEK)
        assert one.id not in needed
        assert one.locked_until is None or one.locked_until <= NOW
    if removed:
        left = [one for one in sound if one not in removed]
        assert any(one.verified for one in left)
        assert max(one.taken_at for one in left if one.taken_at) >= max(one.taken_at for one in removed if one.taken_at)
        proven = max(one.taken_at for one in sound if one.verified and one.taken_at)
        assert any(one.taken_at == proven for one in left)


@given(_candidates())
def test_judging_again_after_a_removal_removes_nothing_more(candidates: list[Candidate]) -> None:
    judged = judge(candidates, _rules())
    left = [one for one, verdict in zip(candidates, judged, strict=True) if not verdict.removed]
    assert not any(one.removed for one in judge(left, _rules()))
