"""Deadlines: durations, times with a zone, days; everything else is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.deadline import parse_deadline

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("48h", datetime(2026, 2, 2, 8, tzinfo=UTC)),
        ("2026-02-01T08:00:00Z", datetime(2026, 2, 1, 8, tzinfo=UTC)),
        ("2026-02-01T08:00:00+02:00", datetime(2026, 2, 1, 6, tzinfo=UTC)),
        ("2026-02-01", datetime(2026, 2, 2, tzinfo=UTC)),
        ("2026-02-01T08:00:00", None),
        ("9999-12-31", None),
        ("soon", None),
        ("", None),
    ],
)
def test_deadlines(text: str, expected: datetime | None) -> None:
    assert parse_deadline(text, NOW) == expected


@given(st.text(max_size=30))
def test_any_text_is_a_moment_in_utc_or_none(text: str) -> None:
    found = parse_deadline(text, NOW)
    assert found is None or found.tzinfo is UTC
