"""`${VAR}` is replaced once, defaults as in a shell, and what cannot be read is said to be so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.variables import Expansion, expand

values = st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,6}", fullmatch=True), st.text(min_size=1), max_size=4)


@pytest.mark.parametrize(
    ("text", "expansion"),
    [
        ("a ${A} b", Expansion("a 1 b", used=("A",))),
        ("${A}${A}", Expansion("11", used=("A", "A"))),
        ("${B}", Expansion("", missing=("B",))),
        ("${B:-}", Expansion("")),
        ("${B:-x y}", Expansion("x y")),
        ("${A:-x}", Expansion("1", used=("A",))),
        ("${EMPTY:-x}", Expansion("x")),
        ("${EMPTY}", Expansion("", missing=("EMPTY",))),
        ("$${A}", Expansion("${A}")),
        ("$A $", Expansion("$A $")),
        ("${PATTERN}", Expansion("${A}", used=("PATTERN",))),
    ],
)
def test_replaces_references(text: str, expansion: Expansion) -> None:
    assert expand(text, {"A": "1", "EMPTY": "", "PATTERN": "${A}"}) == expansion


@pytest.mark.parametrize(
    "text", ["${", "${}", "${A", "${1}", "${A-x}", "${A:?x}", "${A:+x}", "${ A }", "${B:-${A}}", "${ä}"]
)
def test_what_cannot_be_read_is_malformed(text: str) -> None:
    assert expand(text, {"A": "1"}).malformed


@given(st.text(), values)
def test_a_text_without_references_stays(text: str, variables: dict[str, str]) -> None:
    if "${" not in text:
        assert expand(text, variables) == Expansion(text)


@given(st.text(alphabet="${}A:-x"), values)
def test_an_escaped_text_comes_back(text: str, variables: dict[str, str]) -> None:
    assert expand(text.replace("${", "$${"), variables) == Expansion(text)


@given(st.text(), st.text(), values)
def test_a_value_is_never_expanded_again(before: str, after: str, variables: dict[str, str]) -> None:
    if "$" in before + after:
        return
    for name, value in variables.items():
        assert expand(f"{before}${{{name}}}{after}", variables).text == before + value + after
