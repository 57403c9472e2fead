"""What a platform of edge functions shows: the functions that are deployed, and the lines of their logs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

ACTIVE = "ACTIVE"
"""The status of a function that answers."""

_LONGEST = 200

ERROR = "error"
"""The level of a log line that tells of a failure."""


@dataclass(frozen=True)
class DeployedFunction:
    """A function as the platform lists it. `version` rises with every deployment; `sha256` is the platform's own digest of
    what it runs (None where it tells none); `status` is its word (`ACTIVE`).
    """

    name: str
    version: str
    status: str
    sha256: str | None = None
    updated_at: datetime | None = None
    verify_jwt: bool | None = None


@dataclass(frozen=True)
class LogLine:
    """A line of a function's log; `level` is one of debug, info, warning, error."""

    at: datetime
    function: str
    level: str
    message: str = field(repr=False)


def listed(functions: Iterable[DeployedFunction]) -> tuple[DeployedFunction, ...]:
    """The functions by name. Raises ValueError for what no platform means, and no ledger could keep: a name that is there twice,
    a text that is none, that cannot be kept, or that is as long as a page.
    """
    found = tuple(sorted(functions, key=lambda one: one.name))
    if len({one.name for one in found}) != len(found):
        raise ValueError("a function is listed twice")
    texts: list[object] = [text for one in found for text in (one.version, one.status, one.sha256 or "")]
    if not all(isinstance(text, str) and len(text) <= _LONGEST and _can_be_kept(text) for text in texts):
        raise ValueError("a version, status or digest that is none")
    if not all(one.version for one in found):
        raise ValueError("a function without a version")
    return found


def _can_be_kept(text: str) -> bool:
    """PostgreSQL keeps neither NUL nor half a character."""
    return text.isprintable() or not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)


def rose(before: str | None, after: str) -> bool:
    """Whether a deployment lies between the two versions; None is that of a function that was not there."""
    if before is not None and before.isdecimal() and after.isdecimal():
        return int(after) > int(before)
    return before != after
