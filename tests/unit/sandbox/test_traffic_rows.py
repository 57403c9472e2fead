"""Made-up traffic is the same for the same seed, and its balances follow from its events."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pointsctl.sandbox.traffic_rows import COUPON_COLUMNS, EVENT_COLUMNS, TrafficPlan, TrafficRows

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEMPLATES = (("00000000-0000-4000-8000-000000000001", 50), ("00000000-0000-4000-8000-000000000002", 400))


def make(
    users: int = 50, events: int = 4000, coupons: int = 20, seed: int = 1, at: datetime = AT
) -> tuple[bytes, bytes, bytes, bytes]:
    coupon_file, insight_file = io.BytesIO(), io.BytesIO()
    rows = TrafficRows(TrafficPlan(users, events, coupons, seed, at, "secret", TEMPLATES), coupon_file, insight_file)
    event_bytes = b"".join(rows.events())
    return event_bytes, b"".join(rows.balances()), coupon_file.getvalue(), insight_file.getvalue()


def table(content: bytes, columns: list[str] | tuple[str, ...]) -> list[dict[str, str]]:
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in content.decode().splitlines()]


def test_the_same_seed_and_time_give_the_same_bytes() -> None:
    assert make() == make()


def test_another_seed_shares_no_user_event_nonce_or_payload() -> None:
    for column in ("id", "user_id", "nonce", "payload_hash"):
        first, second = ({row[column] for row in table(make(seed=seed)[0], EVENT_COLUMNS)} for seed in (1, 2))
        assert first
        assert not first & second


def test_the_reference_time_moves_everything_and_changes_nothing_else() -> None:
    earlier, later = (table(make(at=at)[0], EVENT_COLUMNS) for at in (AT, AT + timedelta(days=3)))
    strip = {"created_at", "validated_at", "updated_at"}
    assert [{k: v for k, v in row.items() if k not in strip} for row in earlier] == [
        {k: v for k, v in row.items() if k not in strip} for row in later
    ]
    moved = {
        datetime.fromisoformat(new["created_at"]) - datetime.fromisoformat(old["created_at"])
        for old, new in zip(earlier, later, strict=True)
    }
    assert moved == {timedelta(days=3)}


@given(st.integers(1, 40), st.integers(1, 600), st.integers(0, 700), st.integers(0, 2**32))
def test_counts_are_as_asked_and_balances_follow(users: int, events: int, coupons: int, seed: int) -> None:
    event_bytes, cache, coupon_bytes, _ = make(users, events, coupons, seed)
    rows, sold = table(event_bytes, EVENT_COLUMNS), table(coupon_bytes, COUPON_COLUMNS)
    assert (len(rows), len(sold)) == (events, coupons)
    assert len({row["code_hash"] for row in sold}) == coupons
    balance: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        if row["validation_status"] == "validated":
            balance[row["user_id"]] += int(row["points_delta"])
    told = {line.split("\t")[0]: int(line.split("\t")[1]) for line in cache.decode().splitlines()}
    assert told == dict(balance)
    assert all(points >= 0 for points in balance.values())
    paid = [row["event_id"] for row in sold if row["event_id"] != r"\N"]
    assert sorted(paid) == sorted(row["id"] for row in rows if int(row["points_delta"]) < 0)


def test_the_mix_is_that_of_a_healthy_system() -> None:
    rows = table(make(users=200, events=20_000)[0], EVENT_COLUMNS)
    shares = {
        status: number / len(rows) for status, number in Counter(row["validation_status"] for row in rows).items()
    }
    assert 0.01 < shares["rejected"] < 0.05
    assert shares["review"] > 0
    pending = [row for row in rows if row["validation_status"] == "pending"]
    hour_ago = AT - timedelta(hours=1)
    assert 0 < len(pending) < 100
    assert all(datetime.fromisoformat(row["created_at"]) > hour_ago for row in pending)
    assert any(datetime.fromisoformat(row["created_at"]) > hour_ago for row in rows)
    assert all(datetime.fromisoformat(row["created_at"]) <= AT for row in rows)
