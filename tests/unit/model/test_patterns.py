"""Patterns from a checklist: checked when loaded, searched under a limit."""

from __future__ import annotations

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import TookTooLongError
from pointsctl.model.patterns import Pattern, WholePattern, finds, matches_whole

PATTERN = pydantic.TypeAdapter[str](Pattern)
WHOLE = pydantic.TypeAdapter[str](WholePattern)


@pytest.mark.parametrize("pattern", ["", "x*", "^", "(", "[", "(" * 900, "a{2,1}", "x" * 1001, r"\p{Nope}"])
def test_useless_and_broken_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        PATTERN.validate_python(pattern)


def test_a_whole_match_may_allow_the_empty_text() -> None:
    assert WHOLE.validate_python("[0-9a-f]*") == "[0-9a-f]*"


@pytest.mark.parametrize("search", [finds, matches_whole])
def test_search_without_an_end_is_given_up(search: object) -> None:
    with pytest.raises(TookTooLongError):
        search("(a|aa)+$", "a" * 60 + "!", seconds=0.2)  # type: ignore[operator]  # both take the same arguments


def test_lines_are_texts_of_their_own() -> None:
    assert finds("^ok$", "one\nok\ntwo")
    assert not matches_whole("ok", "ok\n")


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        PATTERN.validate_python(text)
    except pydantic.ValidationError as error:
        assert error.error_count() == 1  # noqa: PT017  (either outcome is fine, another exception is not)
