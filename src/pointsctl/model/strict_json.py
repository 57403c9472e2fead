"""JSON that must mean one thing to every reader: no duplicate keys, no NaN, and on demand only in canonical form."""

from __future__ import annotations

import json
import math
from typing import Any

from pointsctl.errors import PointsctlError
from pointsctl.model.canonical import canonical_text

LONGEST_BYTES = 65 * 1024 * 1024
"""A record's body has 32 MiB at the most, and a line of an export has two characters for each of them that is escaped."""


class JsonError(PointsctlError):
    """A text is not the JSON that was expected; the message says what is wrong with it and quotes nothing from it."""

    code = "json"


def parse(text: str | bytes) -> Any:
    """The value of a JSON text. Raises JsonError for duplicate keys, NaN and infinities, lone surrogates and absurd depth.

    Two readers of `{"role": "a", "role": "b"}` may see two roles, so a signature over it proves nothing.
    """
    if len(text) > LONGEST_BYTES:
        raise JsonError(f"longer than {LONGEST_BYTES:,} bytes", hint="the file is not one that pointsctl wrote")
    try:
        plain = text.decode("utf-8") if isinstance(text, bytes) else text
        plain.encode("utf-8")
        return json.loads(plain, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
    except UnicodeError:
        raise JsonError("the text is not UTF-8", hint="the file was changed or cut off") from None
    except RecursionError:
        raise JsonError("the JSON is nested too deeply", hint="the file is not one that pointsctl wrote") from None
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise JsonError(f"not JSON: {reason[:120].lower()}", hint="the file was changed or cut off") from None


def parse_canonical(text: str | bytes) -> Any:
    """The value of a text in canonical form (RFC 8785). Raises JsonError when one byte is otherwise, a line end included."""
    value = parse(text)
    plain = text.decode("utf-8") if isinstance(text, bytes) else text
    try:
        same = canonical_text(value) == plain
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise JsonError(
            "the JSON is not in canonical form (RFC 8785)", hint="its bytes were changed after it was written"
        )
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands in one object twice")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number that no double holds")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
