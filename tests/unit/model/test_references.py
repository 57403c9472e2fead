"""Globs, closures and cycles, compared with the slow and obvious way of finding them."""

from __future__ import annotations

import itertools
import warnings
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.references import closure, find_cycle, find_cycles, matching

graphs = st.dictionaries(st.sampled_from("abcdefg"), st.lists(st.sampled_from("abcdefgxy"), max_size=4), max_size=7)


def reachable(start: str, needs: dict[str, list[str]]) -> set[str]:
    """What can be reached from `start` in one step or more: grow the set until it stays the same."""
    found: set[str] = set()
    while True:
        more = {child for node in {start, *found} for child in needs.get(node, ()) if node == start or node in found}
        if more <= found:
            return found
        found |= more


@given(graphs)
def test_a_cycle_is_found_exactly_when_there_is_one(needs: dict[str, list[str]]) -> None:
    cyclic = {node for node in needs if node in reachable(node, needs)}
    cycle = find_cycle(needs)
    assert bool(cycle) == bool(cyclic)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert set(cycle) <= cyclic
        assert all(after in needs[before] for before, after in itertools.pairwise(cycle))


@given(graphs)
def test_without_one_step_of_each_cycle_none_is_left(needs: dict[str, list[str]]) -> None:
    left = {node: list(children) for node, children in needs.items()}
    for cycle in find_cycles(needs, limit=100):
        assert all(after in needs[before] for before, after in itertools.pairwise(cycle))
        left[cycle[0]] = [child for child in left[cycle[0]] if child != cycle[1]]
    assert find_cycle(left) == ()


def test_an_item_that_needs_itself_is_a_cycle() -> None:
    assert find_cycle({"a": ["a"]}) == ("a", "a")


def test_a_chain_of_any_length_is_no_trouble() -> None:
    chain = {str(number): [str(number + 1)] for number in range(50_000)}
    assert find_cycle(chain) == ()
    assert len(find_cycle({**chain, "50000": ["0"]})) == 50_002


@given(graphs, st.lists(st.sampled_from("abcxz"), max_size=3))
def test_a_closure_is_the_start_and_everything_reachable(needs: dict[str, list[str]], start: list[str]) -> None:
    expected = set(start).union(*(reachable(node, needs) for node in start))
    assert closure(start, needs) == expected


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.b", ("a.b",)),
        ("a.*", ("a.b", "a.c")),
        ("*", ("a.b", "a.c", "d.b")),
        ("?.b", ("a.b", "d.b")),
        ("A.B", ()),
        ("a", ()),
    ],
)
def test_a_pattern_is_an_id_or_a_glob(pattern: str, found: tuple[str, ...]) -> None:
    assert matching(pattern, ["a.b", "a.c", "d.b"]) == found


@given(st.text(alphabet="ab.*?[]!-^|&~\\"), st.lists(st.text(alphabet="ab.[*-|"), max_size=5))
def test_any_pattern_can_be_tried(pattern: str, ids: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert matching(pattern, ids) == tuple(one for one in ids if one == pattern or fnmatchcase(one, pattern))


def test_a_long_pattern_of_stars_is_no_trap() -> None:
    assert matching("a*" * 60 + "b", ["a" * 120]) == ()
