"""Every SQL file that is loaded by name parses, says what it is for, and is used; the parser refuses what it cannot vouch for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import UsageError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.sqlfiles import Requirement, parse

ROOT = Path(__file__).parents[3]
FOLDERS = ("audits", "probes", "probes/rows", "context")
FILES = [(folder, name) for folder in FOLDERS for name in sqlfiles.names(folder)]
HEAD = "-- id: a\n-- title: t\n"


@pytest.mark.parametrize(("folder", "name"), FILES)
def test_file_parses_and_is_named_after_its_id(folder: str, name: str) -> None:
    file = sqlfiles.load(folder, name)
    assert file.id == name
    assert 10 <= len(file.title) <= 110
    if folder in ("audits", "probes"):
        assert file.severity in ("critical", "major", "minor")
        assert len(file.why) > 30
        assert len(file.remedy) > 10
    if folder == "audits":
        assert file.requires, "an audit without context passes on an empty database"


def _names_in_checklist(key: str) -> set[str]:
    found: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get(key), list):
                found.update(map(str, node[key]))
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(yaml.safe_load((ROOT / "checklist.yaml").read_text(encoding="utf-8")))
    return found


def test_every_audit_and_probe_is_used_and_every_used_name_exists() -> None:
    incremental = {
        sqlfiles.load("audits", name).headers.get("incremental", "") for name in sqlfiles.names("audits")
    } - {""}
    assert _names_in_checklist("audits") | incremental == set(sqlfiles.names("audits"))
    assert _names_in_checklist("probes") == set(sqlfiles.names("probes"))


def test_every_context_file_is_used_in_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/pointsctl/postgres").glob("*.py"))
    assert set(re.findall(r'load\("context", "([\w-]+)"\)', code)) == set(sqlfiles.names("context"))


def test_incremental_form_exists_and_takes_a_time() -> None:
    for name in sqlfiles.names("audits"):
        other = sqlfiles.load("audits", name).headers.get("incremental")
        if other:
            assert sqlfiles.load("audits", other).parameters["since"].type == "timestamptz"


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="no file 'rls-enable' in sql/audits") as refused:
        sqlfiles.load("audits", "rls-enable")
    assert refused.value.hint == "did you mean 'rls-enabled'?"


def test_headers_continue_on_indented_lines() -> None:
    file = parse("x", "a", f"{HEAD}-- why: one\n--   two\n--   three\n-- other: more\nSELECT 1\n")
    assert (file.why, file.headers["other"], file.statement) == ("one two three", "more", "SELECT 1")


def test_comment_after_the_header_belongs_to_the_statement() -> None:
    assert parse("x", "a", f"{HEAD}-- Because of this\nSELECT 1;\n").statement == "-- Because of this\nSELECT 1"


def test_parameters_have_types_defaults_and_descriptions() -> None:
    text = f'{HEAD}-- parameter max: integer = 3; how many\n-- parameter names: text[] = ["a; b"]; which\nSELECT %(max)s, %(names)s'
    with pytest.raises(ValueError, match="parameter"):
        parse("x", "a", text.replace("integer", "decimal"))
    file = parse("x", "a", text.replace("a; b", "a"))
    assert file.arguments({}) == {"max": 3, "names": ["a"]}
    assert file.arguments({"max": 4, "names": ("c",)}) == {"max": 4, "names": ["c"]}
    assert file.parameters["max"].description == "how many"


def test_required_parameter_must_be_given() -> None:
    file = parse("x", "a", f"{HEAD}-- parameter since: timestamptz; from when\nSELECT %(since)s")
    assert file.arguments({"since": "2026-01-31T08:00:00Z"}) == {"since": datetime(2026, 1, 31, 8, tzinfo=UTC)}
    with pytest.raises(UsageError, match="needs the parameter 'since'"):
        file.arguments({})
    for bad in ("yesterday", "2026-01-31T08:00:00", 5, None):
        with pytest.raises(UsageError, match="a time with its zone"):
            file.arguments({"since": bad})


def test_requirements_follow_the_arguments() -> None:
    text = f'{HEAD}-- parameter tables: text[] = ["public.a"]; which\n-- requires: role anon, table {{tables}}\nSELECT %(tables)s'
    file = parse("x", "a", text)
    given_tables = file.requirements(file.arguments({"tables": ["public.b", "public.c", "public.b"]}))
    assert given_tables == (
        Requirement("role", "anon"),
        Requirement("table", "public.b"),
        Requirement("table", "public.c"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- title: t\nSELECT 1", "no header 'id'"),
        ("-- id: a\nSELECT 1", "no header 'title'"),
        (HEAD, "exactly one statement"),
        (f"{HEAD}-- only a comment", "exactly one statement"),
        (f"{HEAD}SELECT 1; DROP TABLE x", "exactly one statement"),
        (f"{HEAD}SELECT 1;;", "exactly one statement"),
        (f"{HEAD}SELECT 5 % 2", "percent sign"),
        (f"{HEAD}SELECT %s", "percent sign"),
        (f"{HEAD}SELECT %(max)s", r"placeholders \['max'\], declared \[\]"),
        (f"{HEAD}-- parameter max: integer = 1; m\nSELECT 1", r"placeholders \[\], declared \['max'\]"),
        (f"{HEAD}-- parameter max: integer = true; m\nSELECT %(max)s", "a whole number"),
        (f"{HEAD}-- parameter max: integer\nSELECT %(max)s", "expected `type = default; description`"),
        (f"{HEAD}-- requires: sequence public.a\nSELECT 1", "requires 'sequence public.a'"),
        (f"{HEAD}-- requires: role\nSELECT 1", "requires 'role'"),
        (f"{HEAD}-- requires: table {{tables}}\nSELECT 1", "requires 'table {tables}'"),
    ],
)
def test_file_that_breaks_the_rules_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse("x", "a", text)


@pytest.mark.parametrize(
    "literal", ["'a;b'", "'it''s; fine'", '"odd;name"', "$$ a; b $$", "$x$ ; $$ ; $x$", "1 /* ; */", "1 -- ;"]
)
def test_semicolon_in_quotes_or_comments_ends_nothing(literal: str) -> None:
    assert parse("x", "a", f"{HEAD}SELECT {literal}\n;\n").statement == f"SELECT {literal}"


@given(st.text(alphabet="a;'\"-$/*% \n(", max_size=40))
def test_second_statement_is_never_overlooked(noise: str) -> None:
    try:
        parse("x", "a", f"{HEAD}SELECT 1\n;DROP TABLE x\n{noise}")
    except ValueError:
        return
    pytest.fail("two statements were taken for one")
