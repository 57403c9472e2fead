"""Which lock keeps whom waiting, as PostgreSQL's manual has it in its table of conflicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.lock_modes import MODES, adds, blocks, conflict, decisive

# The manual's table 13.2, a line for each mode in MODES' order.
_TABLE = (
    ".......X",
    "......XX",
    "....XXXX",
    "...XXXXX",
    "..XX.XXX",
    "..XXXXXX",
    ".XXXXXXX",
    "XXXXXXXX",
)
_MODES = st.sampled_from((*MODES, "SomeNewLock"))


@pytest.mark.parametrize("row", range(len(MODES)))
def test_conflicts_are_those_of_the_manual(row: int) -> None:
    assert [conflict(MODES[row], other) for other in MODES] == [mark == "X" for mark in _TABLE[row]]


def test_whom_a_mode_keeps_waiting() -> None:
    assert [blocks(mode) for mode in MODES] == [*["schema changes"] * 4, *["writes"] * 3, "reads and writes"]


def test_a_mode_that_is_not_known_keeps_everybody_waiting() -> None:
    assert blocks("SomeNewLock") == "reads and writes"
    assert adds("SomeNewLock", ["ShareLock"])


@given(st.sets(_MODES), st.sets(_MODES))
def test_what_decides_keeps_the_same_ones_waiting_as_all_of_them(new: set[str], held: set[str]) -> None:
    found = decisive(new, held)
    assert set(found) <= new
    for other in MODES:
        waits = any(conflict(mode, other) for mode in new | held)
        assert any(conflict(mode, other) for mode in {*found, *held}) == waits


@given(st.sets(_MODES), st.sets(_MODES))
def test_each_one_that_decides_keeps_somebody_waiting_whom_the_others_do_not(new: set[str], held: set[str]) -> None:
    found = decisive(new, held)
    assert all(adds(mode, [*held, *found[:place]]) for place, mode in enumerate(found))


def test_neither_of_two_modes_hides_the_other_when_each_keeps_others_waiting() -> None:
    assert decisive(["ShareUpdateExclusiveLock", "ShareLock"]) == ("ShareLock", "ShareUpdateExclusiveLock")
    assert decisive(["RowExclusiveLock", "AccessExclusiveLock", "AccessShareLock"]) == ("AccessExclusiveLock",)
    assert decisive(["ShareUpdateExclusiveLock"], ["RowExclusiveLock"]) == ("ShareUpdateExclusiveLock",)
