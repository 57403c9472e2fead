"""The run's database: one snapshot for all readers, scratch work that leaves nothing, cancels and losses that are owned up to."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from pointsctl.errors import (
    ConnectionLostError,
    ContextMissingError,
    InterruptedByOperatorError,
    PointsctlError,
    QueryFailedError,
    RefusedError,
    TookTooLongError,
)
from pointsctl.postgres.connection import connect
from pointsctl.postgres.database import Database
from tests.support.audits import execute, opened, value
from tests.support.servers import Server
from tests.support.world import Switch

COUNT = b"SELECT count(*) FROM public.coupon_templates"
ADD = "INSERT INTO public.coupon_templates (name, cost_points) VALUES ('{}', 1)"


@pytest.fixture
def database_of(database_url: str) -> Iterator[Database]:
    with opened(database_url) as database:
        yield database


def _count(database: Database) -> int:
    with database.reader(Switch()) as connection:
        row = connection.execute(COUNT).fetchone()
    assert row is not None
    return int(row[0])


def test_readers_share_one_snapshot_while_others_commit(database_of: Database, admin_url: str) -> None:
    before = _count(database_of)
    with database_of.reader(Switch()) as first:
        execute(admin_url, ADD.format("late"))
        with database_of.reader(Switch()) as second, database_of.reader(Switch()) as third:
            assert len({first.info.backend_pid, second.info.backend_pid, third.info.backend_pid}) == 3
            counts = [one.execute(COUNT).fetchone() for one in (first, second, third)]
            assert counts == [(before,)] * 3
            assert second.execute("SELECT now() - now()").fetchone() is not None
    assert _count(database_of) == before
    assert value(admin_url, COUNT.decode()) == before + 1


def test_readers_cannot_write(database_of: Database) -> None:
    with pytest.raises(QueryFailedError, match="read-only transaction"), database_of.reader(Switch()) as connection:
        connection.execute(ADD.format("x").encode())
    assert _count(database_of) > 0


def test_what_a_reader_sets_is_gone_for_the_next(database_of: Database) -> None:
    with database_of.reader(Switch()) as connection:
        pid = connection.info.backend_pid
        connection.execute("SET LOCAL search_path = public")
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
    with database_of.reader(Switch()) as connection:
        assert connection.info.backend_pid == pid
        shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in ("search_path", "TimeZone")]
    assert shown == [("pg_catalog, pg_temp",), ("UTC",)]


def test_settings_of_the_database_change_nothing(admin_url: str, database_url: str, database: str) -> None:
    execute(
        admin_url,
        f"ALTER DATABASE {database} SET search_path = public",
        f"ALTER DATABASE {database} SET constraint_exclusion = on",
        f"ALTER DATABASE {database} SET TimeZone = 'Asia/Tokyo'",
        f"ALTER DATABASE {database} SET default_transaction_isolation = 'read committed'",
        f"ALTER DATABASE {database} SET row_security = off",
    )
    with opened(database_url) as one, one.reader(Switch()) as connection:
        names = ("search_path", "constraint_exclusion", "TimeZone", "transaction_isolation", "row_security")
        shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
    assert shown == [("pg_catalog, pg_temp",), ("off",), ("UTC",), ("repeatable read",), ("on",)]


def test_failed_statement_leaves_the_snapshot_alive(database_of: Database, admin_url: str) -> None:
    before = _count(database_of)
    execute(admin_url, ADD.format("late"))
    with pytest.raises(ContextMissingError, match="nowhere"), database_of.reader(Switch()) as connection:
        connection.execute("SELECT * FROM public.nowhere")
    assert _count(database_of) == before


def test_many_looks_leave_no_pile_of_savepoints(database_of: Database) -> None:
    for _ in range(200):
        _count(database_of)
    with database_of.reader(Switch()) as connection:
        connection.execute("ROLLBACK TO SAVEPOINT look")
        connection.execute("RELEASE SAVEPOINT look")
        with pytest.raises(Exception, match='savepoint "look" does not exist'):
            connection.execute("ROLLBACK TO SAVEPOINT look")
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        connection.execute("SAVEPOINT look")


def test_statement_is_bounded_by_the_time_that_remains(database_of: Database) -> None:
    with pytest.raises(TookTooLongError), database_of.reader(Switch(limit=0.3)) as connection:
        connection.execute("SELECT pg_sleep(30)")
    assert _count(database_of) > 0


def test_stop_ends_a_running_statement_and_the_reader_lives_on(database_of: Database, admin_url: str) -> None:
    before = _count(database_of)
    execute(admin_url, ADD.format("late"))
    switch = Switch()
    thread = switch.stop_once_looking()
    with pytest.raises(PointsctlError), database_of.reader(switch) as connection:
        connection.execute("SELECT pg_sleep(30)")
    thread.join()
    assert _count(database_of) == before, "the same snapshot still answers"


def test_stop_between_two_statements_ends_the_next_one(database_of: Database) -> None:
    switch = Switch()

    def look() -> None:
        with database_of.reader(switch) as connection:
            switch.stop()
            for _ in range(1000):
                connection.execute("SELECT pg_sleep(0.02)")

    with pytest.raises(TookTooLongError, match="user request"):
        look()
    assert _count(database_of) > 0


@pytest.mark.parametrize("way", ["reader", "scratch"])
def test_stopped_look_gives_no_answer(database_of: Database, way: str) -> None:
    switch = Switch()
    with pytest.raises(InterruptedByOperatorError), getattr(database_of, way)(switch):
        switch.stop()
    with pytest.raises(InterruptedByOperatorError), getattr(database_of, way)(switch):
        pytest.fail("a look began although it had been stopped")
    assert _count(database_of) > 0


def test_lost_connection_is_never_silently_replaced(database_of: Database, admin_url: str) -> None:
    def look() -> None:
        with database_of.reader(Switch()) as connection:
            execute(admin_url, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)")
            connection.execute(COUNT)

    with pytest.raises(ConnectionLostError):
        look()
    with pytest.raises(ConnectionLostError):
        _count(database_of)


@pytest.mark.parametrize("way", ["reader", "scratch"])
def test_server_ends_the_statement_of_a_client_that_is_gone(database_of: Database, admin_url: str, way: str) -> None:
    """Killed in the middle, the program leaves nothing running, not even what refuses to be cancelled."""
    stubborn = (
        b"DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"
    )
    gone = "SELECT count(*) FROM pg_stat_activity WHERE pid = {}"

    def hang_up(pid: int, line: socket.socket) -> None:
        with line:
            _until_running(admin_url, pid)
            line.shutdown(socket.SHUT_RDWR)

    def look() -> None:
        with getattr(database_of, way)(Switch(limit=600)) as connection:
            pids.append(connection.info.backend_pid)
            thread = threading.Thread(target=hang_up, args=(pids[0], socket.socket(fileno=os.dup(connection.fileno()))))
            thread.start()
            connection.execute(stubborn)

    pids: list[int] = []
    with pytest.raises(ConnectionLostError):
        look()
    assert any(not value(admin_url, gone.format(pids[0])) for _ in range(3000)), "the server goes on"


def _until_running(url: str, pid: int) -> None:
    running = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'"
    assert any(value(url, running) for _ in range(3000))


def test_first_failure_to_connect_is_everybodys(server: Server) -> None:
    with opened(server.cluster.url("no_such_database")) as database:
        errors = set()
        for _ in range(3):
            with pytest.raises(PointsctlError) as raised, database.reader(Switch()):
                pytest.fail("connected to nothing")
            errors.add(id(raised.value))
    assert len(errors) == 1


def test_scratch_is_rolled_back_however_it_ends(database_of: Database, admin_url: str) -> None:
    before = value(admin_url, COUNT.decode())
    with database_of.scratch(Switch()) as connection:
        connection.execute(ADD.format("scratch").encode())
        assert connection.execute(COUNT).fetchone() == (before + 1,)

    def end(statement: bytes, *, by_hand: bool = False) -> None:
        with database_of.scratch(Switch()) as connection:
            connection.execute(ADD.format("scratch").encode())
            if by_hand:
                execute(admin_url, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)")
            connection.execute(statement)

    with pytest.raises(QueryFailedError, match="division by zero"):
        end(b"SELECT 1 / 0")
    with pytest.raises(ConnectionLostError):
        end(COUNT, by_hand=True)
    assert value(admin_url, COUNT.decode()) == before


def test_scratch_is_refused_where_the_address_leads_to_another_database(
    server: Server, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.database() as other, opened(database_url) as database:
        database.identity()
        monkeypatch.setattr(database, "_url", server.cluster.url(other))  # as a list of hosts may lead to any of them
        with pytest.raises(RefusedError, match=other), database.scratch(Switch()):
            pytest.fail("a probe was about to begin elsewhere")


def test_scratch_gives_up_on_a_lock(database_of: Database, admin_url: str) -> None:
    with connect(admin_url, autocommit=False) as blocker:
        blocker.execute("LOCK TABLE public.coupon_templates IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TookTooLongError, match="lock timeout"), database_of.scratch(Switch()) as connection:
            connection.execute(ADD.format("scratch").encode())


def test_threads_get_readers_of_their_own(database_of: Database, admin_url: str) -> None:
    before = _count(database_of)
    execute(admin_url, ADD.format("late"))
    barrier = threading.Barrier(4)
    seen: list[tuple[int, int]] = []

    def look() -> None:
        with database_of.reader(Switch()) as connection:
            barrier.wait(timeout=20)
            row = connection.execute(COUNT).fetchone()
            assert row is not None
            seen.append((connection.info.backend_pid, row[0]))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len({pid for pid, _ in seen}) == 4
    assert {count for _, count in seen} == {before}


def test_close_ends_every_session(database_url: str, admin_url: str) -> None:
    with opened(database_url) as database, database.reader(Switch()), database.reader(Switch()):
        pass
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    left = next(left for _ in range(2000) if not (left := value(admin_url, sessions)))
    assert left == 0
    with pytest.raises(ConnectionLostError, match="the run is over"), database.reader(Switch()):
        pytest.fail("a closed database gave a reader")
