"""What pydantic finds wrong becomes a place, what was found, what was expected, and the nearest name."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
import pytest
from pydantic import StringConstraints

from pointsctl.model.checklist import Checklist
from pointsctl.model.document import parse_document
from pointsctl.model.validation import problems_of


class Leaf(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    colour: str = "red"
    password: Annotated[str, StringConstraints(min_length=3)] = "abc"
    with_: int = pydantic.Field(0, alias="with")


class Tree(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    leaves: tuple[Leaf, ...] = ()
    named: dict[Annotated[str, StringConstraints(pattern="^[a-z]+$")], Leaf] = pydantic.Field(default_factory=dict)
    either: Leaf | int | None = None
    child: Tree | None = None
    limits: list[float] = pydantic.Field(default_factory=list)


def lines(text: str, model: type[pydantic.BaseModel] = Tree) -> list[str]:
    document = parse_document(text)
    with pytest.raises(pydantic.ValidationError) as caught:
        model.model_validate(document.data)
    return [problem.line("f") for problem in problems_of(caught.value, model, document)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "leaves:\n  - colur: x\n",
            "f:2:5: unknown key 'colur'; expected one of colour, password, with (did you mean 'colour'?)",
        ),
        ("leaves: [{with: x}]", "f:1:17: wrong value for 'with'; found 'x'; expected a whole number"),
        ("leaves: {}", "f:1:9: wrong value for 'leaves'; found a mapping; expected a list"),
        ("leaves: [1]", "f:1:10: wrong value for '0'; found 1; expected a mapping"),
        ("named: {A1: {}}", "f:1:9: wrong name; found 'A1'; expected text that matches '^[a-z]+$'"),
        ("named: {a: {colour: true}}", "f:1:21: wrong value for 'colour'; found true; expected text (in quotes, if it looks like something else)"),
        ("named: {a: {colour: null}}", "f:1:21: wrong value for 'colour'; found nothing; expected text (in quotes, if it looks like something else)"),
        ("named: {a: {x: 1}}", "f:1:13: unknown key 'x'; expected one of colour, password, with"),
        ("child: {child: {leavs: []}}",
         "f:1:17: unknown key 'leavs'; expected one of leaves, named, either, child, limits (did you mean 'leaves'?)"),
        ("either: {colour: 1}", "f:1:18: wrong value for 'colour'; found 1; expected text (in quotes, if it looks like something else)"),
        ("limits: [1, x]", "f:1:13: wrong value for '1'; found 'x'; expected a number"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_shown_where_it_stands(text: str, line: str) -> None:
    assert line in lines(text)


def test_a_missing_key_is_named_with_what_lacks_it() -> None:
    found = lines("version: 1\ntitle: abc\nphases: [{title: abc}]\n", Checklist)
    assert found == [
        "f:3:10: the key 'id' is missing in phases",
        "f:3:10: the key 'sections' is missing in phases",
    ]


def test_all_problems_come_at_once() -> None:
    assert len(lines("leaves: [{a: 1}, {b: 2}, {with: x}]\nnmed: {}\n")) == 4


@pytest.mark.parametrize("secret", ["ab", "postgresql://me:hunter22@h/d"])
def test_the_value_under_a_secrets_name_is_not_quoted(secret: str) -> None:
    found = "".join(lines(f"leaves: [{{password: {secret!r}, colour: 1}}, {{password: ab}}]"))
    assert "hunter22" not in found
    assert "'ab'" not in found


def test_a_password_under_another_name_is_not_quoted_either() -> None:
    found = lines("child: 'postgresql://me:hunter22@h/d'\n")
    assert "hunter22" not in found[0]
    assert "postgresql://me:" in found[0]


def test_an_expanded_variable_never_appears() -> None:
    document = parse_document("leaves: ['${TOKEN}']")
    expanded: Any = {"leaves": ["the-value-of-the-token"]}
    with pytest.raises(pydantic.ValidationError) as caught:
        Tree.model_validate(expanded)
    (problem,) = problems_of(caught.value, Tree, document)
    assert problem.found == "'${TOKEN}'"
    assert "the-value" not in problem.line("f")
