"""Each fault plants its defect on an empty and on a filled database, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pointsctl.postgres.connection import connect
from pointsctl.sandbox import lifecycle
from pointsctl.sandbox.faults import faults, find_fault, plant
from pointsctl.sandbox.layout import Layout
from pointsctl.sandbox.traffic import make_traffic

# Each counts what is wrong in one way, straight from the tables and the catalogue.
SYMPTOMS = {
    "rls-disabled": "select count(*) from pg_class where relname = 'coupons' and not relrowsecurity",
    "rls-policy-open": "select count(*) from pg_policies where qual = '(user_id = user_id)'",
    "rls-on-partition": "select count(*) from pg_class join pg_inherits on inhrelid = oid"
    " where inhparent = 'public.fraud_insights'::regclass and not relrowsecurity",
    "grant-write-to-anon": "select count(*) from information_schema.role_table_grants where grantee = 'anon' and table_schema = 'public'",
    "duplicate-coupon": "select count(*) from (select code_hash from public.coupons group by 1 having count(*) > 1) as d",
    "plaintext-coupon": "select count(*) from public.coupons where plaintext_code is not null",
    "cache-drift": "select count(*) from public.user_points_cache as c where available_points <> (select coalesce(sum(points_delta), 0)"
    " from public.points_events as e where e.user_id = c.user_id and validation_status = 'validated')",
    "missing-cache-row": "select count(distinct user_id) from public.points_events as e where validation_status = 'validated'"
    " and not exists (select from public.user_points_cache as c where c.user_id = e.user_id)",
    "nonce-index-dropped": "select 1 - count(*) from pg_constraint where conname = 'points_events_nonce_key' and contype = 'u'",
    "payload-hash-index-dropped": "select 1 - count(*) from pg_constraint where conname = 'points_events_payload_hash_key' and contype = 'u'",
    "pending-backlog": "select greatest(count(*) - 99, 0) from public.points_events"
    " where validation_status = 'pending' and created_at < now() - interval '1 hour'",
    "invalid-index": "select count(*) from pg_index where not indisvalid",
}
ELSEWHERE_INTACT = (
    "select count(*) from pg_constraint where connamespace = 'public'::regnamespace and not convalidated",
    "select 1 - count(*) from pg_index where indexrelid = 'public.coupons_code_hash_key'::regclass and indisunique and indisvalid",
)


def symptoms(url: str) -> dict[str, int]:
    with connect(url) as connection:
        found = {name: connection.execute(query.encode()).fetchone() for name, query in SYMPTOMS.items()}
        hidden = [connection.execute(query.encode()).fetchone() for query in ELSEWHERE_INTACT]
    assert hidden == [(0,), (0,)]
    return {name: row[0] for name, row in found.items() if row and row[0]}


@pytest.fixture
def fresh(sandbox: Path) -> Iterator[Path]:
    lifecycle.reset(sandbox)
    yield sandbox
    lifecycle.reset(sandbox)


def test_every_fault_has_a_symptom() -> None:
    assert sorted(SYMPTOMS) == sorted(faults())


def test_each_fault_shows_its_own_symptom_only_and_reset_mends_it(sandbox: Path) -> None:
    environment = lifecycle.running_environment(sandbox, "sandbox")
    for name in SYMPTOMS:
        lifecycle.reset(sandbox)
        plant(Layout(sandbox), "sandbox", find_fault(name))
        assert list(symptoms(environment.database_url)) == [name]
    lifecycle.reset(sandbox)
    assert symptoms(environment.database_url) == {}


def test_all_faults_fit_together_on_traffic_and_can_be_planted_twice(fresh: Path) -> None:
    environment = lifecycle.running_environment(fresh, "sandbox-staging")
    make_traffic(environment, users=50, events=2000, seed=1, at=datetime.now(UTC))
    assert symptoms(environment.database_url) == {}
    for name in [*SYMPTOMS, *SYMPTOMS]:
        plant(Layout(fresh), "sandbox-staging", find_fault(name))
    assert sorted(symptoms(environment.database_url)) == sorted(SYMPTOMS)
    assert symptoms(lifecycle.running_environment(fresh, "sandbox").database_url) == {}
