"""The ledger's SQL: every query is a well-formed file that is used, and every script is named by what runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pointsctl.postgres import sqlfiles
from pointsctl.postgres.ledger_catalogue import formats, function_digests

ROOT = Path(__file__).parents[3]
MODULES = [path.read_text(encoding="utf-8") for path in (ROOT / "src/pointsctl").glob("*/*.py")]
CODE = "".join(MODULES)


@pytest.mark.parametrize("name", sqlfiles.names("ledger/queries"))
def test_query_parses_and_is_named_after_its_id(name: str) -> None:
    assert sqlfiles.load("ledger/queries", name).id == name


def test_every_query_is_used() -> None:
    asking = "".join(text for text in MODULES if '"ledger/queries"' in text)
    used = set(re.findall(r'(?:_statement\(|load\(_QUERIES, )"([\w-]+)"', asking))
    assert used == set(sqlfiles.names("ledger/queries"))


@pytest.mark.parametrize("folder", ["backup", "context", "functions", "lint", "migration", "rehearsal"])
def test_every_statement_of_another_room_is_used(folder: str) -> None:
    names = sqlfiles.names(folder)
    assert names
    assert [name for name in names if f'"{name}"' not in CODE] == []


def test_every_script_is_run() -> None:
    named = set(re.findall(r'run_script\(connection, "([\w-]+)"\)', CODE))
    assert named | set(formats().values()) == set(sqlfiles.names("ledger"))


def test_formats_are_numbered_without_a_gap() -> None:
    assert sorted(formats()) == list(range(1, len(formats()) + 1))


def test_functions_are_found_by_their_bodies() -> None:
    assert set(function_digests("0001_migration_audit")) == {"migration_audit_append", "migration_audit_refuse"}
    assert set(function_digests("guard")) == {"migration_audit_guard"}
