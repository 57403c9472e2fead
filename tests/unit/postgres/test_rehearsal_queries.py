"""Every statement that a rehearsal is measured with parses, is named after its file, and is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pointsctl.postgres import sqlfiles

SOURCES = Path(__file__).parents[3] / "src/pointsctl/postgres"


@pytest.mark.parametrize("name", sqlfiles.names("rehearsal"))
def test_query_parses_and_is_named_after_its_id(name: str) -> None:
    file = sqlfiles.load("rehearsal", name)
    assert file.id == name
    assert 10 <= len(file.title) <= 110


def test_every_query_is_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.py"))
    unused = [name for name in sqlfiles.names("rehearsal") if not re.search(rf'"{name}"', text)]
    assert unused == []
