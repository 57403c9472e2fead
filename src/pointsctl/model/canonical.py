"""Any value as JSON: turned into what JSON can hold, written in the canonical form of RFC 8785, and its digest."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Set
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import rfc8785

_DEEPEST = 60
_LONGEST_TEXT_OF_INTEGER = 1_024
_LARGEST_EXACT = 2**53 - 1
_FIRST_WITH_EXPONENT = 1e21
_SURROGATE = re.compile("[\ud800-\udfff]")


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z; a moment without a zone is written as it is, without Z."""
    if moment.tzinfo is None:
        return moment.isoformat(timespec="milliseconds")
    try:
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:  # the first or last day that exists, in a zone beyond it
        return moment.isoformat(timespec="milliseconds")


def jsonable(value: Any, depth: int = 0) -> Any:
    """The value with everything in it that JSON cannot hold turned into text; never raises.

    Integers beyond 2**53 - 1 become text (RFC 8785 and most readers hold numbers as doubles), NaN and infinities become their names, decimals stay exact as text, durations become milliseconds, bytes become
    `\\x` and hex digits as PostgreSQL writes them, an unknown object becomes the name of its class (its text might hold
    a secret).
    """
    if depth > _DEEPEST:
        return "… (nested too deeply)"
    if isinstance(value, Mapping):
        return {_key(key): jsonable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item, depth + 1) for item in value]
    if isinstance(value, Set):
        return sorted((jsonable(item, depth + 1) for item in value), key=canonical_text)
    return _scalar(value)


def canonical_text(value: Any) -> str:
    """The value in canonical form (RFC 8785): the same bytes in every language that follows it."""
    return rfc8785.dumps(jsonable(value)).decode()


def digest(value: Any) -> str:
    """SHA-256 in lower-case hex of the UTF-8 bytes of `canonical_text`."""
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()


def _key(key: Any) -> str:
    scalar = _scalar(key)
    return scalar if isinstance(scalar, str) else canonical_text(scalar)


def _scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return _scalar(value.value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, (int, float)):
        return _number(value)
    return _other(value)


def _number(value: float) -> int | float | str:
    if isinstance(value, int):
        if abs(value) <= _LARGEST_EXACT:
            return int(value)
        return str(value) if value.bit_length() <= _LONGEST_TEXT_OF_INTEGER else hex(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    # 1.0 and 1 are one number to JSON, so they must have one digest; what RFC 8785 writes without an exponent, readers take
    # for an integer.
    return _number(int(value)) if value.is_integer() and abs(value) < _FIRST_WITH_EXPONENT else float(value)


def _other(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _number(round(value.total_seconds() * 1000))
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"\\x{bytes(value).hex()}"
    return f"<{type(value).__name__}>"
