"""What a check saw, as a value: the observation of a check, and the finding that a run makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The six ways an item can end; only `pass` (and `waived`, with a signature) satisfies a gate."""

    PASS = "pass"  # noqa: S105  (an outcome, not a password)
    FAIL = "fail"
    ERROR = "error"
    PENDING = "pending"
    SKIP = "skip"
    WAIVED = "waived"


class Severity(StrEnum):
    """How bad a failure is; taken from the checklist."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


JsonValue = Any
"""A value that JSON can hold; `Any` because mypy cannot follow recursive aliases through pydantic."""


@dataclass(frozen=True)
class Observation:
    """What one look at the world gave, before the runner adds which item it was for and when.

    `summary` is one line in lower case; `observed` and `expected` are short texts that can be compared by eye; `hint` is
    the next action; `evidence` is a JSON value without secrets.
    """

    outcome: Outcome
    summary: str
    observed: str = ""
    expected: str = ""
    hint: str = ""
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)

    @classmethod
    def passed(
        cls, summary: str, *, observed: str, expected: str = "", evidence: Mapping[str, JsonValue] | None = None
    ) -> Observation:
        """Looked, and it is good. `observed` is required: a pass that saw nothing is no pass."""
        return cls(Outcome.PASS, summary, observed, expected, "", evidence or {})

    @classmethod
    def failed(
        cls,
        summary: str,
        *,
        observed: str,
        expected: str,
        hint: str,
        evidence: Mapping[str, JsonValue] | None = None,
    ) -> Observation:
        """Looked, and it is bad."""
        return cls(Outcome.FAIL, summary, observed, expected, hint, evidence or {})

    @classmethod
    def error(cls, summary: str, *, hint: str, evidence: Mapping[str, JsonValue] | None = None) -> Observation:
        """Could not look."""
        return cls(Outcome.ERROR, summary, "could not look", "", hint, evidence or {})

    @classmethod
    def pending(
        cls, summary: str, *, hint: str, expected: str = "", evidence: Mapping[str, JsonValue] | None = None
    ) -> Observation:
        """Waits for a person or for time."""
        return cls(Outcome.PENDING, summary, "nothing yet", expected, hint, evidence or {})

    @classmethod
    def skipped(cls, reason: str, *, evidence: Mapping[str, JsonValue] | None = None) -> Observation:
        """Does not apply, and why."""
        return cls(Outcome.SKIP, reason, evidence=evidence or {})


@dataclass(frozen=True)
class Finding:
    """One item's result in a run. `section` is the section's id; `looked_at` is the identity of what was looked at;
    `definition` is the digest of the item's definition (empty where the item stands in no checklist).
    """

    id: str
    section: str
    title: str
    kind: str
    severity: Severity
    observation: Observation
    started_at: datetime
    finished_at: datetime
    environment: str
    looked_at: Mapping[str, JsonValue] = field(default_factory=dict)
    definition: str = ""

    @property
    def outcome(self) -> Outcome:
        """Shorthand for the observation's outcome."""
        return self.observation.outcome

    @property
    def duration_ms(self) -> int:
        """Wall time of the look, in milliseconds."""
        return max(0, round((self.finished_at - self.started_at).total_seconds() * 1000))
