"""Which items a run looks at: what was asked for, what that needs, the gates, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import UsageError
from pointsctl.model.checklist import Checklist
from pointsctl.model.selection import select


def item(item_id: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {"id": item_id, "title": "An item", "kind": "attestation", "needs": list(needs), **more}


def build(*sections: dict[str, Any], gates: tuple[str, ...] = ()) -> Checklist:
    before = {"id": "before", "title": "Before", "sections": [sections[0]]}
    after = {"id": "after", "title": "After", "gates": list(gates), "sections": list(sections[1:])}
    return Checklist.model_validate({"version": 1, "title": "A checklist", "phases": [before, after]})


def checklist() -> Checklist:
    one = {"id": "one", "title": "One", "items": [item("one.a"), item("one.gate")]}
    two = {"id": "two", "title": "Two", "items": [item("two.a", "one.a"), item("two.b", items=[item("two.c")])]}
    three = {"id": "three", "title": "Three", "gates": ["one.gate"], "items": [item("three.a", "two.c")]}
    return build(one, two, three, gates=("one.gate",))


def ids(**asked: Any) -> list[str]:
    return [one.id for one in select(checklist(), {"one.gate": ("one.a",)}, **asked).items]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["one.a", "one.gate", "two.a", "two.b", "two.c", "three.a"]),
        ({"phase": "before"}, ["one.a", "one.gate"]),
        ({"phase": "after"}, ["one.a", "one.gate", "two.a", "two.b", "two.c", "three.a"]),
        ({"phase": "after", "section": "two"}, ["one.a", "two.a", "two.b", "two.c"]),
        ({"phase": "after", "section": "three"}, ["one.a", "one.gate", "two.c", "three.a"]),
        ({"phase": "after", "only": ["two.c"]}, ["two.c"]),
        ({"phase": "after", "only": ["two.*"]}, ["one.a", "two.a", "two.b", "two.c"]),
        ({"phase": "after", "only": ["one.gate"]}, ["one.a", "one.gate"]),
        ({"only": ["two.c", "one.a", "two.c"]}, ["one.a", "two.c"]),
    ],
)
def test_what_was_asked_for_with_what_it_needs(asked: dict[str, Any], found: list[str]) -> None:
    assert ids(**asked) == found


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"phase": "befor"}, "did you mean 'before'?"),
        ({"phase": "zzz"}, "phases: before, after"),
        ({"phase": "after", "section": "one"}, "sections: two, three"),
        ({"only": ["two.aa"]}, "did you mean 'two.a'?"),
        ({"phase": "before", "only": ["three.*"]}, "see `pointsctl check list`"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(asked: dict[str, Any], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        ids(**asked)
    assert caught.value.hint == hint


def test_the_name_says_what_was_asked_for() -> None:
    assert select(checklist(), {}).name == "checklist"
    assert select(checklist(), {}, phase="after", section="two").name == "after/two"


def test_the_name_of_a_part_is_never_that_of_the_whole() -> None:
    assert select(checklist(), {}, phase="after", only=["two.c", "one.*"]).name == "after (only two.c, one.*)"


names = [f"{left}.{right}" for left in "ab" for right in "xyz"]


@given(
    st.dictionaries(st.sampled_from(names), st.lists(st.sampled_from(names), max_size=3)),
    st.sampled_from(["*", "a.*", "b.x"]),
)
def test_every_item_comes_once_in_order_with_all_it_needs(needs: dict[str, list[str]], only: str) -> None:
    section = {"id": "one", "title": "One", "items": [item(name, *needs.get(name, ())) for name in names]}
    found = [one.id for one in select(build(section), {}, only=[only]).items]
    assert found == [name for name in names if name in found]
    assert all(need in found for name in found for need in needs.get(name, ()))
