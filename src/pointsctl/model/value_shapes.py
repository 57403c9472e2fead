"""Says why a value has not the shape that it should have (URL, PostgreSQL URL, JWT), without ever repeating the value."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

_LONGEST_JWT = 16_000


def url_problems(value: str) -> Iterator[str]:
    """Reasons why `value` is not the address of a web server."""
    parts = _split(value)
    if parts is None or not parts.hostname:
        yield "is not a URL with a host"
    elif parts.scheme not in ("http", "https"):
        yield "is not a URL that begins with https:// or http://"


def postgres_url_problems(value: str) -> Iterator[str]:
    """Reasons why `value` is not a connection URI of libpq with a host and a database (its manual, section 32.1.1.2)."""
    parts = _split(value)
    if parts is None or parts.scheme not in ("postgres", "postgresql"):
        yield "is not a URL that begins with postgresql://"
        return
    parameters = parse_qs(parts.query)
    if not (parts.hostname or "host" in parameters):
        yield "names no host"
    if not (parts.path.strip("/") or "dbname" in parameters):
        yield "names no database"


def jwt_problems(value: str, now: datetime, role: str | None = None) -> Iterator[str]:
    """Reasons why `value` is not a signed JWT (RFC 7519) that is valid at `now` and, when `role` is given, has that claim.

    The signature is not verified: only its issuer has the key.
    """
    parts = value.split(".")
    header, claims = (_json_part(part) for part in (parts[0], parts[1] if len(parts) > 1 else ""))
    if len(parts) != 3 or len(value) > _LONGEST_JWT or header is None or claims is None:
        yield "is not a JWT of three parts"
        return
    if str(header.get("alg", "none")).casefold() == "none" or not parts[2]:
        yield "is a JWT without a signature"
    yield from _time_problems(claims, now)
    if role is not None and claims.get("role") != role:
        yield f"is a JWT whose role is not {role}"


def _time_problems(claims: dict[str, Any], now: datetime) -> Iterator[str]:
    for claim in ("exp", "nbf"):
        time = claims.get(claim)
        if time is None:
            continue
        if isinstance(time, bool) or not isinstance(time, int | float) or _is_endless(time):
            yield f"is a JWT whose {claim} is not a time"
        elif claim == "exp" and time <= now.timestamp():
            yield "is a JWT that has expired"
        elif claim == "nbf" and time > now.timestamp():
            yield "is a JWT that is not valid yet"


def _is_endless(time: int | float) -> bool:
    # JSON parsers read NaN and 1e999, and neither is ever reached; an integer is finite however long it is.
    return isinstance(time, float) and not math.isfinite(time)


def _json_part(part: str) -> dict[str, Any] | None:
    try:
        text = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        # Reading the port is what finds out that it is no number.
        _ = parts.port
    except ValueError:
        return None
    return parts if value.isprintable() and " " not in value else None
