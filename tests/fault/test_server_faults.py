"""What goes wrong with a server: each fault gives the outcome and exit code of the contract, one clear line and a hint."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.postgres import administration
from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster, TcpAccess
from pointsctl.sandbox.databases import SUPERUSER
from tests.support.cli import Result, pointsctl, write_checklist
from tests.support.servers import Server, open_directory

AUDITS = """
- id: data.coupons
  title: No coupon code is issued twice
  kind: sql_audit
  with: {audits: [coupon-duplicates]}
- id: data.balance
  title: Balances follow from their events
  kind: sql_audit
  with: {audits: [cache-balance]}
"""
PASSWORD = "correct horse battery"
WRONG = "wr0ng-passw0rd"


def preflight(folder: Path, url: str, *more: str) -> Result:
    return pointsctl("preflight", "--json", *more, cwd=folder, variables={"DATABASE_URL": url})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checklist(tmp_path, AUDITS)
    return tmp_path


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[PrivateCluster]:
    """A server that asks for a password over TCP."""
    with open_directory() as directory:
        access = TcpAccess(password=PASSWORD)
        cluster = PrivateCluster(directory / "c", superuser=SUPERUSER, settings=THROW_AWAY_SETTINGS, tcp=access)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.destroy()


def assert_could_not_look(result: Result, *words: str) -> None:
    """Every item is an error that says why, with a hint; the verdict is unknown; nothing claims to be fine."""
    assert result.code == 4, result
    assert result.json["verdict"] == "unknown"
    for finding in result.json["findings"]:
        assert finding["outcome"] == "error"
        assert finding["hint"]
        for word in words:
            assert word in finding["summary"], finding["summary"]


def test_all_is_well(folder: Path, database_url: str) -> None:
    result = preflight(folder, database_url)
    assert (result.code, result.json["verdict"]) == (0, "ready"), result
    assert result.json["counts"]["pass"] == 2


def test_server_down(folder: Path, tmp_path: Path) -> None:
    assert_could_not_look(preflight(folder, f"postgresql://u@/x?host={tmp_path}"), "no server answers")


def test_wrong_password(folder: Path, tcp_server: PrivateCluster) -> None:
    result = preflight(folder, tcp_server.tcp_url("postgres", SUPERUSER, WRONG))
    assert_could_not_look(result, "password authentication failed")
    assert WRONG not in result.out + result.err


def test_database_missing(folder: Path, server: Server) -> None:
    assert_could_not_look(preflight(folder, server.cluster.url("no_such_thing")), "no_such_thing", "does not exist")


def test_tls_required_by_the_server() -> None:
    with open_directory() as directory:
        write_checklist(directory, AUDITS)
        access = TcpAccess(password=PASSWORD, tls_only=True)
        with PrivateCluster(directory / "c", superuser=SUPERUSER, settings=THROW_AWAY_SETTINGS, tcp=access) as cluster:
            result = preflight(directory, cluster.tcp_url("postgres", SUPERUSER, PASSWORD, sslmode="disable"))
    assert_could_not_look(result, "encryption")
    assert "sslmode" in result.json["findings"][0]["hint"]


def test_tls_required_by_the_operator_and_not_offered(folder: Path, tcp_server: PrivateCluster) -> None:
    result = preflight(folder, tcp_server.tcp_url("postgres", SUPERUSER, PASSWORD, sslmode="require"))
    assert_could_not_look(result, "SSL")


def test_permission_denied_on_one_table_spoils_only_what_reads_it(folder: Path, server: Server, database: str) -> None:
    admin = server.cluster.url(database)
    administration.run_script(
        admin,
        "create role limited login bypassrls; grant usage on schema public, auth to limited;"
        " grant select on public.points_events, public.user_points_cache to limited",
        what="making a limited role",
    )
    try:
        result = preflight(folder, server.cluster.url(database, "limited"))
    finally:
        administration.run_script(admin, "drop owned by limited; drop role limited", what="dropping the limited role")
    assert result.code == 4
    assert result.finding("data.balance")["outcome"] == "pass"
    denied = result.finding("data.coupons")
    assert denied["outcome"] == "error"
    assert "coupons" in denied["summary"]


def test_statement_timeout(tmp_path: Path, database_url: str) -> None:
    """The item's own time limit ends a statement that waits, and the server does not go on with it."""
    write_checklist(tmp_path, AUDITS.replace("kind: sql_audit", "kind: sql_audit\n  timeout: 1ms"))
    result = preflight(tmp_path, database_url)
    assert result.code == 4
    assert {one["outcome"] for one in result.json["findings"]} == {"error"}


def test_server_restarted_in_mid_run() -> None:
    with open_directory() as directory:
        cluster = PrivateCluster(directory / "c", superuser=SUPERUSER, settings=THROW_AWAY_SETTINGS)
        with cluster:
            (directory / "restart.py").write_text(
                "from pathlib import Path\n"
                "from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster\n"
                f"PrivateCluster(Path({str(directory / 'c')!r}), superuser={SUPERUSER!r}, settings=THROW_AWAY_SETTINGS).restart()\n"
            )
            write_checklist(directory, _RESTARTING.replace("PYTHON", sys.executable))
            result = preflight(directory, cluster.url("postgres"))
    assert result.code == 4, result
    assert [one["outcome"] for one in result.json["findings"]] == ["pass", "pass", "error"], result.json["findings"]
    assert "invalid" not in result.finding("data.after")["summary"]


_RESTARTING = """
- id: data.before
  title: Indexes are valid before
  kind: sql_audit
  with: {audits: [invalid-indexes]}
- id: data.restart
  title: Somebody restarts the server
  kind: command
  needs: [data.before]
  with: {argv: [PYTHON, restart.py]}
- id: data.after
  title: Indexes are valid after
  kind: sql_audit
  needs: [data.restart]
  with: {audits: [invalid-indexes]}
"""
