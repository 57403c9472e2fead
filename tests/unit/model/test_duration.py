"""Durations are read as people write them, and written so that they are read back the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.duration import format_duration, parse_duration

TEN_YEARS_MS = 3660 * 24 * 60 * 60 * 1000


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("1h30m", timedelta(minutes=90)),
        ("250ms", timedelta(milliseconds=250)),
        ("2w", timedelta(days=14)),
        ("1m1ms", timedelta(minutes=1, milliseconds=1)),
        ("3660d", timedelta(days=3660)),
    ],
)
def test_reads_what_people_write(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "wrong",
    ["", "0s", "0h0m", "5", "5 m", "m", "-5m", "1.5h", "5M", "5min", "5m\n", "٣s", "1h30", "3661d", "9" * 30 + "w",
     "1s" * 30, None, 5, 1.5, True, ["5m"], {"m": 5}],
)  # fmt: skip
def test_refuses_everything_else(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(wrong)


@given(st.integers(1, TEN_YEARS_MS))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.text(alphabet="0123456789msdhw ", max_size=50) | st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError as error:
        message = str(error)
    else:
        message = "expected a duration" if timedelta() < duration <= timedelta(days=3660) else ""
    assert "expected a duration" in message
