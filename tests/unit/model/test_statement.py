"""Statements are read only as pointsctl writes them, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.canonical import canonical_text
from pointsctl.model.ledger import EMPTY
from pointsctl.model.statement import (
    AnchorStatement,
    ApprovalStatement,
    DatabaseName,
    Decision,
    HeadName,
    StatementError,
    read_statement,
)
from pointsctl.model.strict_json import parse

COMMON: dict[str, Any] = {
    "environment": "production",
    "database": DatabaseName(system_identifier="7512", database_oid=16384, database="points"),
    "principal": "ada@example.test",
    "not_before": datetime(2026, 1, 31, 8, 0, 0, 123_456, tzinfo=UTC),
    "expires_at": datetime(2026, 2, 3, 8, tzinfo=UTC),
    "head": HeadName(seq=7, hash="a" * 64),
    "nonce": "0" * 32,
}


def approval(**others: Any) -> ApprovalStatement:
    given = {"plan": "b" * 64, "evidence": "c" * 64, "role": "engineering-lead", "decision": Decision.APPROVE}
    return ApprovalStatement(**{**COMMON, **given, **others})


def test_written_and_read() -> None:
    statement = approval(comment="looks right\n\x1b[31m")
    assert read_statement(statement.text()) == read_statement(statement.text().encode()) == statement
    assert '"schema":"pointsctl/approval/v1"' in statement.text()
    assert '"not_before":"2026-01-31T08:00:00.123Z"' in statement.text()
    assert read_statement(AnchorStatement(**COMMON).text()).ledger_head != EMPTY


def test_times_are_written_in_utc() -> None:
    there = datetime(2026, 1, 31, 10, tzinfo=timezone(timedelta(hours=2)))
    assert approval(not_before=there).text() == approval(not_before=datetime(2026, 1, 31, 8, tzinfo=UTC)).text()
    with pytest.raises(pydantic.ValidationError):
        approval(not_before=datetime(2026, 1, 31, 8))  # noqa: DTZ001  (a time without a zone is the case)


@pytest.mark.parametrize(
    "principal",
    [
        "",
        "*",
        "a,b",
        "a b",
        'a"',
        "a\nb",
        "\x1b[31ma",
        "a\u202eb",
        "a*@example.test",
        "!a",
        "a" * 121,
        "ä@example.test",
    ],
)
def test_principals_that_could_be_two_people_or_act_on_a_terminal(principal: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        approval(principal=principal)


def changed(**others: Any) -> str:
    value = parse(approval().text())
    return canonical_text({**value, **others})


@pytest.mark.parametrize(
    "text",
    [
        approval().text() + "\n",
        " " + approval().text(),
        approval().text().replace('"decision":"approve"', '"decision":"approve","decision":"reject"'),
        approval().text().replace('"seq":7', '"seq":NaN'),
        approval().text().replace('"seq":7', '"seq":7.0'),
        approval().text().replace("2026-01-31T08:00:00.123Z", "2026-01-31T08:00:00.123456Z"),
        approval().text().replace("2026-01-31T08:00:00.123Z", "2026-01-31T09:00:00.123+01:00"),
        changed(not_before="0001-01-01T00:00:00.000+12:00"),
        changed(expires_at="9999-12-31T23:59:59.000-12:00"),
        changed(schema="pointsctl/approval/v2"),
        changed(schema=["pointsctl/approval/v1"]),
        changed(role="engineering lead"),
        changed(decision="perhaps"),
        changed(extra=1),
        changed(head={"seq": "7", "hash": "a" * 64}),
        changed(head={"seq": True, "hash": "a" * 64}),
        changed(head={"seq": -1, "hash": "a" * 64}),
        changed(nonce="A" * 32),
        changed(plan="b" * 63),
        changed(database=None),
        "[]",
        "null",
        "",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(StatementError):
        read_statement(text)


@given(st.data())
def test_one_other_byte_is_never_the_same_statement(data: st.DataObject) -> None:
    text = approval().text().encode()
    place = data.draw(st.integers(0, len(text) - 1))
    other = bytearray(text)
    other[place] ^= data.draw(st.integers(1, 255))
    try:
        read = read_statement(bytes(other))
    except StatementError:
        return
    assert read != approval()
    assert read.text().encode() == bytes(other)


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    with pytest.raises(StatementError):
        read_statement(text)
