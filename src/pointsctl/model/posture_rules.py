"""What is wrong with the way a store keeps backups, decided from what could be found out about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pointsctl.model.duration import format_duration
from pointsctl.model.posture import Posture

SHORTEST_RETENTION = timedelta(days=7)
"""The checklist's "backup retention policy: minimum 7 days"."""


class Weight(StrEnum):
    """How much a problem matters: `serious` is never good enough, `advice` could be better, `unknown` nobody could say."""

    SERIOUS = "serious"
    ADVICE = "advice"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PostureProblem:
    """One problem, and the next action that removes it."""

    weight: Weight
    text: str
    fix: str


def posture_problems(posture: Posture, retention: timedelta) -> tuple[PostureProblem, ...]:
    """Every problem of a store that is to keep backups for `retention` (and never less than 7 days), the serious ones first."""
    needed = max(retention, SHORTEST_RETENTION)
    found = [
        *_retention(retention),
        *_public(posture),
        *_expiry(posture, needed),
        *_away(posture),
        *(_kept(posture, needed) if posture.away else ()),
    ]
    order = list(Weight)
    return tuple(sorted(found, key=lambda problem: order.index(problem.weight)))


def _retention(retention: timedelta) -> Iterator[PostureProblem]:
    if retention < SHORTEST_RETENTION:
        text = (
            f"backup.retention is {format_duration(retention)}, expected at least {format_duration(SHORTEST_RETENTION)}"
        )
        yield PostureProblem(Weight.SERIOUS, text, "set `backup: {retention: 7d}` or longer")


def _public(posture: Posture) -> Iterator[PostureProblem]:
    if posture.public:
        text = "anybody can read what is in it without credentials"
        yield PostureProblem(Weight.SERIOUS, text, "block public access to the bucket; for a folder: chmod 0700")
    elif posture.public is None:
        yield _unknown(
            "whether it can be read without credentials", "allow s3:GetBucketPolicyStatus and s3:GetBucketAcl"
        )


def _expiry(posture: Posture, needed: timedelta) -> Iterator[PostureProblem]:
    if posture.expires_after is not None and posture.expires_after < needed:
        text = f"a lifecycle rule deletes backups after {format_duration(posture.expires_after)}, expected {format_duration(needed)} or later"
        yield PostureProblem(
            Weight.SERIOUS, text, f"make the rule's expiration {format_duration(needed)} or longer, or remove it"
        )
    elif not posture.expiry_known:
        yield _unknown("whether a lifecycle rule deletes backups", "allow s3:GetLifecycleConfiguration")


def _away(posture: Posture) -> Iterator[PostureProblem]:
    if not posture.away:
        text = "a folder: it may lie beside the database and be lost with it"
        yield PostureProblem(
            Weight.ADVICE, text, "copy it to another place, or set `backup.store` to s3://bucket/prefix"
        )


def _kept(posture: Posture, needed: timedelta) -> Iterator[PostureProblem]:
    """Whether something that was deleted or overwritten can be brought back, and cannot be deleted at all for a while."""
    if posture.versioning is False:
        yield PostureProblem(
            Weight.ADVICE, "versioning is off", "turn versioning on: what is deleted can be brought back then"
        )
    elif posture.versioning is None:
        yield _unknown("whether it keeps versions", "allow s3:GetBucketVersioning")
    if posture.lock is None:
        yield _unknown("whether it locks objects", "allow s3:GetBucketObjectLockConfiguration")
    elif not posture.lock:
        text = "no Object Lock: whoever has the credentials can delete every backup"
        yield PostureProblem(Weight.ADVICE, text, "use a bucket with Object Lock, mode COMPLIANCE")
    elif posture.lock_days is not None and posture.lock_mode and timedelta(days=posture.lock_days) < needed:
        text = f"its default lock holds {posture.lock_days}d, expected at least {format_duration(needed)}"
        yield PostureProblem(Weight.ADVICE, text, f"make the default retention {format_duration(needed)} or longer")
    if posture.aborts_uploads is False:
        text = "uploads that were cut off stay, and are paid for"
        yield PostureProblem(Weight.ADVICE, text, "add a lifecycle rule that aborts incomplete uploads after 7 days")


def _unknown(what: str, fix: str) -> PostureProblem:
    return PostureProblem(Weight.UNKNOWN, f"nobody could say {what}", fix)
