"""A statement in a line that may be kept: no comment, no text of anybody's, no line end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.statement_outline import outline

_SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ALTER TABLE public.coupons\n  ADD COLUMN note text", "ALTER TABLE public.coupons ADD COLUMN note text"),
        ('insert into "Odd ""name"(a, b) values (10, 2)', 'insert into "Odd ""name" (a, b) values (10, 2)'),
        ("-- why\n/* and /* how */ */ select 1", "select 1"),
        ("", ""),
        ("-- nothing", ""),
    ],
)
def test_what_is_shown(text: str, expected: str) -> None:
    assert outline(text) == expected


@pytest.mark.parametrize("text", ["'{}'", "E'{}\\''", "$${}$$", "$a${}$a$", "/* {} */", "-- {}\n", "'{}"])
def test_no_text_of_a_statement_is_shown(text: str) -> None:
    found = outline(f"alter role visitor password {text.format(_SECRET)}")
    assert _SECRET not in found
    assert found.startswith("alter role visitor password")


@given(st.text())
def test_any_text_becomes_one_printable_line_of_bounded_length(text: str) -> None:
    found = outline(f"select {text}")
    assert found.isprintable()
    assert len(found) <= 2000


def test_a_long_statement_is_read_only_as_far_as_it_is_shown() -> None:
    found = outline("select " + "a, " * 1_000_000)
    assert found.endswith("…")
