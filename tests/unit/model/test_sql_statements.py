"""Files cut into statements: every case that the Supabase CLI was seen to store, and what it cannot be given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.sql_statements import split
from pointsctl.model.supabase_split import cut

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "supabase-history-3.1.0.json").read_text("utf-8")
)["cases"]
REFUSED = {"create_rule": 3, "copy_inline": 2}


def texts(content: str | bytes) -> list[str]:
    found = split(content if isinstance(content, bytes) else content.encode())
    return [one.text for one in found.statements]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_as_the_cli_stored_it(case: dict[str, Any]) -> None:
    script = split(case["file"].encode())
    if case["recorded"] is None:
        assert [one.line for one in script.unusable] == [REFUSED[case["case"]]]
        return
    assert [one.text for one in script.statements] == case["recorded"]["statements"]
    assert script.unusable == ()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # The quirks of the CLI's lexer that PostgreSQL does not share.
        ("select ((1);2);", ["select ((1)", "2)"]),
        ("select (1;2);3", ["select (1;2)", "3"]),
        ("$a$a$;b", ["$a$a$", "b"]),
        ("$1$;$1$;2", ["$1$;$1$", "2"]),
        ("select a$b$;c", ["select a$b$", "c"]),
        ("select begin atomic from t; select 2", ["select begin atomic from t; select 2"]),
        ("begin/**/atomic;end;", ["begin/**/atomic", "end"]),
        ("begin atomic case end; /* x */ end;2", ["begin atomic case end; /* x */ end", "2"]),
        ("begin atomic ending; end;2", ["begin atomic ending; end", "2"]),
        ("begin atomic begin atomic 1; end; end;2", ["begin atomic begin atomic 1; end; end", "2"]),
        ("begin atomic (begin atomic ); end;) ; end;2", ["begin atomic (begin atomic ); end;) ; end", "2"]),
        ("select E'a\\';b';2", ["select E'a\\';b'", "2"]),
        ("select 'a\\';b';2", ["select 'a\\'", "b';2"]),
        ("select nameE'a\\';b", ["select nameE'a\\'", "b"]),
        ("select E'a'\n'\\';b';2", ["select E'a'\n'\\';b'", "2"]),
        ("select E'a' -- x\n '\\';b';2", ["select E'a' -- x\n '\\';b'", "2"]),
        ("select E'a' '\\';b';2", ["select E'a' '\\'", "b';2"]),
        ("a\\;b;c", ["a\\;b", "c"]),
        ("(a\\);b", ["(a\\)", "b"]),
        ("/*/*/;*/*/;a", ["/*/*/;*/*/", "a"]),
        ("--a;\rb;c", ["--a;\rb", "c"]),
        ("a;;;\u00a0;\u2028b\ufeff;\x1cc\x85", ["a", "b", "\x1cc\x85"]),
        ("(a;;", ["(a"]),
    ],
)
def test_where_the_cli_is_peculiar(content: str, expected: list[str]) -> None:
    assert texts(content) == expected


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b"select 1;\n\\i other.sql\n", 2, r"\\i is a command of psql, which"),
        (b"\\connect other\nselect 1;", 1, "command of psql"),
        (b"select 1;\n\ncopy a (x, y)\n from /* c */ stdin with csv;\n1,2\n\\.\n", 3, "COPY"),
        (b"-- c\nCOPY a FROM STDOUT;\n", 2, "COPY"),
        (b"select 1;\nselect 'a;\n", 2, "a text in quotes that does not end"),
        (b"select e'a\\';\n", 1, "a text in quotes that does not end"),
        (b'select "a;\n', 1, "a name in quotes that does not end"),
        (b"\n/* a /* b */;\n", 2, "a comment that does not end"),
        (b"do $x$ begin end $y$;", 1, "a dollar-quoted text that does not end"),
        (b"create table a (b int;\n", 1, "a parenthesis that does not end"),
        (b"select 1;\nselect '\x00';", 2, "NUL"),
        (b"select 1;\nselect '\xff';", 2, "byte 0xff is not UTF-8"),
        (b"select '\xed\xa0\x80';", 1, "not UTF-8"),
        ("select 1;\n".encode("utf-16"), 1, "not UTF-8"),
        (b"create rule r as on insert to a do also (\n insert into b values (1);\n select 1);", 2, "inside of its"),
        (b"select begin atomic from t;\nselect 2;", 1, "does not cut"),
        (b"select $1$;\nselect 2; select $1$;", 1, "does not cut"),
    ],
)
def test_what_cannot_be_applied_is_told_with_its_line(content: bytes, line: int, why: str) -> None:
    (found, *_) = split(content).unusable
    assert found.line == line
    assert why.replace("\\\\", "\\") in found.why
    assert found.hint


@pytest.mark.parametrize(
    "content",
    [
        "select '\\i', E'\\\\', $$\\i$$ -- \\i\n, /* \\i */ \"\\i\";",
        "copy a to stdout; copy b from '/tmp/stdin'; select 'copy a from stdin';",
        "copy (select x from stdin) to '/tmp/x';".replace("from stdin", "from std_in"),
        "select ((1), (2), ((3)));",
        "create function f() returns int language sql begin atomic select case when true then 1 else 2 end; end;",
        "create function f(a int default (1)) returns int begin atomic select (((1))); end; select 2;",
        "create or replace /* c */ procedure p() language sql begin atomic select E'\\''; end;",
        "create function f() returns int language sql as 'select 1; select 2'; select type'x', e'\\'';",
        "create policy p on a using ((a = (select auth.uid())));",
        "select U&'d\\0061t', 'it''s', \"a\"\"b\", 1-2, 4/2, $x$;$y$;$x$;",
    ],
)
def test_what_every_server_takes_is_not_refused(content: str) -> None:
    assert split(content.encode()).unusable == ()


def test_a_line_is_where_the_text_begins() -> None:
    script = split(b"\n\n-- c\ncreate table a();\r\n\r\n  ;  select\n1; \n\n\n\tselect 2")
    assert [(one.line, one.text[:6]) for one in script.statements] == [(3, "-- c\nc"), (6, "select"), (10, "select")]


@pytest.mark.parametrize("first", ["-- pg-delta: transaction=false\n", "\ufeff-- pg-delta: transaction=false\r\n"])
def test_a_file_may_ask_for_no_transaction(first: str) -> None:
    assert not split(f"{first}vacuum;".encode()).transactional
    assert split(f" {first}vacuum;".encode()).transactional


PIECES = st.sampled_from(
    [
        "'",
        '"',
        "--",
        "/*",
        "*/",
        "$$",
        "$a$",
        "$",
        "(",
        ")",
        ";",
        ";",
        "\n",
        " ",
        "\\",
        "E'",
        "begin atomic",
        "end",
        "x",
        "case",
        "create function ",
        "copy ",
        "from stdin",
        "\ufeff",
        "é",
        "\0",
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_nothing_is_lost_and_nothing_is_raised(text: str) -> None:
    pieces = cut(text)
    assert "".join(text[start:end] for start, end in pieces) == text
    script = split(text.encode())
    lines = [one.line for one in script.statements]
    assert lines == sorted(lines)
    lines += [one.line for one in script.unusable]
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


@given(st.binary(max_size=60))
def test_any_bytes_are_told(content: bytes) -> None:
    script = split(content)
    assert bool(script.unusable) >= (not _is_utf8(content))


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    "piece",
    [
        "'",
        "e'",
        "e'' ",
        "(",
        "(((e'' ",
        "/*",
        "/*/",
        "--",
        "- ",
        "$",
        "$a$",
        "$a ",
        "\\",
        '"',
        "begin atomic ",
        ";end",
        "end ",
        "begin atomic /*/**/*/;",
        "create function ",
        "E'a' \n",
        "E'a' -- \n",
        "copy stdin ",
        "case end ",
    ],
)
def test_the_time_grows_with_the_size(piece: str) -> None:
    # A quadratic reader would need hours for these, and the run's time limit would end it.
    for text in (piece * 30_000, "begin atomic " + piece * 30_000):
        found = split(text.encode())
        assert found.statements or found.unusable
