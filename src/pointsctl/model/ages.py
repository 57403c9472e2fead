"""Moments and ages as people read them: to the minute, in one or two units."""

from __future__ import annotations

from datetime import datetime, timedelta

from pointsctl.model.canonical import utc_text
from pointsctl.model.duration import format_duration

_MINUTES_OF_A_DAY = 24 * 60


def minute(moment: datetime) -> str:
    """`2026-01-31 08:00Z`."""
    return utc_text(moment)[:16].replace("T", " ") + "Z"


def about(span: timedelta) -> str:
    """A span to the minute; to the hour from two days on, to the day from thirty on."""
    minutes = span // timedelta(minutes=1)
    if minutes < 1:
        return "less than a minute"
    step = _MINUTES_OF_A_DAY if minutes >= 30 * _MINUTES_OF_A_DAY else 60 if minutes >= 2 * _MINUTES_OF_A_DAY else 1
    return format_duration(timedelta(minutes=minutes // step * step))


def about_seconds(milliseconds: int) -> str:
    """A measured time: `0.4s` below ten seconds, `38s`, `4m12s`, `1h5m`."""
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f}s"
    seconds = milliseconds // 1000
    return format_duration(timedelta(seconds=seconds if seconds < 3600 else seconds // 60 * 60))


def ago(moment: datetime, now: datetime) -> str:
    """How long ago it was; what is of the future is told as such."""
    return f"{about(now - moment)} ago" if now >= moment else f"at {minute(moment)}, IN THE FUTURE"
