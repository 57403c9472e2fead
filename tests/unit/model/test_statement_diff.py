"""What differs is shown, within bounds, in linear time, and without passwords."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.redaction import MARK
from pointsctl.model.statement_diff import MOST_LINES, statement_diff

LINES = st.sampled_from(["a", "b", "-- a", "--- b", "@@ c", "+++", "", "a\r", " a"])
STATEMENTS = st.lists(st.lists(LINES, max_size=6).map("\n".join), max_size=6)


@given(STATEMENTS, STATEMENTS)
def test_whatever_differs_leaves_a_line_of_each_side_that_has_it(applied: list[str], file: list[str]) -> None:
    lines = statement_diff(applied, file)
    removed = [line[1:] for line in lines if line.startswith("-")]
    added = [line[1:] for line in lines if line.startswith("+")]
    before = "".join(f"{one};\n" for one in applied).split("\n")
    after = "".join(f"{one};\n" for one in file).split("\n")
    assert (removed or added) if before != after else not (removed or added)
    assert all(line in before for line in removed)
    assert all(line in after for line in added)
    assert len(before) - len(removed) == len(after) - len(added)


def test_a_changed_comment_is_shown() -> None:
    assert statement_diff(["-- one\nselect 1"], ["-- two\nselect 1"]) == ("--- one", "+-- two", " select 1;")


def test_only_what_is_around_a_change_is_shown() -> None:
    many = [f"select {number}" for number in range(100)]
    changed = [*many[:50], "select 'x'", *many[51:]]
    assert len(statement_diff(many, changed)) == 8


def test_a_large_difference_is_bounded_and_takes_no_time() -> None:
    lines = statement_diff([f"select {n}" for n in range(100_000)], [f"select {n}0" for n in range(100_000)])
    assert len(lines) == MOST_LINES + 2
    assert lines[-1] == "+… 99,900 more lines"


def test_passwords_and_keys_are_not_shown() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
    shown = "\n".join(
        statement_diff(["alter role a password 'geheim''nis'"], [f"alter role a PASSWORD E'ge\\'heim'; select '{key}'"])
    )
    assert "geheim" not in shown
    assert "heim" not in shown
    assert "c2VjcmV0" not in shown
    assert shown.count(MARK) >= 3
