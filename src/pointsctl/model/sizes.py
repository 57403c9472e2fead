"""Amounts and rates as people read them: `3.4 GB`, `1,200,000 rows`, `120 MB/s`."""

from __future__ import annotations

from pointsctl.model.progress import Unit

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """A number of bytes with three digits, in powers of a thousand."""
    value, place = float(count), 0
    while value >= 999.5 and place < len(_UNITS) - 1:
        value, place = value / 1000, place + 1
    digits = 1 if place and value < 99.95 else 0
    return f"{value:,.{digits}f} {_UNITS[place]}"


def amount(count: int, unit: Unit) -> str:
    """So much of what a stage counts."""
    if unit is Unit.BYTES:
        return size(count)
    if unit is Unit.ROWS:
        return "1 row" if count == 1 else f"{count:,} rows"
    return f"{count:,}"


def rate(count: int, unit: Unit, seconds: float) -> str:
    """So much in each second; empty when no time has passed."""
    if seconds <= 0:
        return ""
    per_second = count / seconds
    if unit is Unit.BYTES:
        return f"{size(per_second)}/s"
    return f"{per_second:,.0f} rows/s" if unit is Unit.ROWS else f"{per_second:,.1f}/s"
