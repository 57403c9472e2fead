"""What a platform of edge functions shows: the functions that are deployed, and the lines of their logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

ACTIVE = "ACTIVE"
"""The status of a function that answers."""

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


def rose(before: str | None, after: str) -> bool:
    """Whether a deployment lies between the two versions; None is that of a function that was not there."""
    if before is not None and before.isdecimal() and after.isdecimal():
        return int(after) > int(before)
    return before != after
