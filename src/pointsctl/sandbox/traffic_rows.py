"""Makes up users, events, coupons and fraud insights: the same seed and reference time give the same bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO

from pointsctl.sandbox.service.codes import code_hash

EVENT_COLUMNS = [
    "id",
    "user_id",
    "event_type",
    "points_delta",
    "validation_status",
    "nonce",
    "payload_hash",
    "trust_score",
    "rejection_reason",
    "created_at",
    "validated_at",
    "updated_at",
]
CACHE_COLUMNS = ("user_id", "available_points", "lifetime_points", "updated_at")
COUPON_COLUMNS = (
    "id",
    "template_id",
    "user_id",
    "event_id",
    "code_hash",
    "status",
    "issued_at",
    "redeemed_at",
    "expires_at",
)
INSIGHT_COLUMNS = ("id", "user_id", "event_id", "signal", "score", "resolution", "created_at", "resolved_at")

_HOUR_S = 3600
_DAYS = 30
_ONE_RECENT_IN = 50
_REVIEW_FROM = 30
_ONE_INSIGHT_IN = 3
_IDENTITY_LENGTH = 32
_MOST_PENDING = 20
_EARNED = (
    ("habit_completed", 10),
    ("habit_completed", 10),
    ("daily_login", 5),
    ("streak_kept", 25),
    ("friend_invited", 100),
)
_LINES_IN_CHUNK = 2000
_NULL = r"\N"


@dataclass(frozen=True)
class TrafficPlan:
    """What to make; `templates` are (id, cost in points), the cheapest first."""

    users: int
    events: int
    coupons: int
    seed: int
    at: datetime
    coupon_secret: str = field(repr=False)
    templates: tuple[tuple[str, int], ...]


class TrafficRows:
    """The rows of a plan as COPY text. `events` has to be used up before the others, which follow from it."""

    def __init__(self, plan: TrafficPlan, coupons: IO[bytes], insights: IO[bytes]) -> None:
        self._plan = plan
        self._random = random.Random(plan.seed)  # noqa: S311 (rows for a sandbox that have to come out the same again)
        self._chance = self._random.random
        self._at = int(plan.at.timestamp())
        self._users = [self._identity() for _ in range(plan.users)]
        self._available = [0] * plan.users
        self._lifetime = [0] * plan.users
        self._last = [0] * plan.users
        self._coupons = coupons
        self._insights = insights
        self._times = _Times()
        self._pending = 0
        self._issued = 0

    def events(self) -> Iterator[bytes]:
        """Yield all events; the coupons that they pay for, and the insights about them, go into the two files."""
        debits = min(self._plan.coupons, self._plan.events // 2)
        earned = self._plan.events - debits
        yield from _chunks(map(self._earned, range(earned)))
        yield from _chunks(map(self._spent_or_earned, range(earned, self._plan.events)))
        while self._issued < self._plan.coupons:
            self._grant(self._plan.templates[0][0])

    def balances(self) -> Iterator[bytes]:
        """Yield the cache: one row for each user who ever had a validated event."""
        yield from _chunks(
            f"{user}\t{self._available[index]}\t{self._lifetime[index]}\t{self._times.text(self._last[index])}\n"
            for index, user in enumerate(self._users)
            if self._last[index]
        )

    def _earned(self, number: int) -> str:
        chance = self._chance
        index = int(self._plan.users * chance() ** 1.5)
        name, points = _EARNED[int(len(_EARNED) * chance() ** 2)]
        created = self._moment(number)
        fate = chance()
        if fate < 0.94:
            self._lifetime[index] += points
            return self._validated(index, name, points, created, number)
        if fate < 0.985 or self._pending >= _MOST_PENDING or created < self._at - _HOUR_S // 2:
            return self._doubted(index, name, points, created, number)
        self._pending += 1
        seen = self._times.text(created)
        return self._event(index, name, points, number, ("pending", _NULL, _NULL, seen, _NULL, seen))

    def _validated(self, index: int, name: str, points: int, created: int, number: int) -> str:
        self._available[index] += points
        if created >= self._last[index]:
            self._last[index] = created + 1
        chance = self._chance
        decided = self._times.text(created, int(950 * chance() ** 3) + 20)
        score = 55 + int(45 * chance())
        seen = self._times.text(created)
        return self._event(index, name, points, number, ("validated", score, _NULL, seen, decided, decided))

    def _doubted(self, index: int, name: str, points: int, created: int, number: int) -> str:
        seen, later = self._times.text(created), self._times.text(created, 500)
        score = int(50 * self._chance())
        decision = (
            ("rejected", score, "too_many_events", seen, later, later)
            if score < _REVIEW_FROM
            else ("review", score, _NULL, seen, _NULL, later)
        )
        row = self._event(index, name, points, number, decision)
        if score % _ONE_INSIGHT_IN == 0:
            self._insight(self._users[index], row[:_IDENTITY_LENGTH], 100 - score, created)
        return row

    def _spent_or_earned(self, number: int) -> str:
        """A debit for a coupon, by a user who can afford it; where none is found soon, somebody earns instead."""
        template, cost = self._plan.templates[0 if self._chance() < 0.9 else -1]
        for _ in range(20):
            index = int(self._plan.users * self._chance() ** 1.5)
            if self._available[index] >= cost:
                break
        else:
            self._grant(template)
            return self._earned(number)
        created = self._moment(number)
        row = self._validated(index, "coupon_redemption", -cost, created, number)
        self._coupon(self._users[index], row[:_IDENTITY_LENGTH], created, template)
        return row

    def _moment(self, number: int) -> int:
        """When an event happened: every fiftieth within the last hour, the rest over a month, ever more of them lately."""
        chance = self._chance()
        if number % _ONE_RECENT_IN == 0:
            return self._at - 2 - int((_HOUR_S - 60) * chance)
        return self._at - _HOUR_S - int((_DAYS * 86400 - _HOUR_S) * chance * chance)

    def _event(self, index: int, name: str, points: int, number: int, decision: tuple[str | int, ...]) -> str:
        """The line of one event; `decision` holds its status and what follows from it, in the order of the columns.

        Its id rises like one of version 7, and its nonce rises too: both indexes are then filled from one end.
        """
        digits = self._random.randbytes(42).hex()
        status, score, reason, seen, decided, updated = decision
        return (
            f"{number:012x}7{digits[:3]}a{digits[3:18]}\t{self._users[index]}\t{name}\t{points}\t{status}\t"
            f"{number:08x}-{self._plan.seed:x}-traffic\t{digits[20:]}\t{score}\t{reason}\t{seen}\t{decided}\t{updated}\n"
        )

    def _grant(self, template: str) -> None:
        user = self._users[self._issued % self._plan.users]
        self._coupon(user, _NULL, self._at - _HOUR_S, template)

    def _coupon(self, user: str, event: str, issued: int, template: str) -> None:
        digest = code_hash(self._plan.coupon_secret, f"TRAFFIC-{self._plan.seed}-{self._issued}")
        self._issued += 1
        used = self._chance() < 0.4
        times = self._times
        row = (
            f"{self._identity()}\t{template}\t{user}\t{event}\t{digest}\t{'redeemed' if used else 'issued'}\t"
            f"{times.text(issued)}\t{times.text(issued + 1) if used else _NULL}\t{times.text(issued + 90 * 86400)}\n"
        )
        self._coupons.write(row.encode())

    def _insight(self, user: str, event: str, score: int, created: int) -> None:
        chance = self._chance()
        resolution = "open" if chance < 0.3 else "confirmed" if chance < 0.96 else "false_positive"
        resolved = _NULL if resolution == "open" else self._times.text(created + 1800)
        row = (
            f"{self._identity()}\t{user}\t{event}\ttoo_many_events\t{score}\t{resolution}\t"
            f"{self._times.text(created)}\t{resolved}\n"
        )
        self._insights.write(row.encode())

    def _identity(self) -> str:
        """A UUID of version 4 without its dashes, which PostgreSQL reads as well."""
        digits = self._random.randbytes(16).hex()
        return f"{digits[:12]}4{digits[13:16]}a{digits[17:]}"


class _Times:
    """Seconds since 1970 as timestamptz text, put together from tables: formatting was a third of all the work."""

    def __init__(self) -> None:
        self._clock = [f" {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}." for second in range(86400)]
        self._thousandths = [f"{number:03}Z" for number in range(1000)]
        self._dates: dict[int, str] = {}

    def text(self, moment: int, milliseconds: int = 0) -> str:
        day, second = divmod(moment, 86400)
        date = self._dates.get(day)
        if date is None:
            date = self._dates[day] = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m-%d")
        return date + self._clock[second] + self._thousandths[milliseconds]


def _chunks(lines: Iterator[str]) -> Iterator[bytes]:
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == _LINES_IN_CHUNK:
            yield "".join(chunk).encode()
            chunk.clear()
    yield "".join(chunk).encode()
