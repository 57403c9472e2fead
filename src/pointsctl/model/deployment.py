"""What is known about a deployment: the ledger's history, the plan in force, and how the world differs from that plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pointsctl.model.history import History, RecordedPlan

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHORT = 8


@dataclass(frozen=True)
class Change:
    """One part of a plan's content that is not as it was planned. `what` names it (`migration x.sql`, `checklist`);
    `planned` and `found` are digests or values, or "nothing".
    """

    what: str
    planned: str
    found: str


def shortened(value: str) -> str:
    """A digest by its first digits, as people compare them; any other value as it is."""
    return f"{value[:_SHORT]}…" if _DIGEST.fullmatch(value) else value


@dataclass(frozen=True)
class Deployment:
    """`plan` is the newest plan that counts, None before there is one; `changes` how files, policy and database differ from
    its content now: any change voids every approval of it. `valid_for` is how long an approval may count at the most, as the
    checklist says; one that claims more counts for nothing. `pending` are the migrations that the database has not had
    (None when nobody looked), `lines` how many lines migrations have, where known.
    """

    history: History
    plan: RecordedPlan | None = None
    changes: tuple[Change, ...] = ()
    valid_for: timedelta = timedelta(0)
    pending: tuple[str, ...] | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
