"""The plan's file: what was written is read again, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.ledger import Head
from pointsctl.model.plan import PlanError
from pointsctl.model.plan_file import PlanFile, read_plan_file
from tests.support.approvals import NOW, VALID_FOR, planned, trust

FILE = PlanFile(planned().plan, trust(), Head(7, "0f" * 32), NOW, VALID_FOR, ("20250725000001_points.sql",))
TEXT = FILE.text()


def test_it_is_read_as_it_was_written() -> None:
    assert read_plan_file(TEXT) == FILE
    assert read_plan_file(TEXT.encode()).text() == TEXT
    assert TEXT.endswith("}\n")
    assert json.loads(TEXT)["schema"] == "pointsctl/plan-file/v1"


def edited(edit: Callable[[Any], object]) -> str:
    document = json.loads(TEXT)
    edit(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    "edit",
    [
        lambda one: one.update(schema="pointsctl/plan-file/v2"),
        lambda one: one.pop("trust"),
        lambda one: one.update(more=1),
        lambda one: one.update(environment="staging"),
        lambda one: one["database"].update(database_oid=1),
        lambda one: one["trust"].update(allowed_signers=""),
        lambda one: one["trust"].update(revoked_keys="!"),
        lambda one: one["trust"]["policy"]["roles"]["engineering-lead"].update(principals=["mallory@example.test"]),
        lambda one: one["plan"]["content"].update(roles=[]),
        lambda one: one["head"].update(seq=-1),
        lambda one: one.update(now="yesterday"),
        lambda one: one.update(valid_for="for ever"),
    ],
)
def test_what_is_edited_is_refused(edit: Callable[[Any], object]) -> None:
    with pytest.raises(PlanError, match="cannot be used") as caught:
        read_plan_file(edited(edit))
    assert caught.value.message.isprintable()


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(PlanError):
        read_plan_file(TEXT.replace('{"database"', '{"environment":"production","database"', 1))


def test_other_content_has_another_digest() -> None:
    """The file is signed by nobody; what is signed for is the digest of what it holds."""
    read = read_plan_file(edited(lambda one: one["plan"]["content"].update(authors=[])))
    assert read.plan.digest != FILE.plan.digest


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_refused(content: bytes | str) -> None:
    with pytest.raises(PlanError):
        read_plan_file(content)


@given(st.integers(0, len(TEXT) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_any_edit_of_one_character_is_refused_or_another_file(position: int, char: str) -> None:
    changed = TEXT[:position] + char + TEXT[position + 1 :]
    try:
        read = read_plan_file(changed)
    except PlanError:
        return
    assert read != FILE or changed.split() == TEXT.split()


def test_a_duration_is_written_as_people_write_it() -> None:
    assert json.loads(TEXT)["valid_for"] == "3d"
    assert read_plan_file(TEXT).valid_for == timedelta(days=3)
