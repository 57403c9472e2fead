"""The time in which a deployment may change something, as people have agreed on it, and what a moment is to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pointsctl.model.ages import minute
from pointsctl.model.attestation import Asked, attested
from pointsctl.model.finding import Outcome
from pointsctl.model.history import History

START, DEADLINE = "start", "rollback-deadline"
"""The fields of the item that says when it is."""


@dataclass(frozen=True)
class Window:
    """From `start` on something may be changed; `deadline` is the latest time to decide on a rollback. None where not said."""

    start: datetime | None
    deadline: datetime | None

    @property
    def in_a_sentence(self) -> str:
        """When it is, for people."""
        start = f"from {minute(self.start)}" if self.start else "at any time"
        return f"{start}, rollback deadline {minute(self.deadline)}" if self.deadline else start

    def too_early(self, now: datetime) -> bool:
        """Whether it has not begun at `now`, by the database's clock."""
        return self.start is not None and now < self.start

    def past_deadline(self, now: datetime) -> bool:
        """Whether it is too late to decide on a rollback: what is changed from now on may have to stay."""
        return self.deadline is not None and now >= self.deadline


def window_of(asked: Asked, history: History) -> Window | None:
    """The window that the newest attestation that counts says; None when nobody has said it."""
    seen = attested(asked, history)
    values = seen.evidence.get("values") if seen.outcome is Outcome.PASS else None
    if not isinstance(values, Mapping):
        return None
    return Window(_moment(values.get(START)), _moment(values.get(DEADLINE)))


def _moment(value: object) -> datetime | None:
    """The field's value, which was read when the attestation was judged."""
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None
