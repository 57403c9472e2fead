"""How a file is cut into what is committed together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.migration_segments import lines_before, obstacles, segments
from pointsctl.model.sql_statements import split

TOGETHER = ("create table a (x int)", "insert into a values (1)", "select 1", "savepoint s", "release s")
ALONE = ("create index concurrently i on a (x)", "vacuum a", "drop index concurrently i", "alter system reset all")


@given(st.lists(st.sampled_from([*TOGETHER, *ALONE]), max_size=12))
def test_every_statement_is_sent_once_and_in_order(statements: list[str]) -> None:
    parts = segments(split("".join(f"{one};\n" for one in statements).encode()))
    sent = [step.statement.text for part in parts for step in part.steps]
    assert sent == statements
    assert [step.index for part in parts for step in part.steps] == list(range(len(statements)))
    assert [part.first for part in parts] == sorted({part.first for part in parts})


@given(st.lists(st.sampled_from([*TOGETHER, *ALONE]), max_size=12))
def test_what_no_transaction_holds_is_alone_and_the_end_is_not(statements: list[str]) -> None:
    parts = segments(split("".join(f"{one};\n" for one in statements).encode()))
    assert not parts[-1].alone
    for part in parts:
        assert part.alone == any(not step.kind.runs_in_transaction for step in part.steps)
        assert not part.alone or len(part.steps) == 1


def test_begin_and_commit_around_the_file_are_left_out() -> None:
    (part,) = segments(split(b"begin;\nselect 1;\nselect 2;\nEND TRANSACTION;\n"))
    assert [(step.index, step.statement.text) for step in part.steps] == [(1, "select 1"), (2, "select 2")]
    assert obstacles(split(b"Start Transaction;\nselect 1;\ncommit work;\n")) == ()


def test_a_file_of_comments_is_one_empty_part() -> None:
    assert [part.steps for part in segments(split(b"-- nothing\n"))] == [()]


def test_obstacles_are_told_by_line() -> None:
    found = obstacles(split(b"select 1;\ncommit;\n-- why\nrollback;\n"))
    assert [one.line for one in found] == [2, 4]


def test_lines_before_a_position() -> None:
    assert [lines_before("a\nb\nc", position) for position in (None, 1, 2, 3, 5)] == [0, 0, 0, 1, 2]
