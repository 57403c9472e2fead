"""What a probe of an edge function found: every request with its answer, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from pointsctl.model.duration import format_duration
from pointsctl.model.escape import plain


class Asked(StrEnum):
    """What a function is asked; ids that scripts may rely on."""

    UNAUTHENTICATED = "unauthenticated"  # POST without a token: must be refused
    PREFLIGHT = "preflight"  # OPTIONS, as a browser sends it: must be answered with CORS headers
    HEALTH = "health"  # GET of the health path: must answer 200


_REFUSED = frozenset({401, 403})
_GOOD = frozenset({200, 204})
_ORIGIN = "access-control-allow-origin"


@dataclass(frozen=True)
class ProbeAnswer:
    """One request and its answer. `status` is None when none came, and `problem` says why; it is empty for a good one."""

    asked: Asked
    method: str
    url: str
    status: int | None
    duration_ms: int
    problem: str


@dataclass(frozen=True)
class FunctionProbe:
    """A function with everything that it was asked."""

    name: str
    answers: tuple[ProbeAnswer, ...]

    @property
    def passes(self) -> bool:
        """Whether every answer was good; a function that was asked nothing has shown nothing."""
        return bool(self.answers) and not any(one.problem for one in self.answers)

    @property
    def unreached(self) -> bool:
        """Whether some request had no answer, so that nothing is known."""
        return any(one.status is None for one in self.answers)


@dataclass(frozen=True)
class Answered:
    """What came back: status, lower-case headers, seconds."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    seconds: float


def problem_of(asked: Asked, answered: Answered, slowest: timedelta) -> str:
    """What is wrong with an answer; empty when it is good."""
    status = answered.status
    if status == 404:
        return "status 404: it is not deployed at this address"
    if asked is Asked.UNAUTHENTICATED and status not in _REFUSED:
        return f"status {status} without a token; expected 401 or 403"
    if asked is Asked.PREFLIGHT and status not in _GOOD:
        return f"status {status}; expected 200 or 204"
    if asked is Asked.PREFLIGHT and not answered.headers.get(_ORIGIN, "").strip():
        return f"no header {_ORIGIN}; a browser calls it from nowhere"
    if asked is Asked.HEALTH and status != 200:
        return f"status {status}; expected 200"
    if answered.seconds > slowest.total_seconds():
        took = round(answered.seconds * 1000)
        return plain(f"answered after {took:,} ms; expected at most {format_duration(slowest)}")
    return ""
