"""The held snapshot: one moment for all who join it; its loss is noticed at once; one dump or migration at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pointsctl.errors import ConnectionLostError, InterruptedByOperatorError, QueryFailedError, RefusedError
from pointsctl.model.configuration import LeftOut
from pointsctl.postgres.connection import connect
from pointsctl.postgres.deployment_lock import KEY
from pointsctl.postgres.pooler import refuse_transaction_pooler
from pointsctl.postgres.snapshot import HeldSnapshot, held_snapshot
from pointsctl.postgres.survey import survey_source
from tests.support.audits import execute, value
from tests.support.pgbouncer import pooler
from tests.support.world import Switch

COUNT = b"SELECT count(*) FROM public.feature_flags"
HOLDER = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pointsctl backup' AND datname = current_database()"


def _end_holder(admin_url: str) -> None:
    execute(admin_url, f"SELECT pg_terminate_backend(pid) FROM ({HOLDER} ORDER BY backend_start LIMIT 1) AS holder")


def test_everybody_who_joins_sees_the_same_moment(database_url: str, admin_url: str) -> None:
    before = value(admin_url, COUNT.decode())
    with held_snapshot(database_url, Switch()) as snapshot:
        execute(admin_url, "DELETE FROM public.feature_flags")
        with snapshot.reader(Switch()) as connection:
            assert connection.execute(COUNT).fetchall() == [(before,)]
            assert connection.execute("SHOW TimeZone").fetchall() == [("UTC",)]
            with pytest.raises(Exception, match="read-only"):
                connection.execute("DELETE FROM public.feature_flags")
        snapshot.still_held()
        assert snapshot.database_size > 1_000_000
        assert snapshot.taken_at.tzinfo is not None
        assert snapshot.lsn.count("/") == 1
        assert snapshot.identity.role == "postgres"
    # The server takes a moment to end a session whose client has said goodbye.
    assert any(value(admin_url, f"SELECT count(*) FROM ({HOLDER}) AS holders") == 0 for _ in range(500))


def test_limits_of_a_role_do_not_end_it(database_url: str, admin_url: str) -> None:
    name = value(database_url, "SELECT current_database()")
    limits = ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "idle_session_timeout")
    execute(admin_url, *(f"ALTER DATABASE {name} SET {limit} = '10min'" for limit in limits))
    with held_snapshot(database_url, Switch()) as snapshot, snapshot.reader(Switch()) as connection:
        for limit in limits:
            assert connection.execute(f"SHOW {limit}".encode()).fetchall() == [("0",)]
        snapshot.still_held()


def test_a_lost_holder_stops_the_work_and_is_what_the_error_says(database_url: str, admin_url: str) -> None:
    def read_while_it_is_lost() -> None:
        with held_snapshot(database_url, Switch()) as snapshot, snapshot.reader(Switch()) as connection:
            _end_holder(admin_url)
            connection.execute("SELECT pg_sleep(60)")

    with pytest.raises(ConnectionLostError, match="held the snapshot was lost"):
        read_while_it_is_lost()


def test_a_guard_asks_to_stop_when_the_holder_is_lost(database_url: str, admin_url: str) -> None:
    asked = threading.Event()

    def work() -> None:
        with held_snapshot(database_url, Switch()) as snapshot:
            guard = snapshot.guard(Switch())
            with guard.callback(asked.set):
                assert not guard.requested
                _end_holder(admin_url)
                assert asked.wait(20)
            assert guard.requested
            assert guard.remaining() == 0
            raise RuntimeError("what a stopped program leads to")

    with pytest.raises(ConnectionLostError):
        work()


def test_a_snapshot_whose_holder_died_unseen_proves_nothing(database_url: str, admin_url: str) -> None:
    def work() -> None:
        with held_snapshot(database_url, Switch()) as snapshot:
            _end_holder(admin_url)
            snapshot.still_held()

    with pytest.raises(ConnectionLostError):
        work()


def test_a_holder_whose_transaction_failed_proves_nothing(database_url: str) -> None:
    with held_snapshot(database_url, Switch()) as snapshot:
        with pytest.raises(QueryFailedError, match="division by zero"), snapshot.holder(Switch()) as connection:
            connection.execute("SELECT 1 / 0")
        with pytest.raises(ConnectionLostError):
            snapshot.still_held()


def test_an_interrupt_is_said_as_such(database_url: str) -> None:
    switch = Switch()

    def work(snapshot: HeldSnapshot) -> None:
        with snapshot.reader(switch) as connection:
            threading.Thread(target=switch.stop).start()
            connection.execute("SELECT pg_sleep(60)")

    with held_snapshot(database_url, Switch()) as snapshot:
        with pytest.raises(InterruptedByOperatorError):
            work(snapshot)
        snapshot.still_held()


def test_a_second_backup_is_refused_and_told_who_is_at_work(database_url: str) -> None:
    with held_snapshot(database_url, Switch()) as first:
        with first.holder(Switch()) as connection:
            pid = connection.info.backend_pid
        with (
            pytest.raises(RefusedError, match=rf"process {pid} \(pointsctl backup\), since .* holds the lock"),
            held_snapshot(database_url, Switch()),
        ):
            pass
        with held_snapshot(database_url, Switch(), deploying=False) as copy:
            copy.still_held()
    assert value(database_url, f"SELECT pg_try_advisory_lock({KEY})") is True


LOCKS: list[tuple[str, Callable[[str], str]]] = [
    ("pg_dump", lambda _: "SELECT 1"),
    ("@effect/sql-pg", lambda _: "SELECT 1"),
    ("app", lambda table: f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"),
    ("app", lambda table: f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"),
]


@pytest.mark.parametrize(("program", "lock"), LOCKS)
def test_a_dump_or_migration_that_runs_already_is_refused(
    database_url: str, program: str, lock: Callable[[str], str]
) -> None:
    with connect(database_url, application_name=program, autocommit=False) as other:
        other.execute(lock("public.coupons").encode())
        message = rf"process {other.info.backend_pid} \({program}\), since .*"
        with pytest.raises(RefusedError, match=message), held_snapshot(database_url, Switch()):
            pass


def test_ordinary_work_is_not_taken_for_a_migration(database_url: str) -> None:
    with connect(database_url, application_name="app", autocommit=False) as other:
        other.execute("UPDATE public.coupon_templates SET name = name")
        other.execute("CREATE TEMPORARY TABLE mine (a int)")
        other.execute("LOCK TABLE mine IN ACCESS EXCLUSIVE MODE")
        with held_snapshot(database_url, Switch()) as snapshot:
            survey_source(snapshot, LeftOut(), Switch())


@pytest.mark.parametrize("statement", ["TRUNCATE public.busy", "ALTER TABLE public.busy ALTER COLUMN a TYPE bigint"])
def test_a_table_that_is_emptied_while_the_backup_begins_is_refused(database_url: str, statement: str) -> None:
    """Every snapshot taken before sees no row of it: the backup would be complete, restorable and empty."""
    execute(database_url, "CREATE TABLE public.busy AS SELECT 1 AS a")
    with held_snapshot(database_url, Switch()) as snapshot:
        execute(database_url, statement)
        with snapshot.reader(Switch()) as connection:
            assert connection.execute("SELECT count(*) FROM public.busy").fetchall() == [(0,)]
        with pytest.raises(RefusedError, match=r"table public\.busy was emptied or rewritten"):
            survey_source(snapshot, LeftOut(), Switch())


def test_what_was_surveyed_cannot_be_emptied_any_more(database_url: str) -> None:
    with held_snapshot(database_url, Switch()) as snapshot:
        survey_source(snapshot, LeftOut(), Switch())
        with pytest.raises(Exception, match="lock timeout"):
            execute(database_url, "SET lock_timeout = '50ms'; TRUNCATE public.coupons CASCADE")


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_shares_sessions_is_refused(database_url: str, mode: str) -> None:
    with (
        pooler(database_url, mode) as pooled,
        pytest.raises(RefusedError, match="pooler in transaction mode") as refused,
        held_snapshot(pooled, Switch()),
    ):
        pass
    assert "6543" in refused.value.hint


def test_such_a_pooler_is_recognised_while_others_use_it(database_url: str) -> None:
    with pooler(database_url, "transaction") as pooled, connect(pooled, autocommit=False) as other:
        other.execute("SELECT 1")
        with connect(pooled) as connection, pytest.raises(RefusedError, match="transaction mode"):
            refuse_transaction_pooler(connection, pooled)


def test_a_pooler_in_session_mode_holds_a_snapshot(database_url: str) -> None:
    with (
        pooler(database_url, "session") as pooled,
        held_snapshot(pooled, Switch()) as snapshot,
        snapshot.reader(Switch()) as connection,
    ):
        assert connection.execute(COUNT).fetchall() is not None
        snapshot.still_held()
