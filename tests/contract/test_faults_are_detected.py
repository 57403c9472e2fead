"""Each fault that the sandbox can plant is noticed by an audit or a probe, and a healthy database by none."""

from __future__ import annotations

import pytest

from pointsctl.model.finding import Outcome
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.administration import run_script
from pointsctl.sandbox.faults import faults
from tests.support.audits import audit, execute, keys, probe

AUDITS = tuple(name for name in sqlfiles.names("audits") if "since" not in sqlfiles.load("audits", name).parameters)
PROBES = sqlfiles.names("probes")
NOTICED = {
    "cache-drift": {"cache-balance"},
    "duplicate-coupon": {"coupon-duplicates"},
    "grant-write-to-anon": {"client-privileges"},
    "invalid-index": {"invalid-indexes"},
    "missing-cache-row": {"cache-balance"},
    "nonce-index-dropped": {"nonce-unique-index", "duplicate-nonce"},
    "payload-hash-index-dropped": {"payload-hash-unique-index", "duplicate-payload-hash"},
    "pending-backlog": {"worker-backlog"},
    "plaintext-coupon": {"coupon-plaintext"},
    "rls-disabled": {"rls-enabled", "other-rows-hidden"},
    "rls-on-partition": {"rls-partitions"},
    "rls-policy-open": {"rls-policies", "other-rows-hidden"},
}
EVENT = (
    "INSERT INTO public.points_events (user_id, event_type, points_delta, nonce, payload_hash)"
    " VALUES (gen_random_uuid(), 'habit', 1, 'nonce-now', encode(sha256('now'), 'hex'))"
)


def _complaints(url: str) -> set[str]:
    probed = {name for name in PROBES if probe(url, name).outcome is not Outcome.PASS}
    return probed | {name for name in AUDITS if keys(audit(url, name))}


@pytest.mark.parametrize("fault", sorted(faults()))
def test_fault_is_noticed(database_url: str, admin_url: str, fault: str) -> None:
    execute(admin_url, EVENT)
    # Written out as the sandbox does it; some faults reach into the catalogue.
    run_script(admin_url, f"SET LOCAL ROLE postgres;\n{faults()[fault].script}", what=f"planting {fault}")
    assert _complaints(database_url) == NOTICED[fault]


def test_healthy_database_is_left_alone(database_url: str, admin_url: str) -> None:
    execute(admin_url, EVENT)
    assert _complaints(database_url) == set()


def test_every_fault_is_expected_here() -> None:
    assert set(NOTICED) == set(faults())
