"""A problem is one line that an editor can jump to, with the nearest name, and without secrets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.problems import Place, Problem, nearest, shown


def test_a_line_names_everything() -> None:
    problem = Problem(Place(3, 7), "unknown kind", "'gatee'", "one of env, gate", "gatee", ("env", "gate"))
    assert problem.line("c.yaml") == (
        "c.yaml:3:7: unknown kind; found 'gatee'; expected one of env, gate (did you mean 'gate'?)"
    )


def test_what_is_not_known_is_left_out() -> None:
    assert Problem(Place(1, 1), "is empty").line("f") == "f:1:1: is empty"
    assert Problem(Place(1, 1), "unknown", name="xyz", valid=("abc",)).line("f") == "f:1:1: unknown"


def test_nothing_is_nearest_among_too_many_or_to_something_too_long() -> None:
    assert nearest("gatee", ["gate"]) == "gate"
    assert nearest("gatee", ["gate", *map(str, range(5_000))]) == ""
    assert nearest("gate" * 1_000, ["gate" * 999]) == ""
    assert nearest("", ["a"]) == ""


@given(st.text())
def test_what_is_shown_is_one_short_printable_line(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 10 * 62


def test_a_password_in_a_url_is_not_shown() -> None:
    assert shown("postgresql://me:hunter22@host/db") == "'postgresql://me:[redacted]@host/db'"
    assert "hunter22" not in shown("x" * 30 + " postgresql://me:hunter22@host/db")
