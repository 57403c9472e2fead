"""Expectations of JSON: what is not there, or of another type, is never as expected."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.json_expectation import JsonExpectation, parse_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_every_value_equals_itself_and_is_missing_elsewhere(value: Any) -> None:
    expectation = JsonExpectation(path="$.here", equals=value)
    assert expectation.problem({"here": value}) == ""
    assert expectation.problem({"there": value}) == "$.here is missing"


@pytest.mark.parametrize(
    ("expected", "found"),
    [(1, True), (0, False), (True, 1), ("1", 1), (None, False), ([1], [True]), ({"a": 1}, {"a": True}), ([], {})],
)
def test_types_must_agree(expected: Any, found: Any) -> None:
    assert JsonExpectation(path="$.a", equals=expected).problem({"a": found})


def test_null_can_be_expected() -> None:
    assert JsonExpectation(path="$.a", equals=None).problem({"a": None}) == ""
    assert JsonExpectation(path="$.a", equals=None).problem({}) == "$.a is missing"


def test_problems_name_what_was_found() -> None:
    assert JsonExpectation(path="$.a", equals="ok").problem({"a": "down"}) == "$.a is 'down'"
    assert JsonExpectation(path="$.a", matches="^ok").problem({"a": 5}) == "$.a is 5"
    assert JsonExpectation(path="$.a", exists=False).problem({"a": None}) == "$.a is there"


def test_functions_that_search_without_a_limit_are_refused() -> None:
    with pytest.raises(ValueError, match="JSONPath"):
        JsonExpectation(path="$[?match(@.a, 'x')]", exists=True)


@given(st.binary(max_size=60))
def test_any_body_is_json_or_a_reason(body: bytes) -> None:
    try:
        parse_json(body)
    except ValueError as error:
        assert str(error)  # noqa: PT017  (either outcome is fine, another exception is not)
