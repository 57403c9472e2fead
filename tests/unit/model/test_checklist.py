"""The values of a checklist: strict, frozen, and walked in the order of the file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pydantic
import pytest

from pointsctl.model.checklist import Checklist, Field, Item
from pointsctl.model.configuration import Environment, Metric, Stage, Trigger


def checklist(**changes: Any) -> Checklist:
    child = {"id": "a.child", "title": "A child", "kind": "attestation"}
    first = {"id": "a.first", "title": "The first", "kind": "gate", "items": [child]}
    second = {"id": "b.second", "title": "The second", "kind": "attestation"}
    sections = [{"id": "one", "title": "One", "items": [first]}, {"id": "two", "title": "Two", "items": [second]}]
    phases = [{"id": "before", "title": "Before", "sections": sections}]
    return Checklist.model_validate({"version": 1, "title": "A checklist", "phases": phases, **changes})


def test_walks_in_the_order_of_the_file_parents_first() -> None:
    assert [item.id for item in checklist().walk()] == ["a.first", "a.child", "b.second"]


def test_finds_by_exact_id_only() -> None:
    found = checklist().find("a.child")
    assert found is not None
    assert found.title == "A child"
    assert checklist().find("a") is None


def test_knows_the_section_of_a_sub_item() -> None:
    section = checklist().section_of("a.child")
    assert section is not None
    assert section.id == "one"
    assert checklist().section_of("a.other") is None


@pytest.mark.parametrize(
    "wrong", ["", "a", "A.b", "a.", ".a", "a..b", "a_b.c", "a.b ", "a.b\n", "a.-b", "é.b", "a." + "b" * 119]
)
def test_ids_have_one_spelling(wrong: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        Item.model_validate({"id": wrong, "title": "An item", "kind": "env"})


@pytest.mark.parametrize("wrong", ["ab", "a\nb c", "a\x1b[0mbc", "x" * 161])
def test_titles_are_one_printable_line(wrong: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        Item.model_validate({"id": "a.b", "title": wrong, "kind": "env"})


def test_values_are_frozen_and_unknown_keys_refused() -> None:
    item = Item.model_validate({"id": "a.b", "title": "An item", "kind": "env", "with": {"name": "X"}})
    assert item.parameters == {"name": "X"}
    assert item.timeout == timedelta(seconds=60)
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        item.title = "Another"  # type: ignore[misc]  # that it cannot be done is what is tested
    with pytest.raises(pydantic.ValidationError, match="Extra"):
        Item.model_validate({"id": "a.b", "title": "An item", "kind": "env", "parameters": {}})


def test_a_field_has_a_known_type() -> None:
    with pytest.raises(pydantic.ValidationError, match="'text', 'person'"):
        Field.model_validate({"name": "who", "type": "human", "title": "Who"})


@pytest.mark.parametrize(
    "wrong",
    [{}, {"metric": "x"}, {"above": 1}, {"declared": True, "metric": "x", "above": 1}, {"declared": True, "above": 1},
     {"metric": "x", "above": "nan"}, {"metric": "x", "above": "inf"}, {"metric": "x", "above": float("nan")}],
)  # fmt: skip
def test_a_trigger_is_measured_or_declared_and_can_fire(wrong: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Trigger.model_validate({"title": "A trigger", **wrong})


def test_a_limit_of_zero_is_a_limit() -> None:
    assert Trigger.model_validate({"title": "A trigger", "metric": "x", "above": 0}).above == 0


@pytest.mark.parametrize("percent", [0, -1, 100.1, "nan", "inf", None, "all"])
def test_a_stage_has_a_share_of_users(percent: object) -> None:
    with pytest.raises(pydantic.ValidationError):
        Stage.model_validate({"percent": percent})


def test_an_environment_is_not_protected_by_accident_and_needs_an_address() -> None:
    assert Environment.model_validate({"database_url": "x"}).protected is False
    assert Environment.model_validate({"database_url": "x", "protected": "yes"}).protected is True
    with pytest.raises(pydantic.ValidationError):
        Environment.model_validate({"protected": True})
    with pytest.raises(pydantic.ValidationError):
        Metric.model_validate({"title": "x", "query": "select 1"})
