"""Fills an environment of the sandbox with users, events and coupons."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO

from pointsctl.errors import RefusedError, UsageError
from pointsctl.postgres.administration import run_script
from pointsctl.postgres.bulk import BulkLoad, bulk_load, vacuum_analyze
from pointsctl.sandbox.databases import sql_text
from pointsctl.sandbox.environments import SandboxEnvironment
from pointsctl.sandbox.traffic_rows import (
    CACHE_COLUMNS,
    COUPON_COLUMNS,
    EVENT_COLUMNS,
    INSIGHT_COLUMNS,
    TrafficPlan,
    TrafficRows,
)

# The two cheapest of sql/sandbox/seed.sql, which is run first.
TEMPLATES = (("00000000-0000-4000-8000-000000000001", 50), ("00000000-0000-4000-8000-000000000002", 400))
_READ_BYTES = 1 << 18


@dataclass(frozen=True)
class TrafficReport:
    """What was made; `seconds` covers generating and loading, not the vacuum afterwards."""

    events: int
    users: int
    coupons: int
    insights: int
    seconds: float

    @property
    def events_per_second(self) -> float:
        """Events divided by seconds."""
        return self.events / self.seconds if self.seconds else 0.0


def make_traffic(
    environment: SandboxEnvironment, *, users: int, events: int, seed: int, at: datetime, coupons: int | None = None
) -> TrafficReport:
    """Add made-up traffic up to the moment `at` (aware); the same arguments give the same rows, users differ by seed.

    `coupons` defaults to a third of `users`. Either everything is there afterwards or nothing.
    Raises UsageError for counts that make no sense, RefusedError when this seed is there already.
    """
    wanted = users // 3 if coupons is None else coupons
    if users < 1 or events < 1 or wanted < 0 or seed < 0:
        raise UsageError(
            f"expected at least 1 user, 1 event, 0 coupons and a seed from 0; got {users}, {events}, {wanted} and {seed}"
        )
    plan = TrafficPlan(users, events, wanted, seed, at, environment.variables["COUPON_SECRET"], TEMPLATES)
    run_script(environment.database_url, sql_text("sandbox/seed.sql"), what="making the coupon templates")
    started = time.perf_counter()
    try:
        with bulk_load(environment.database_url) as load:
            counts = _load(load, plan)
    except RefusedError as error:
        raise RefusedError(
            f"traffic with seed {seed} is in {environment.name} already", hint="take another --seed"
        ) from error
    seconds = time.perf_counter() - started
    vacuum_analyze(environment.database_url, ("points_events", "user_points_cache", "coupons", "fraud_insights"))
    return TrafficReport(*counts, seconds)


def _load(load: BulkLoad, plan: TrafficPlan) -> tuple[int, int, int, int]:
    with TemporaryFile() as coupon_lines, TemporaryFile() as insight_lines:
        rows = TrafficRows(plan, coupon_lines, insight_lines)
        with load.rebuilding_indexes("points_events", plan.events):
            events = load.copy("points_events", tuple(EVENT_COLUMNS), rows.events())
        users = load.copy("user_points_cache", CACHE_COLUMNS, rows.balances())
        with load.rebuilding_indexes("coupons", plan.coupons):
            coupons = load.copy("coupons", COUPON_COLUMNS, _from_start(coupon_lines))
        insights = load.copy("fraud_insights", INSIGHT_COLUMNS, _from_start(insight_lines))
    return events, users, coupons, insights


def _from_start(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_READ_BYTES):
        yield block
