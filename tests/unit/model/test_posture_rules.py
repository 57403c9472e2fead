"""What is said of a store's posture: what nobody could say is never good."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.posture import Posture
from pointsctl.model.posture_rules import Weight, posture_problems

WEEK = timedelta(days=7)
GOOD = Posture(
    "s3",
    "s3://bucket",
    away=True,
    versioning=True,
    lock=True,
    lock_mode="COMPLIANCE",
    lock_days=7,
    public=False,
    aborts_uploads=True,
)


def test_a_good_bucket_has_no_problems() -> None:
    assert posture_problems(GOOD, WEEK) == ()


@pytest.mark.parametrize(
    ("changed", "weight", "said"),
    [
        ({"public": True}, Weight.SERIOUS, "without credentials"),
        ({"public": None}, Weight.UNKNOWN, "nobody could say"),
        ({"expires_after": timedelta(days=6)}, Weight.SERIOUS, "after 6d, expected 7d"),
        ({"expiry_known": False}, Weight.UNKNOWN, "lifecycle"),
        ({"versioning": False}, Weight.ADVICE, "versioning is off"),
        ({"versioning": None}, Weight.UNKNOWN, "versions"),
        ({"lock": False, "lock_mode": "", "lock_days": None}, Weight.ADVICE, "no Object Lock"),
        ({"lock": None}, Weight.UNKNOWN, "locks"),
        ({"lock_days": 3}, Weight.ADVICE, "holds 3d, expected at least 7d"),
        ({"aborts_uploads": False}, Weight.ADVICE, "cut off"),
        ({"away": False}, Weight.ADVICE, "beside the database"),
    ],
)
def test_each_problem_is_named(changed: dict[str, object], weight: Weight, said: str) -> None:
    found = posture_problems(replace(GOOD, **changed), WEEK)  # type: ignore[arg-type]  # of a dictionary
    assert [(one.weight, said in one.text, bool(one.fix)) for one in found] == [(weight, True, True)]


def test_a_longer_retention_asks_for_more_and_a_shorter_one_for_no_less() -> None:
    expiring = replace(GOOD, expires_after=timedelta(days=20), lock_days=30)
    assert posture_problems(expiring, timedelta(days=20)) == ()
    assert [one.weight for one in posture_problems(expiring, timedelta(days=21))] == [Weight.SERIOUS]
    short = posture_problems(GOOD, timedelta(days=1))
    assert [one.weight for one in short] == [Weight.SERIOUS]
    assert "backup.retention is 1d" in short[0].text


@given(
    public=st.sampled_from([True, None]),
    days=st.integers(0, 6),
    away=st.booleans(),
    lock=st.sampled_from([True, False, None]),
)
def test_public_or_expiring_is_never_without_a_problem(
    public: bool | None, days: int, away: bool, lock: bool | None
) -> None:
    assert posture_problems(replace(GOOD, public=public, away=away, lock=lock), WEEK)
    found = posture_problems(replace(GOOD, expires_after=timedelta(days=days), away=away, lock=lock), WEEK)
    assert found[0].weight is Weight.SERIOUS
