"""Traffic arrives whole, leaves the schema as it was, and can be added to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pointsctl.errors import RefusedError, UsageError
from pointsctl.postgres.connection import connect
from pointsctl.sandbox import lifecycle
from pointsctl.sandbox.environments import SandboxEnvironment
from pointsctl.sandbox.traffic import make_traffic

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCHEMA = (
    "select indexdef from pg_indexes where schemaname = 'public' union all"
    " select conname || pg_get_constraintdef(oid) || convalidated from pg_constraint where connamespace = 'public'::regnamespace"
    " and contype <> 'n' order by 1"
)
DIGEST = "select md5(string_agg(t::text, '|' order by t::text)) from public.{} as t where {}"


@pytest.fixture
def environment(sandbox: Path) -> SandboxEnvironment:
    lifecycle.reset(sandbox)
    return lifecycle.running_environment(sandbox, "sandbox")


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def digests(url: str) -> list[tuple[object, ...]]:
    return [
        *rows(url, DIGEST.format("points_events", "true")),
        *rows(url, DIGEST.format("user_points_cache", "true")),
        *rows(url, DIGEST.format("coupons", "true")),
        *rows(url, DIGEST.format("fraud_insights", "true")),
    ]


def test_the_same_arguments_give_the_same_rows(environment: SandboxEnvironment, sandbox: Path) -> None:
    make_traffic(environment, users=40, events=1500, seed=3, at=AT)
    first = digests(environment.database_url)
    lifecycle.reset(sandbox)
    make_traffic(environment, users=40, events=1500, seed=3, at=AT)
    assert digests(environment.database_url) == first


@pytest.mark.parametrize("events", [500, 30_000])
def test_small_and_large_batches_leave_every_index_and_constraint(environment: SandboxEnvironment, events: int) -> None:
    before = rows(environment.database_url, SCHEMA)
    report = make_traffic(environment, users=100, events=events, coupons=50, seed=1, at=datetime.now(UTC))
    assert (report.events, report.coupons) == (events, 50)
    assert rows(environment.database_url, SCHEMA) == before
    assert rows(environment.database_url, "select count(*) from public.points_events") == [(events,)]
    again = make_traffic(environment, users=100, events=events, coupons=50, seed=2, at=datetime.now(UTC))
    assert again.events == events
    assert rows(environment.database_url, SCHEMA) == before


def test_a_seed_used_before_is_refused_and_changes_nothing(environment: SandboxEnvironment) -> None:
    make_traffic(environment, users=40, events=25_000, seed=3, at=AT)
    before, schema = digests(environment.database_url), rows(environment.database_url, SCHEMA)
    with pytest.raises(RefusedError, match="seed 3 is in sandbox already"):
        make_traffic(environment, users=40, events=60_000, seed=3, at=AT)
    assert digests(environment.database_url) == before
    assert rows(environment.database_url, SCHEMA) == schema


@pytest.mark.parametrize("wrong", [{"users": 0}, {"events": 0}, {"coupons": -1}, {"seed": -1}])
def test_counts_that_make_no_sense_are_usage_errors(environment: SandboxEnvironment, wrong: dict[str, int]) -> None:
    arguments = {"users": 1, "events": 1, "coupons": 0, "seed": 1} | wrong
    with pytest.raises(UsageError, match="expected at least 1 user"):
        make_traffic(
            environment,
            users=arguments["users"],
            events=arguments["events"],
            coupons=arguments["coupons"],
            seed=arguments["seed"],
            at=AT,
        )
