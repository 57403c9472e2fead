"""Decides how far an event can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

VALIDATE_FROM = 50
REVIEW_FROM = 20


@dataclass(frozen=True)
class Judgement:
    """What becomes of an event: its status, its score (0 to 100), and the signal when it was not simply validated."""

    status: str
    trust_score: int
    signal: str | None

    @property
    def reason(self) -> str | None:
        """The reason that a rejection has to carry."""
        return self.signal if self.status == "rejected" else None


def judge(events_in_hour_before: int) -> Judgement:
    """Trust a user less the more events came in the hour before: 60 are believed, 90 are looked at, more are not."""
    score = max(0, min(95, 95 - (events_in_hour_before - 15)))
    if score >= VALIDATE_FROM:
        return Judgement("validated", score, None)
    return Judgement("review" if score >= REVIEW_FROM else "rejected", score, "too_many_events")


def reviewed(decision: str) -> Judgement:
    """What a reviewer decided, whatever the rules would say."""
    validated = decision == "validated"
    return Judgement(decision, VALIDATE_FROM if validated else 0, None if validated else "rejected_by_reviewer")
