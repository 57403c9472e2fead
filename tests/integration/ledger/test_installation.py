"""Installing: once, wholly or not at all, never over somebody else's table; damage is told; protections are what is said."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.errors import PointsctlError, RefusedError
from pointsctl.ledger.condition import Condition
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Kind, read_record
from pointsctl.postgres.connection import connect
from pointsctl.workflow.load_trust import load_trust
from tests.support.audits import audit, execute, keys, value
from tests.support.keys import trust_folder
from tests.support.ledgers import ADA, SEED, assert_chained, draft, install, installed
from tests.support.servers import Server

AUDITS = (
    "rls-enabled",
    "exposed-relations",
    "client-privileges",
    "security-definer",
    "search-path",
    "rls-policies",
    "rls-partitions",
    "duplicate-indexes",
    "invalid-indexes",
)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with installed(database_url) as opened:
        yield opened


def _kinds(ledger: Ledger) -> list[str]:
    return [row.kind for row in ledger.rows()]


def test_first_records_say_what_was_installed_and_where(database_url: str, tmp_path: Path) -> None:
    trust = trust_folder(tmp_path, {"lead": [ADA]})
    done = install(database_url, trust=trust)
    with Ledger(database_url) as ledger:
        assert _kinds(ledger) == ["ledger.installed", "environment.pinned", "policy.pinned"]
        assert_chained(list(ledger.rows()))
        record = ledger.last(Kind.POLICY_PINNED)
        assert record is not None
        assert record.data == {"trust": load_trust(trust).as_json(), "policy": load_trust(trust).digest}
        assert ledger.pin() == done.pin
        assert done.pin.database == ledger.database()
        assert (done.pin.name, done.pin.copied_from, done.policy) == ("staging", None, load_trust(trust).digest)
    assert [text.split()[0] for text in done.done] == ["installed", "pinned", "pinned"]


def test_second_time_there_is_nothing_to_do(database_url: str) -> None:
    install(database_url)
    confirmed: list[str] = []
    again = install(database_url, confirmed=confirmed)
    assert (again.done, again.head.seq, confirmed) == ((), 2, [])


def test_policy_is_pinned_once_it_is_there_and_then_left_alone(database_url: str, tmp_path: Path) -> None:
    assert install(database_url).policy is None
    first = install(database_url, trust=trust_folder(tmp_path / "a", {"lead": [ADA]}))
    assert first.head.seq == 3
    other = install(database_url, trust=trust_folder(tmp_path / "b", {"lead": ["eve@example.test"]}))
    assert (other.done, other.policy) == ((), first.policy)


def test_trust_folder_that_cannot_be_used_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "trust").mkdir()
    with pytest.raises(PointsctlError):
        install(database_url, trust=tmp_path / "trust")
    with Ledger(database_url) as ledger:
        assert ledger.state().condition is Condition.NONE


@pytest.mark.parametrize("url", ["database_url", "admin_url"])
def test_audits_stay_clean_with_a_ledger(url: str, request: pytest.FixtureRequest, database_url: str) -> None:
    install(request.getfixturevalue(url))
    assert {name: keys(audit(database_url, name)) for name in AUDITS} == {name: set() for name in AUDITS}


def test_installs_into_a_database_without_the_roles_of_a_platform(open_path: Path) -> None:
    from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster

    cluster = PrivateCluster(open_path / "plain", settings=THROW_AWAY_SETTINGS)
    try:
        cluster.start()
        url = cluster.url("postgres")
        execute(url, "CREATE ROLE app LOGIN", "GRANT CREATE ON SCHEMA public TO app")
        by_app = install(cluster.url("postgres", "app"))
        states = {one.name: one.in_place for one in by_app.protections}
        assert states == {"append-only": True, "one chain": True, "clients": True, "owner": False, "guard": False}
        assert "app owns it and can switch its triggers off" in str(by_app.protections)
        with Ledger(cluster.url("postgres", "app")) as ledger:
            ledger.require_all_visible()
            ledger.append(draft())
        by_superuser = install(url)
        assert all(one.in_place for one in by_superuser.protections)
        with Ledger(cluster.url("postgres", "app")) as ledger:
            ledger.require_all_visible()
            ledger.append(draft())
            assert_chained(list(ledger.rows()))
    finally:
        cluster.destroy()


def test_two_at_once_install_one_ledger(server: Server, database_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def attempt(_: int) -> str:
        try:
            return "done" if install(database_url).done else "nothing"
        except RefusedError as error:
            return error.message

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(attempt, range(4)))
    assert ended.count("done") == 1
    assert set(ended) <= {"done", "nothing", "the ledger was changed in the meantime"}
    with Ledger(database_url) as ledger:
        assert _kinds(ledger) == ["ledger.installed", "environment.pinned"]


_INSTALL = "import sys; from tests.support.ledgers import install; install(sys.argv[1])"


def test_killed_in_the_middle_leaves_nothing(database_url: str, admin_url: str) -> None:
    blocker = connect(admin_url, autocommit=False)
    try:
        # The table and its functions are made by then, and the policies wait.
        blocker.execute(b"LOCK TABLE pg_catalog.pg_policy IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen([sys.executable, "-c", _INSTALL, database_url])
        _wait_until_somebody_waits(admin_url)
        process.kill()
        process.wait()
        blocker.rollback()
    finally:
        blocker.close()
    _wait_until_gone(admin_url)
    with Ledger(database_url) as ledger:
        assert ledger.state().condition is Condition.NONE
    assert install(database_url).head.seq == 2


def _wait_until_somebody_waits(url: str) -> None:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'pg_catalog.pg_policy'::regclass"
    _until(lambda: value(url, query) == 1)


def _wait_until_gone(url: str) -> None:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'pointsctl' AND pid <> pg_backend_pid()"
    )
    _until(lambda: value(url, query) == 0)


def _until(done: object) -> None:
    end = time.monotonic() + 30
    while not done():  # type: ignore[operator]  # a function without arguments
        assert time.monotonic() < end


def test_ledger_says_who_typed_what(ledger: Ledger, database_url: str) -> None:
    execute(database_url, SEED)
    records = [read_record(row) for row in ledger.rows()]
    assert [one.applied_by for one in records] == [ADA, ADA, "ada@example.test"]
