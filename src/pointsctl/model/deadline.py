"""A deadline as people write it: a duration from now, a time with its zone, or a day. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from pointsctl.model.duration import parse_duration

_DAY = len("2026-01-31")


def parse_deadline(text: str, now: datetime) -> datetime | None:
    """The moment in UTC, or None when it is none; a day means its end in UTC."""
    try:
        return (now + parse_duration(text)).astimezone(UTC)
    except ValueError:
        pass
    try:
        if len(text) == _DAY:
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), tzinfo=UTC)
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
