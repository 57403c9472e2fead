"""The faults are the files, and a mistyped name is answered with the nearest."""

from __future__ import annotations

import pytest

from pointsctl.errors import UsageError
from pointsctl.sandbox.faults import faults, find_fault

EXPECTED = [
    "rls-disabled",
    "rls-policy-open",
    "rls-on-partition",
    "grant-write-to-anon",
    "duplicate-coupon",
    "plaintext-coupon",
    "cache-drift",
    "missing-cache-row",
    "nonce-index-dropped",
    "payload-hash-index-dropped",
    "pending-backlog",
    "invalid-index",
]


def test_all_faults_are_there_and_say_what_they_are() -> None:
    assert sorted(faults()) == sorted(EXPECTED)
    assert all(fault.title and not fault.title.startswith("--") for fault in faults().values())


@pytest.mark.parametrize(("typed", "meant"), [("cache-drft", "cache-drift"), ("rls_disabled", "rls-disabled")])
def test_a_mistyped_fault_names_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"the nearest is {meant}") as refusal:
        find_fault(typed)
    assert "invalid-index" in refusal.value.hint


@pytest.mark.parametrize("name", ["", "x", "../roles", "🙂"])
def test_any_other_text_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError):
        find_fault(name)
