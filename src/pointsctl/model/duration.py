"""Durations as people write them (`90s`, `24h`, `1h30m`, `7d`), as timedelta values."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

PATTERN = r"^([0-9]+(ms|s|m|h|d|w))+$"
_PART = re.compile(r"([0-9]+)(ms|s|m|h|d|w)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONGEST = timedelta(days=3660)


def parse_duration(text: object) -> timedelta:
    """Read `1h30m`-like text; a timedelta passes through. Raises ValueError for anything else, zero and over ten years."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(PATTERN[1:-1], text) or len(text) > 40:
        raise ValueError("expected a duration such as 90s, 30m, 24h or 7d")
    total = timedelta()
    for amount, unit in _PART.findall(text):
        if int(amount) * _UNITS[unit].total_seconds() > _LONGEST.total_seconds():
            raise ValueError("expected a duration of ten years at the most")
        total += int(amount) * _UNITS[unit]
    if not timedelta() < total <= _LONGEST:
        raise ValueError("expected a duration above zero and of ten years at the most")
    return total


def format_duration(duration: timedelta) -> str:
    """Write a duration in the largest units that keep it exact: 90 minutes is `1h30m`."""
    milliseconds = round(duration.total_seconds() * 1000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        size = round(_UNITS[unit].total_seconds() * 1000)
        amount, milliseconds = divmod(milliseconds, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["90s", "30m", "24h", "7d"]}),
]
