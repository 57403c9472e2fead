"""`backup list`, `show`, `prune` and `restore` as an operator sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pointsctl.ledger.store import Ledger
from pointsctl.model.backup import Manifest
from pointsctl.workflow.open_store import open_store
from pointsctl.workflow.record_backup import record_created, record_refuted
from tests.support.backup_requests import OLGA, write_checklist
from tests.support.cli import Result, pointsctl
from tests.support.ledgers import install
from tests.support.recorded_backups import put_verified_backup
from tests.support.servers import Server
from tests.support.stored_backups import store_backup

Run = Callable[..., Result]
HOSTILE = "\x1b[2J::error::x \u202e"


@pytest.fixture
def target(server: Server) -> Iterator[str]:
    """An empty database."""
    with server.database("template0") as name:
        yield server.cluster.url(name)


def runner(folder: Path, url: str, **more: str) -> Run:
    def run(*arguments: str, columns: int = 100, **variables: str) -> Result:
        known = {"DATABASE_URL": url, "COLUMNS": str(columns), **more, **variables}
        return pointsctl("backup", *arguments, "--env", "production", cwd=folder, variables=known)

    return run


@pytest.fixture
def run(tmp_path: Path, admin_url: str) -> Run:
    write_checklist(tmp_path)
    return runner(tmp_path, admin_url)


def filled(folder: Path, url: str, *, protected: bool = False) -> list[Manifest]:
    """A verified backup of yesterday, a refuted one of nine days ago, an old one; and an upload that never ended."""
    write_checklist(folder, protected=protected)
    install(url, "production", protected=protected)
    store = open_store((folder / "store").as_uri())
    found = []
    with Ledger(url) as ledger:
        for number, days in enumerate((1, 9, 30, 31)):
            at = ledger.now() - timedelta(days=days)
            if days == 1:
                id_ = f"{at:%Y%m%dT%H%M%SZ}-000000"
                found.append(put_verified_backup(ledger, "production", store_url(folder), taken_at=at, id=id_))
                continue
            one = store_backup(
                store, folder, taken_at=at, unique=f"{number:06d}", database=ledger.database(), with_manifest=days != 31
            )
            found.append(one)
            if days in (9, 30):
                record_created(ledger, "production", one, store.address, {"tables": 8}, OLGA, "0")
            if days == 9:
                record_refuted(
                    ledger, "production", one, store.address, OLGA, why=HOSTILE, restored_into="ephemeral",
                    server_version=180000,
                )  # fmt: skip
    return found


def store_url(folder: Path) -> str:
    return (folder / "store").as_uri()


def test_nothing_yet(run: Run) -> None:
    listed = run("list")
    assert (listed.code, listed.out.splitlines()[0][:24]) == (0, "no backups of production")
    assert (run("show").code, run("prune", "--yes").code) == (4, 4)
    assert run("list", "--json").json["backups"] == []


@pytest.mark.parametrize("columns", [40, 120])
def test_the_list_is_readable_at_any_width(tmp_path: Path, admin_url: str, run: Run, columns: int) -> None:
    manifests = filled(tmp_path, admin_url)
    listed = run("list", columns=columns)
    assert listed.code == 0
    assert all(len(line) <= columns for line in listed.out.splitlines())
    for one in manifests[:3]:
        assert one.id in listed.out
    assert manifests[3].id not in listed.out
    words = " ".join(listed.out.split())
    assert "REFUTED" in words
    assert "1 unfinished upload" in words
    assert "verified 2" in words
    assert "\x1b" not in listed.out


def test_a_page_of_one_backup(tmp_path: Path, admin_url: str, run: Run) -> None:
    manifests = filled(tmp_path, admin_url)
    latest = run("show", "latest")
    assert (latest.code, manifests[0].id in latest.out) == (0, True)
    refuted = run("show", manifests[1].id, columns=40)
    assert refuted.code == 0
    assert "\x1b" not in refuted.out
    assert "::error::" not in refuted.out
    assert all(len(line) <= 40 for line in refuted.out.splitlines())
    document = run("show", manifests[1].id, "--json").json
    assert (document["schema"], document["state"]) == ("pointsctl/backup-shown/v1", "refuted")
    (tmp_path / "store" / manifests[1].place_of(manifests[1].objects[0])).unlink()
    broken = run("show", manifests[1].id)
    assert (broken.code, "is missing" in broken.out) == (1, True)
    states = {one["id"]: one["state"] for one in run("list", "--json").json["backups"]}
    assert states == {manifests[0].id: "verified", manifests[1].id: "damaged", manifests[2].id: "unverified"}


def test_prune_says_what_it_does_and_does_it_when_told(tmp_path: Path, admin_url: str, run: Run) -> None:
    manifests = filled(tmp_path, admin_url)
    asked = run("prune")
    assert (asked.code, "would be removed" in asked.err) == (5, True)
    assert manifests[0].id in asked.err
    assert "--yes" in asked.err
    done = run("prune", "--yes", "--json")
    assert done.code == 0
    gone = {one["id"] for one in done.json["backups"] if one["removed"]}
    assert gone == {manifests[1].id, manifests[2].id}
    assert [one["removed"] for one in done.json["unfinished"]] == [True]
    again = run("prune")
    assert (again.code, "nothing to remove" in again.out) == (0, True)
    assert [one["id"] for one in run("list", "--json").json["backups"]] == [manifests[0].id]


def test_a_protected_environment_wants_its_name(tmp_path: Path, admin_url: str) -> None:
    filled(tmp_path, admin_url, protected=True)
    run = runner(tmp_path, admin_url)
    assert run("prune", "--yes").code == 5
    assert run("prune", "--confirm", "staging").code == 5
    assert len(run("list", "--json").json["backups"]) == 3
    assert run("prune", "--confirm", "production").code == 0


def test_restore_end_to_end_without_a_password_anywhere(tmp_path: Path, admin_url: str, target: str, run: Run) -> None:
    assert run("create").code == 0
    password = "hunter22"
    url = target.replace("@/", f":{password}@/")
    refused = run("restore", "--into", url)
    assert (refused.code, password in refused.out + refused.err) == (2, False)
    done = run("restore", "latest", "--into", "env:TARGET", "--json", TARGET=url)
    assert done.code == 0, done.err
    assert done.json["proof"]["holds"] is True
    assert password not in done.out + done.err
    again = run("restore", "--into", "env:TARGET", TARGET=url)
    assert (again.code, "is not empty" in again.err) == (5, True)
    assert run("restore", "nothing", "--into", "env:TARGET", TARGET=url).code in (4, 5)
