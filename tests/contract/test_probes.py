"""Every probe: a defect is planted, met, mended, and gone; and whatever happens, a probe leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pointsctl.errors import (
    ConnectionLostError,
    ContextMissingError,
    PermissionMissingError,
    PointsctlError,
    TookTooLongError,
)
from pointsctl.model.finding import Outcome
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import connect
from pointsctl.postgres.probe_rows import FOLDER
from pointsctl.postgres.probes import tables_of
from tests.support.audits import execute, probe, probe_keys, value
from tests.support.servers import Server

PROBES = sqlfiles.names("probes")
TABLES = ("points_events", "user_points_cache", "coupon_templates", "coupons", "fraud_insights", "feature_flags")
OWN = "user_id = (SELECT auth.uid())"


@dataclass(frozen=True)
class Defect:
    """What plants a defect, what mends it, and the attempts that must go otherwise in between."""

    probe: str
    plant: tuple[str, ...]
    mend: tuple[str, ...]
    found: frozenset[str]


def defect(name: str, plant: str | tuple[str, ...], mend: str | tuple[str, ...], *found: str) -> Any:
    """A parameter set with a readable id."""
    plant = (plant,) if isinstance(plant, str) else plant
    mend = (mend,) if isinstance(mend, str) else mend
    keys = frozenset(f"{name}:{key}" for key in found)
    return pytest.param(Defect(name, plant, mend, keys), id=f"{name}-{plant[-1][:60]}")


def _open_for(role: str, privilege: str, table: str, policy: str) -> tuple[str, ...]:
    return (f"GRANT {privilege} ON public.{table} TO {role}", f"CREATE POLICY planted ON public.{table} {policy}")


DEFECTS = [
    defect(
        "client-insert",
        _open_for("authenticated", "INSERT", "points_events", "FOR INSERT TO authenticated WITH CHECK (points_delta > 100)"),
        "DROP POLICY planted ON public.points_events",
        "authenticated:public.points_events",
    ),
    defect(
        "client-update",
        _open_for(
            "authenticated", "UPDATE", "user_points_cache", "FOR ALL TO PUBLIC USING (true) WITH CHECK (available_points > 5)"
        ),
        "ALTER POLICY planted ON public.user_points_cache USING (false)",
        "authenticated:public.user_points_cache:row of user A",
    ),
    defect(
        "client-delete",
        _open_for("anon", "DELETE", "coupons", "FOR DELETE TO anon USING (expires_at < now())"),
        "REVOKE DELETE ON public.coupons FROM anon",
        "anon:public.coupons:row of user A",
    ),
    defect(
        "other-rows-hidden",
        (
            "REVOKE SELECT ON public.user_points_cache FROM authenticated",
            "GRANT SELECT (available_points) ON public.user_points_cache TO authenticated",
            "CREATE POLICY planted ON public.user_points_cache FOR SELECT TO authenticated USING (true)",
        ),
        "DROP POLICY planted ON public.user_points_cache",
        "authenticated:public.user_points_cache",
    ),
    defect(
        "duplicate-nonce",
        (
            "ALTER TABLE public.points_events DROP CONSTRAINT points_events_nonce_key",
            "CREATE UNIQUE INDEX planted ON public.points_events (nonce) WHERE validation_status = 'pending'",
        ),
        ("DROP INDEX public.planted", "ALTER TABLE public.points_events ADD UNIQUE (nonce)"),
        "service_role:public.points_events",
    ),
    defect(
        "client-insert",
        _open_for("authenticated", "INSERT", "points_events", f"FOR INSERT TO authenticated WITH CHECK ({OWN})"),
        "DROP POLICY planted ON public.points_events",
        "authenticated:public.points_events",
    ),
    defect(
        "client-insert",
        _open_for("authenticated", "INSERT", "user_points_cache", f"FOR INSERT TO authenticated WITH CHECK ({OWN})"),
        "REVOKE INSERT ON public.user_points_cache FROM authenticated",
        "authenticated:public.user_points_cache",
    ),
    defect(
        "client-insert",
        _open_for("anon", "INSERT (template_id, user_id, code_hash)", "coupons", "FOR INSERT TO anon WITH CHECK (true)"),
        "DROP POLICY planted ON public.coupons",
        "anon:public.coupons",
    ),
    defect(
        "client-insert",
        ("ALTER TABLE public.fraud_insights DISABLE ROW LEVEL SECURITY", "GRANT INSERT ON public.fraud_insights TO anon"),
        "REVOKE INSERT ON public.fraud_insights FROM anon",
        "anon:public.fraud_insights",
    ),
    defect(
        "client-update",
        _open_for("authenticated", "UPDATE", "user_points_cache", f"FOR UPDATE TO authenticated USING ({OWN})"),
        "DROP POLICY planted ON public.user_points_cache",
        "authenticated:public.user_points_cache:row of user A",
    ),
    defect(
        "client-update",  # may write and not read: no WHERE of its own could find a row
        ("ALTER TABLE public.coupons DISABLE ROW LEVEL SECURITY", "GRANT UPDATE (status) ON public.coupons TO anon"),
        "ALTER TABLE public.coupons ENABLE ROW LEVEL SECURITY",
        "anon:public.coupons:row of user A",
        "anon:public.coupons:row of user B",
    ),
    defect(
        "client-delete",
        _open_for("authenticated", "DELETE", "feature_flags", "FOR DELETE TO authenticated USING (client_visible)"),
        "REVOKE DELETE ON public.feature_flags FROM authenticated",
        "authenticated:public.feature_flags:row of user A",
        "authenticated:public.feature_flags:row of user B",
    ),
    defect(
        "own-rows-visible",
        "DROP POLICY points_events_select_own ON public.points_events",
        f"CREATE POLICY points_events_select_own ON public.points_events FOR SELECT TO authenticated USING ({OWN})",
        "authenticated:public.points_events",
    ),
    defect(
        "own-rows-visible",
        "REVOKE SELECT ON public.user_points_cache FROM authenticated",
        "GRANT SELECT ON public.user_points_cache TO authenticated",
        "authenticated:public.user_points_cache",
    ),
    defect(
        "other-rows-hidden",
        "CREATE POLICY planted ON public.points_events FOR SELECT TO authenticated USING (user_id = user_id)",
        "DROP POLICY planted ON public.points_events",
        "authenticated:public.points_events",
    ),
    defect(
        "other-rows-hidden",
        ("ALTER TABLE public.user_points_cache DISABLE ROW LEVEL SECURITY", "GRANT SELECT ON public.user_points_cache TO anon"),
        "ALTER TABLE public.user_points_cache ENABLE ROW LEVEL SECURITY",
        "anon:public.user_points_cache",
        "authenticated:public.user_points_cache",
    ),
    defect(
        "service-role-write",
        "REVOKE INSERT ON public.coupons FROM service_role",
        "GRANT INSERT ON public.coupons TO service_role",
        "service_role:public.coupons:row of user A",
    ),
    defect(
        "service-role-write",
        "REVOKE UPDATE ON public.feature_flags FROM service_role",
        "GRANT UPDATE ON public.feature_flags TO service_role",
        "service_role:public.feature_flags:row of user A",
    ),
    *(
        defect(
            name,
            (f"ALTER TABLE public.points_events DROP CONSTRAINT points_events_{column}_key", weaker),
            f"ALTER TABLE public.points_events ADD CONSTRAINT points_events_{column}_key UNIQUE ({column})",
            "service_role:public.points_events",
        )
        for name, column in (("duplicate-nonce", "nonce"), ("duplicate-payload-hash", "payload_hash"))
        for weaker in (
            "SELECT 1",
            f"CREATE UNIQUE INDEX weak ON public.points_events ({column}) WHERE validation_status <> 'pending'",
            # Refused as well, and by another promise than the one that is tested.
            f"CREATE UNIQUE INDEX other ON public.points_events ({column}, user_id)",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", DEFECTS)
def test_defect_is_met_and_gone_once_mended(admin_url: str, database_url: str, case: Defect) -> None:
    assert not probe_keys(probe(database_url, case.probe))
    execute(admin_url, *case.plant)
    observation = probe(database_url, case.probe)
    assert observation.outcome is Outcome.FAIL
    assert probe_keys(observation) == case.found
    execute(admin_url, *case.mend)
    assert probe(database_url, case.probe).outcome is Outcome.PASS


def test_every_probe_has_a_defect() -> None:
    assert {case.values[0].probe for case in DEFECTS} == set(PROBES)


def test_every_row_file_is_used_by_a_probe() -> None:
    used = {name for probe_name in PROBES for names in tables_of(sqlfiles.load("probes", probe_name)) for name in names}
    assert used == set(sqlfiles.names(FOLDER)) == set(TABLES)


def test_attempts_name_what_was_expected_and_met(database_url: str) -> None:
    (probed,) = probe(database_url, "duplicate-nonce").evidence["probes"]
    assert probed["expected"] == "sqlstate 23505 on nonce"
    assert [one["observed"] for one in probed["attempts"]] == ["sqlstate 23505 on nonce"]


def test_each_client_tries_each_table_and_each_row(database_url: str) -> None:
    (probed,) = probe(database_url, "client-update").evidence["probes"]
    tried = {(one["as"], one["table"], one["aim"]) for one in probed["attempts"]}
    assert len(tried) == 2 * 2 * len(TABLES)


def test_tables_can_be_narrowed(database_url: str) -> None:
    observation = probe(database_url, "client-insert", "client-delete", tables=("coupons",))
    tried = {one["table"] for probed in observation.evidence["probes"] for one in probed["attempts"]}
    assert tried == {"public.coupons"}


def test_optional_tables_are_tried_only_where_they_exist(admin_url: str, database_url: str) -> None:
    execute(admin_url, "DROP TABLE public.fraud_insights", "DROP TABLE public.feature_flags")
    observation = probe(database_url, "client-insert")
    assert observation.outcome is Outcome.PASS
    assert observation.observed == "8 attempts as expected"


# -- nothing is left behind --------------------------------------------------------------------------------------------

SPY = """
CREATE FUNCTION public.spy() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NOT (OLD.event_type = 'pointsctl_probe') THEN
        RAISE EXCEPTION 'touched a row that is not the probe''s own' USING errcode = 'XX000';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$
"""


def _fingerprint(url: str) -> dict[str, Any]:
    found = {
        table: value(url, f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM public.{table} t")
        for table in TABLES
    }
    found["sequences"] = value(
        url, "SELECT array_agg(row(schemaname, sequencename, last_value)::text) FROM pg_sequences"
    )
    found["prepared"] = value(url, "SELECT count(*) FROM pg_prepared_xacts")
    return found


def _sessions(url: str) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return int(value(url, query))


def _fill(url: str) -> None:
    execute(
        url,
        "INSERT INTO public.points_events (user_id, event_type, points_delta, nonce, payload_hash)"
        " SELECT gen_random_uuid(), 'habit', 1, 'nonce-' || n, encode(sha256(n::text::bytea), 'hex')"
        " FROM generate_series(1001, 1500) AS n",
        "CREATE SEQUENCE public.tickets",
        "ALTER TABLE public.coupons ADD ticket bigint DEFAULT nextval('public.tickets')",
        "ALTER TABLE public.coupons ALTER ticket DROP DEFAULT",
    )


def test_nothing_is_left_behind(admin_url: str, database_url: str) -> None:
    _fill(admin_url)
    before = _fingerprint(admin_url)
    assert probe(database_url, *PROBES).outcome is Outcome.PASS
    assert _fingerprint(admin_url) == before
    assert _sessions(admin_url) == 0


def test_nothing_is_left_behind_when_every_attempt_succeeds(admin_url: str, database_url: str) -> None:
    _fill(admin_url)
    for table in TABLES:
        execute(
            admin_url,
            f"ALTER TABLE public.{table} DISABLE ROW LEVEL SECURITY",
            f"GRANT ALL ON public.{table} TO anon, authenticated",
        )
    before = _fingerprint(admin_url)
    observation = probe(database_url, "client-insert", "client-update", "client-delete", "other-rows-hidden")
    assert observation.outcome is Outcome.FAIL
    assert _fingerprint(admin_url) == before


@pytest.mark.parametrize(("event", "name"), [("UPDATE", "client-update"), ("DELETE", "client-delete")])
def test_wide_open_table_is_not_touched_beyond_the_probes_own_rows(
    admin_url: str, database_url: str, event: str, name: str
) -> None:
    _fill(admin_url)
    execute(
        admin_url,
        SPY,
        f"CREATE TRIGGER spy BEFORE {event} ON public.points_events FOR EACH ROW EXECUTE FUNCTION public.spy()",
        "ALTER TABLE public.points_events DISABLE ROW LEVEL SECURITY",
        f"GRANT {event}, SELECT ON public.points_events TO anon",
    )
    observation = probe(database_url, name, tables=("points_events",))
    (probed,) = observation.evidence["probes"]
    assert [one["observed"] for one in probed["attempts"] if one["as"] == "anon"] == ["1 row", "1 row"]


def _kill_whoever_waits(url: str) -> bool:
    """End the session that waits for a lock, as soon as there is one; polled, in a transaction of its own each time."""
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with connect(url) as connection:
        for _ in range(1000):
            if connection.execute(kill.encode()).fetchone() != (0,):
                return True
            connection.execute("SELECT pg_sleep(0.01)")
    return False


def test_killed_in_the_middle_is_an_error_and_leaves_nothing(admin_url: str, database_url: str) -> None:
    before = _fingerprint(admin_url)
    caught: list[PointsctlError] = []

    def look() -> None:
        with pytest.raises(PointsctlError) as raised:
            probe(database_url, *PROBES)
        caught.append(raised.value)

    with connect(admin_url, autocommit=False) as blocker:
        # The rows of the tables before it are inserted by the time that this one makes the probe wait.
        blocker.execute("LOCK TABLE public.coupons IN EXCLUSIVE MODE")
        thread = threading.Thread(target=look)
        thread.start()
        killed = _kill_whoever_waits(admin_url)
        thread.join(timeout=20)
        assert killed
    assert isinstance(caught[0], ConnectionLostError)
    assert _fingerprint(admin_url) == before


def test_locked_table_is_an_error(admin_url: str, database_url: str) -> None:
    with connect(admin_url, autocommit=False) as blocker:
        blocker.execute("LOCK TABLE public.coupons IN EXCLUSIVE MODE")
        with pytest.raises(TookTooLongError, match="lock timeout"):
            probe(database_url, "client-insert")
    assert probe(database_url, "client-insert").outcome is Outcome.PASS


# -- what cannot be tried is an error, never a pass --------------------------------------------------------------------


@pytest.fixture
def weak_url(server: Server, database: str, admin_url: str) -> Iterator[str]:
    """A role that may write every table and cannot become a client."""
    execute(admin_url, "CREATE ROLE prober LOGIN BYPASSRLS", "GRANT ALL ON ALL TABLES IN SCHEMA public TO prober")
    yield server.cluster.url(database, "prober")
    execute(admin_url, "DROP OWNED BY prober", "DROP ROLE prober")


@pytest.mark.parametrize("name", PROBES)
def test_role_that_cannot_become_a_client_is_an_error(weak_url: str, name: str) -> None:
    with pytest.raises(PermissionMissingError, match=r"becoming \w+: permission denied to set role"):
        probe(weak_url, name)


def test_role_that_is_bound_by_policies_cannot_set_up(weak_url: str, admin_url: str) -> None:
    execute(admin_url, "ALTER ROLE prober NOBYPASSRLS")
    with pytest.raises(PermissionMissingError, match=r"setting up a row in public\.points_events"):
        probe(weak_url, "client-insert")


@pytest.mark.parametrize("name", PROBES)
def test_database_without_the_tables_is_an_error(empty_database_url: str, name: str) -> None:
    with pytest.raises(ContextMissingError, match=r"table public\.\w+"):
        probe(empty_database_url, name)


def test_trigger_that_swallows_the_setup_is_an_error(admin_url: str, database_url: str) -> None:
    execute(
        admin_url,
        "CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER swallow BEFORE INSERT ON public.points_events FOR EACH ROW EXECUTE FUNCTION public.swallow()",
    )
    with pytest.raises(ContextMissingError, match="gone again"):
        probe(database_url, "duplicate-nonce")
