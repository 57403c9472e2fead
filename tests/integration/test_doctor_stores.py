"""What the doctor says of the places for backups."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from pointsctl.model.configuration import Backup, Environment
from pointsctl.workflow.doctor_environments import Target
from pointsctl.workflow.doctor_result import DoctorCheck, Status
from pointsctl.workflow.doctor_stores import StorePlace, store_checks, stores_of

WEEK = timedelta(days=7)


def check(url: str, retention: timedelta = WEEK) -> DoctorCheck:
    return store_checks([StorePlace("backup.store", url, ("production",))], retention, time.monotonic)[0]


def test_a_folder_is_looked_at_and_not_made(tmp_path: Path) -> None:
    here = check(tmp_path.as_uri())
    assert here.status is Status.WARNING
    assert "beside the database" in here.found
    assert check((tmp_path / "a b" / "c").as_uri()).found.endswith("does not exist yet and can be made")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert check((tmp_path / "file").as_uri()).status is Status.ERROR
    assert check((tmp_path / "file" / "below").as_uri()).status is Status.ERROR


def test_a_retention_that_is_too_short_is_wrong(tmp_path: Path) -> None:
    found = check(tmp_path.as_uri(), timedelta(days=3))
    assert found.status is Status.FAILED
    assert "3d, expected at least 7d" in found.found


@pytest.mark.parametrize(
    ("store", "status"),
    [("", Status.MISSING), ("ftp://host/x", Status.FAILED), ("/var/backups", Status.FAILED), ("file://host/x", Status.FAILED)],
)  # fmt: skip
def test_other_stores(store: str, status: Status) -> None:
    assert check(store).status is status


def test_every_environment_has_its_store_looked_at_once() -> None:
    targets = [
        Target(name, Environment(database_url="postgresql://x/x", store=store))
        for name, store in (("a", ""), ("b", ""), ("c", "file:///c"))
    ]
    places = stores_of(Backup(store="file:///all"), targets)
    assert [(one.id, one.url, one.environments) for one in places] == [
        ("backup.store", "file:///all", ("a", "b")),
        ("environment.c.store", "file:///c", ("c",)),
    ]
    assert stores_of(Backup(), [])[0].url == ""
