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
_RECENT_SHARE = 0.02
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
        self._at = int(plan.at.timestamp())
        self._users = [_uuid(self._random) for _ in range(plan.users)]
        self._available = [0] * plan.users
        self._lifetime = [0] * plan.users
        self._last = [0] * plan.users
        self._coupons = coupons
        self._insights = insights
        self._times = _Times()
        self._pending = 0

    def events(self) -> Iterator[bytes]:
        """Yield all events; the coupons that they pay for, and the insights about them, go into the two files."""
        debits = min(self._plan.coupons, self._plan.events // 2)
        yield from _chunks(self._earned(number) for number in range(self._plan.events - debits))
        yield from _chunks(self._spent_or_earned(self._plan.events - debits + number) for number in range(debits))
        for number in range(debits, self._plan.coupons):
            self._coupon(
                number, self._users[number % self._plan.users], _NULL, self._at - _HOUR_S, self._plan.templates[0][0]
            )

    def balances(self) -> Iterator[bytes]:
        """Yield the cache: one row for each user who ever had a validated event."""
        yield from _chunks(
            f"{user}\t{self._available[index]}\t{self._lifetime[index]}\t{self._times.text(self._last[index])}\n"
            for index, user in enumerate(self._users)
            if self._last[index]
        )

    def _earned(self, number: int) -> str:
        chance = self._random.random
        index = int(self._plan.users * chance() ** 1.5)
        name, points = _EARNED[int(len(_EARNED) * chance() ** 2)]
        created = self._moment(number)
        fate = chance()
        if fate < 0.94:
            return self._validated(index, name, points, created, number)
        if fate < 0.97:
            return self._event(index, name, points, created, number, "rejected", int(20 * chance()))
        if fate < 0.985 or self._pending >= _MOST_PENDING or created < self._at - _HOUR_S // 2:
            return self._event(index, name, points, created, number, "review", 20 + int(30 * chance()))
        self._pending += 1
        return self._event(index, name, points, created, number, "pending", None)

    def _validated(self, index: int, name: str, points: int, created: int, number: int) -> str:
        self._available[index] += points
        self._lifetime[index] += max(points, 0)
        self._last[index] = max(self._last[index], created + 1)
        return self._event(index, name, points, created, number, "validated", 55 + int(45 * self._random.random()))

    def _spent_or_earned(self, number: int) -> str:
        """A debit for a coupon, by a user who can afford it; where none is found soon, somebody earns instead."""
        template, cost = self._plan.templates[0 if self._random.random() < 0.9 else -1]
        for _ in range(20):
            index = int(self._plan.users * self._random.random() ** 1.5)
            if self._available[index] >= cost:
                break
        else:
            self._coupon(number, self._users[number % self._plan.users], _NULL, self._at - _HOUR_S, template)
            return self._earned(number)
        created = self._moment(number)
        row = self._validated(index, "coupon_redemption", -cost, created, number)
        self._coupon(number, self._users[index], row[:36], created, template)
        return row

    def _moment(self, number: int) -> int:
        """When an event happened: every fiftieth within the last hour, the rest over a month, ever more of them lately."""
        chance = self._random.random()
        if number % round(1 / _RECENT_SHARE) == 0:
            return self._at - 2 - int((_HOUR_S - 60) * chance)
        return self._at - _HOUR_S - int((_DAYS * 86400 - _HOUR_S) * chance * chance)

    def _event(
        self, index: int, name: str, points: int, created: int, number: int, status: str, score: int | None
    ) -> str:
        user, identity = self._users[index], _uuid(self._random)
        bits = self._random.getrandbits(256)
        seen = self._times.text(created)
        decided = self._times.text(created + 1) if status in ("validated", "rejected") else _NULL
        reason = "too_many_events" if status == "rejected" else _NULL
        if status in ("rejected", "review"):
            self._insight(user, identity, 100 - (score or 0), created)
        return (
            f"{identity}\t{user}\t{name}\t{points}\t{status}\ttraffic-{self._plan.seed:x}-{number:x}\t{bits:064x}\t"
            f"{_NULL if score is None else score}\t{reason}\t{seen}\t{decided}\t{seen if decided == _NULL else decided}\n"
        )

    def _coupon(self, number: int, user: str, event: str, issued: int, template: str) -> None:
        digest = code_hash(self._plan.coupon_secret, f"TRAFFIC-{self._plan.seed}-{number}")
        used = self._random.random() < 0.4
        row = (
            f"{_uuid(self._random)}\t{template}\t{user}\t{event}\t{digest}\t{'redeemed' if used else 'issued'}\t"
            f"{self._times.text(issued)}\t{self._times.text(issued + 1) if used else _NULL}\t{self._times.text(issued + 90 * 86400)}\n"
        )
        self._coupons.write(row.encode())

    def _insight(self, user: str, event: str, score: int, created: int) -> None:
        chance = self._random.random()
        resolution = "open" if chance < 0.3 else "confirmed" if chance < 0.96 else "false_positive"
        resolved = _NULL if resolution == "open" else self._times.text(created + 1800)
        row = (
            f"{_uuid(self._random)}\t{user}\t{event}\ttoo_many_events\t{score}\t{resolution}\t"
            f"{self._times.text(created)}\t{resolved}\n"
        )
        self._insights.write(row.encode())


class _Times:
    """Seconds since 1970 as timestamptz text; a day is formatted once."""

    def __init__(self) -> None:
        self._days: dict[int, str] = {}

    def text(self, moment: int) -> str:
        day, second = divmod(moment, 86400)
        date = self._days.get(day)
        if date is None:
            date = self._days[day] = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m-%d")
        return f"{date} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


def _uuid(source: random.Random) -> str:
    digits = f"{source.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _chunks(lines: Iterator[str]) -> Iterator[bytes]:
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == _LINES_IN_CHUNK:
            yield "".join(chunk).encode()
            chunk.clear()
    yield "".join(chunk).encode()
