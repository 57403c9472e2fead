"""Each rule of the linter's own finds what it is for, and not what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.lint import Role, SourceFile
from pointsctl.model.lint_rules.every import RULES, find
from pointsctl.model.lint_rules.seen import Seen
from pointsctl.model.sql_statements import split
from tests.support.lint_examples import EXAMPLES, TABLES

BAD = [(rule, text) for rule, examples in EXAMPLES.items() for text in examples.bad]
GOOD = [(rule, text) for rule, examples in EXAMPLES.items() for text in examples.good]
PIECES = [
    "delete from t",
    "update t set a = 1",
    "where",
    "$$",
    "$a$",
    "'",
    '"',
    "/*",
    "*/",
    "--",
    "\n",
    ";",
    "(",
    ")",
    "do",
]


def rules(text: str, role: Role = Role.MIGRATION, seen: Seen | None = None) -> list[str]:
    content = text.encode()
    found = find(SourceFile("a.sql", content, role), split(content), seen or Seen(TABLES))
    return [one.rule.id for one in found]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_what_is_bad_is_found(rule: str, text: str) -> None:
    assert rule in rules(text, EXAMPLES[rule].role)


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_what_only_looks_like_it_is_not(rule: str, text: str) -> None:
    assert rule not in rules(text, EXAMPLES[rule].role)


def test_every_rule_has_examples_and_says_what_to_do() -> None:
    assert sorted(EXAMPLES) == sorted(rule.id for rule in RULES)
    assert all(rule.title and rule.why and rule.instead for rule in RULES)
    assert all(one.bad and one.good for one in EXAMPLES.values())


@pytest.mark.parametrize("rule", ["large-table-rewrite", "large-table-scan", "large-table-index", "large-view-refresh"])
def test_without_a_database_no_size_is_judged(rule: str) -> None:
    assert all(rule not in rules(text, seen=Seen()) for text in EXAMPLES[rule].bad)


def test_lines_are_those_of_the_file_also_inside_of_blocks() -> None:
    content = b"-- one\n\ndo $$\nbegin\n  -- five\n  delete\n  from t;\n  execute 'truncate\n t';\nend $$;\n"
    found = find(SourceFile("a.sql", content), split(content), Seen())
    assert [(one.rule.id, one.line) for one in found] == [("unfiltered-delete", 6), ("truncate", 8)]


def test_a_key_stays_when_lines_move_and_changes_with_the_statement() -> None:
    def key(text: str, name: str = "a.sql") -> str:
        return find(SourceFile(name, text.encode()), split(text.encode()), Seen())[0].key

    first = key("delete from t;")
    assert first == key("\n\n-- moved\nDELETE\n  FROM t ;")
    assert first != key("delete from u;")
    assert first != key('delete from "T";')
    assert first != key("delete from t;", "b.sql")


def test_a_silenced_file_has_another_key_when_anything_in_it_changes() -> None:
    def key(text: str) -> str:
        return find(SourceFile("a.sql", text.encode()), split(text.encode()), Seen())[0].key

    assert key("-- squawk-ignore-file\nselect 1;") != key("-- squawk-ignore-file\nselect 1; drop table t;")


def test_a_reverse_script_may_do_what_it_is_for() -> None:
    assert rules("drop policy p on t;", Role.REVERSE) == []
    assert rules("delete from t;", Role.REVERSE) == ["unfiltered-delete"]


def test_a_table_made_by_a_pending_file_before_has_no_size_yet() -> None:
    seen = Seen(TABLES)
    rules("create table mine (a int);", seen=seen)
    assert rules("create index i on mine (a);", seen=seen) == []
    assert rules("delete from mine;", seen=seen) == ["unfiltered-delete"]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join))
def test_nothing_written_makes_it_fail(text: str) -> None:
    rules(text)


@given(st.text(max_size=60), st.sampled_from(["--{}\n", "/*{}*/", "-- {}\r\n"]))
def test_a_comment_hides_nothing_that_follows(comment: str, shape: str) -> None:
    comment = "".join(one for one in comment if one not in "\r\n*/\0" and one.isprintable())
    assert "unfiltered-delete" in rules(f"delete {shape.format(comment)} from {shape.format(comment)} t;")


@pytest.mark.parametrize("piece", ["then drop ", "begin delete from t ", "execute 'do $$begin execute' "])
def test_texts_in_texts_are_read_in_bounded_time_and_told_when_not_to_the_end(piece: str) -> None:
    assert "statement-too-long" in rules(f"do $z$ begin {piece * 1_001}; $z$;")


def test_what_is_hidden_behind_a_very_long_statement_in_a_block_is_told_as_unread() -> None:
    long = ", ".join(f"c{number} = {number}" for number in range(1_500))
    assert "statement-too-long" in rules(f"do $z$ begin update t set {long} where id = 1; end $z$;")
    assert "statement-too-long" not in rules("do $z$ begin update t set c = 1 where id = 1; end $z$;")
