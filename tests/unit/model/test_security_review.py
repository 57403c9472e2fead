"""The security review: nothing that touches who may do what escapes it, however it is written; comments alone need none."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pointsctl.model.security_review import review_reasons
from pointsctl.model.sql_text import read_sql

NAME = "20250101_x.sql"

TOUCHING = {
    "grants": [
        "GRANT SELECT ON t TO anon",
        "REVOKE ALL ON t FROM public",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon",
    ],
    "policies": ["CREATE POLICY p ON t USING (true)", "DROP POLICY p ON t"],
    "row level security": ["ALTER TABLE t DISABLE ROW LEVEL SECURITY", "SET row_security = off"],
    "roles or ownership": [
        "ALTER TABLE t OWNER TO mallory",
        "CREATE USER mallory",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "REASSIGN OWNED BY a TO b",
    ],
    "definer rights": ["CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$"],
    "functions that may have definer rights": [
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
        "DROP FUNCTION f()",
        "ALTER ROUTINE f() RENAME TO g",
    ],
    "the system catalogs": [
        "DELETE FROM pg_policy",
        "UPDATE ONLY pg_catalog.pg_proc SET prosecdef = true",
        'UPDATE "pg_catalog" . "pg_class" SET relrowsecurity = false',
        "UPDATE ONLY ( pg_class ) SET relacl = NULL",
        "INSERT INTO pg_policy VALUES (1)",
        "COPY pg_default_acl FROM stdin",
    ],
    "views": [
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE VIEW v WITH (security_invoker = false) AS SELECT 1",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        "ALTER TABLE v RESET (security_invoker)",
        'CREATE VIEW v ("a) with (security_invoker = true) as b") AS SELECT 1',
        'CREATE VIEW "v with (security_invoker=true) as" AS SELECT 1',
    ],
    "extensions or languages": [
        "CREATE EXTENSION dblink",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS $$1$$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE 'c' AS 'x', 'y'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE E'c' AS 'x', 'y'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE $$c$$ AS 'x', 'y'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE'internal' AS 'x'",
        'CREATE FUNCTION f() RETURNS int LANGUAGE "plpython3u" AS $$1$$',
        "LOAD 'library'",
    ],
    "DO blocks": ["DO $$ BEGIN NULL; END $$", "DO $x$ BEGIN NULL; END $x$", "DO 'BEGIN NULL; END'", "DO LANGUAGE plpgsql $$$$"],
    "dynamic SQL": [
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'gr' || 'ant'; END $$",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE function; END $$",
    ],
    "settings of the session or server": ["SET search_path = evil", "SELECT set_config('x.y', 'z', false)"],
    "the auth schema": ["INSERT INTO auth.users (id) VALUES (1)", 'UPDATE "auth"."users" SET id = 1'],
    "the ledger": ["DROP TABLE migration_audit", "ALTER TABLE public.migration_audit DISABLE TRIGGER USER"],
    "names written with escapes": ['ALTER TABLE U&"mi\\0067ration_audit" ADD x int'],
}  # fmt: skip
PLANTED = [(topic, statement) for topic, statements in TOUCHING.items() for statement in statements]

HARMLESS = [
    "CREATE TABLE t (id bigint PRIMARY KEY, points int NOT NULL)",
    "CREATE INDEX CONCURRENTLY i ON t (id)",
    "INSERT INTO t VALUES (1, 2) ON CONFLICT DO NOTHING",
    "INSERT INTO t VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET points = 2",
    "CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION public.f()",
    "CREATE VIEW v WITH (security_invoker = true) AS SELECT 1",
    "CREATE OR REPLACE VIEW public.v (a, b) WITH (security_invoker=on) AS SELECT 1, 2",
    "COMMENT ON TABLE t IS 'the customer''s points, migrated'",
    "ALTER TABLE t ADD COLUMN user_id uuid",
    "UPDATE t SET id = $1",
    "INSERT INTO t SELECT oid FROM pg_class",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
    "UPDATE t SET language = 'cu'",
]


def topics(text: str) -> list[str]:
    return [one.partition(" touches ")[2] or one for one in review_reasons({NAME: text.encode()})]


@pytest.mark.parametrize(("topic", "statement"), PLANTED)
def test_what_touches_security_is_named(topic: str, statement: str) -> None:
    assert topic in topics(f"{statement};")
    assert topic in topics(f"{statement.lower()};")
    assert topic in topics(f"{statement.upper()};") or "$" in statement  # the tags of dollar quotes have a case


@pytest.mark.parametrize("statement", HARMLESS)
def test_what_does_not_needs_no_review(statement: str) -> None:
    assert topics(f"{statement};") == []


@pytest.mark.parametrize(
    "text",
    [
        "-- GRANT ALL ON t TO anon\nSELECT 1;",
        "/* GRANT */ SELECT 1;",
        "/* a /* nested GRANT */ comment with GRANT */ SELECT 1;",
        "GR/**/ANT;",
        "SELECT 1; -- DO $$",
    ],
)
def test_comments_need_no_review(text: str) -> None:
    assert topics(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '--'; GRANT ALL ON t TO anon;",
        "SELECT '/*'; GRANT ALL ON t TO anon; SELECT '*/';",
        'SELECT "--"; GRANT ALL ON t TO anon;',
        "SELECT $$--$$; GRANT ALL ON t TO anon;",
        "SELECT $a$ /* $a$; GRANT ALL ON t TO anon; SELECT $b$ */ $b$;",
        "SELECT E'\\'--'; GRANT ALL ON t TO anon;",
        "SELECT E'\\'; GRANT ALL ON t TO anon; --';",
        "SELECT 'it''s --'; GRANT ALL ON t TO anon;",
        "/* /* */ */ GRANT ALL ON t TO anon;",
        "--\rGRANT ALL ON t TO anon;",
        "SELECT a$$; GRANT ALL ON t TO anon; --$$",
        "SELECT 1GRANT;",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'GRANT ALL ON t TO anon'",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS E'\\107RANT ALL ON t TO anon'",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $a$ -- $a\n GRANT ALL ON t TO anon $a$",
        "\ufeffGRANT ALL ON t TO anon",
    ],
)
def test_nothing_hides_what_follows(text: str) -> None:
    assert "grants" in topics(text)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("CREATE FUNCTION f() RETURNS void AS $$ ALTER /* */ USER x $$", "roles or ownership"),
        ("CREATE FUNCTION f() RETURNS void AS ' ALTER -- x\n USER y '", "roles or ownership"),
        ("ALTER TABLE t DISABLE ROW/**/LEVEL--x\nSECURITY", "row level security"),
        ("DO/* */$$ BEGIN NULL; END $$", "DO blocks"),
    ],
)
def test_words_that_comments_separate_belong_together(text: str, topic: str) -> None:
    assert topic in topics(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'a",
        "/* a",
        "$$ a",
        "$a$ b $A$",
        'SELECT "a',
        "\\gexec",
        "SELECT '\\'; GRANT ALL ON t TO anon; --'",
        "SELECT E'a'\n'b\\' ; --'",
        "SELECT ' it''s /* '",
        "SELECT \x00",
    ],
)
def test_what_cannot_be_read_for_sure_needs_a_review(text: str) -> None:
    assert any("cannot be read for sure" in one for one in topics(text))


def test_what_is_not_text_or_too_large_needs_a_review() -> None:
    assert review_reasons({NAME: b"SELECT 1;\n\xff"}) == (f"{NAME}:2 is not UTF-8",)
    assert review_reasons({NAME: None}) == (f"{NAME}:1 is too large to be searched",)


def test_reasons_name_file_and_line_once_for_each_topic() -> None:
    text = b"SELECT 1;\n-- GRANT\nGRANT SELECT ON t TO anon;\nGRANT SELECT ON u TO anon;\nDROP POLICY p ON t;\n"
    assert review_reasons({NAME: text}) == (f"{NAME}:3 touches grants", f"{NAME}:5 touches policies")
    escaped = b"SELECT E'\\n\\n', $$\n/*\n*/ $$;\nGRANT SELECT ON t TO anon;"
    assert review_reasons({NAME: escaped}) == (f"{NAME}:4 touches grants",)


def test_many_files_give_a_bounded_list_and_hostile_names_are_escaped() -> None:
    reasons = review_reasons({f"{number:03}_\x1b[2J.sql": b"GRANT x" for number in range(200)})
    assert len(reasons) == 61
    assert all(one.isprintable() and len(one) < 400 for one in reasons)


GAPS = st.sampled_from(
    [" ", "\n", "\t", "\r\n", "\f", "\v", " /* x */ ", "/**/", "/* /* ' */ $$ */", " -- it's\n", "--\n"]
)
AROUND = st.sampled_from(
    ["", "SELECT 1;", "SELECT '--';", "SELECT '/*';", "SELECT $q$ ' $q$;", 'SELECT "/*";', "-- '\n", "/* $$ */", "SELECT E'\\'';"]
)  # fmt: skip


@given(st.sampled_from(PLANTED), st.lists(GAPS, min_size=40, max_size=40), AROUND, AROUND, st.randoms())
def test_no_planted_statement_escapes(
    planted: tuple[str, str], gaps: list[str], before: str, after: str, dice: random.Random
) -> None:
    topic, statement = planted
    words = ["".join(dice.choice((char.upper(), char.lower())) for char in word) for word in statement.split(" ")]
    if "$" in statement or "'" in statement or '"' in statement:
        words = statement.split(" ")
        gaps = [gap if "-" not in gap and "/" not in gap and "'" not in gap else "\n" for gap in gaps]
    wrapped = "".join(part for pair in zip(words, gaps, strict=False) for part in pair)
    found = topics(f"{before}{wrapped};{after}")
    assert topic in found or any("cannot be read for sure" in one for one in found)


@given(st.text(max_size=300))
@example("'" * 99)
@example("$$" * 99)
@example("/*" * 99)
def test_any_text_is_read_and_keeps_its_lines(text: str) -> None:
    read = read_sql(text)
    assert read.searchable.count("\n") == text.count("\n")
    assert review_reasons({NAME: text.encode("utf-8", "surrogatepass")}) is not None


SQL = st.lists(
    st.sampled_from(["'", '"', "$$", "$a$", "/*", "*/", "--", "\n", "E'", "\\", "grant", "x", " ", ";", "1", "_"]),
    max_size=40,
)


@given(SQL)
def test_what_is_left_out_was_a_comment(parts: list[str]) -> None:
    """Where no comment begins, nothing is left out."""
    text = "".join(parts)
    read = read_sql(text)
    if "--" not in text and "/*" not in text and "\\" not in text and read.unclear is None:
        assert read.searchable.lower().count("grant") == text.lower().count("grant")
