"""What is known about a deployment: the ledger's history, the plan in force, and how the world differs from that plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pointsctl.model.history import History, RecordedPlan


@dataclass(frozen=True)
class Change:
    """One part of a plan's content that is not as it was planned. `what` names it (`migration x.sql`, `checklist`);
    `planned` and `found` are digests or values, or "nothing".
    """

    what: str
    planned: str
    found: str


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
