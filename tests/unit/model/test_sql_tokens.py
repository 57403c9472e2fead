"""Tokens: what is a comment, a name, a text; and time in proportion to the length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.sql_tokens import MOST_TOKENS, TokenKind, normalised, tokens, tokens_from


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("select 1 -- two\n, 3", ["select", "1", ",", "3"]),
        ("a/* b /* c */ d */e", ["a", "e"]),
        ("'it''s' \"Na\"\"me\"", ["it's", 'Na"me']),
        (r"e'a\'b\x41\101\u0041'", ["a'bAAA"]),
        (r"U&'\0061\+000062' u&" + '"\\0061non"', ["ab", "anon"]),
        ("$$a;b$$ $x$c $$ d$x$ $1", ["a;b", "c $$ d", "$", "1"]),
        ("a$b$c", ["a$b$c"]),
        ("x::int := 1||2", ["x", "::", "int", ":=", "1", "||", "2"]),
        ("'open", ["'", "open"]),
        ("/* open", []),
        ("$$open", ["open"]),
    ],
)
def test_a_text_becomes_tokens(text: str, values: list[str]) -> None:
    assert [token.value for token in tokens(text)] == values


def test_lines_are_counted_over_everything() -> None:
    assert [token.line for token in tokens("a\n/*\n*/ b '\n' \n$$\n$$ c", 10)] == [10, 12, 12, 14, 15]


def test_words_are_folded_and_quoted_names_are_no_words() -> None:
    word, name = tokens('SELECT "select"')
    assert (word.kind, word.value, word.word("select")) == (TokenKind.WORD, "select", True)
    assert (name.kind, name.value, name.word("select")) == (TokenKind.NAME, "select", False)


@given(st.text())
def test_every_text_can_be_read(text: str) -> None:
    assert all(token.line >= 1 for token in tokens_from(text))
    assert "\0" in text or isinstance(normalised(text), str)


@pytest.mark.parametrize("piece", ["'", '"', "$a$", "/*", "--", "e'\\", "(", "a ", "\n", "$"])
def test_no_text_takes_long(piece: str) -> None:
    assert len(tokens(piece * 30_000)) <= MOST_TOKENS


def test_equal_statements_are_normalised_to_one_text() -> None:
    assert normalised("SELECT 1 ,'a' /* x */") == normalised("select\n1, 'a'")
    assert normalised("select 'a b'") != normalised("select 'a' b")
    assert normalised('select "a"') != normalised("select a")
