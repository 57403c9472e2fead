"""Backup and drill from end to end: against an object store that locks what it keeps, and on every major version."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pointsctl.model.backup import StoredObject
from pointsctl.postgres.connection import connect
from pointsctl.sandbox.databases import prepare_roles
from pointsctl.workflow.open_store import open_store
from tests.support.audits import execute
from tests.support.backup_projects import NAME, BackupProject
from tests.support.ledgers import install
from tests.support.object_store import ObjectStore
from tests.support.other_servers import MAJORS, WITH_AMCHECK, server_of

NO_AUDITS = "- {id: team.told, title: Told, kind: attestation}"
ROWS = """
CREATE TABLE public.t (id bigserial PRIMARY KEY, amount numeric, note text, at timestamptz DEFAULT now());
INSERT INTO public.t (amount, note) SELECT i / 7.0, 'row ' || i FROM generate_series(1, 500) i;
"""


@pytest.mark.usefixtures("s3_credentials")
def test_a_backup_in_a_locked_bucket_is_proven_and_cannot_be_deleted(
    object_store: ObjectStore, open_path: Path, database_url: str
) -> None:
    install(database_url, NAME)
    url = object_store.url(object_store.bucket(lock=True))
    project = BackupProject(open_path, database_url, store=url)
    manifest = project.create().manifest
    store = open_store(url)
    until = manifest.taken_at + timedelta(days=7)
    stored: list[StoredObject] = list(manifest.objects)
    for name in (manifest.name, *(manifest.place_of(one) for one in stored)):
        locked = store.protected_until(name)
        assert locked is not None
        # Counted from the upload, by the clock that the store agrees with; stores keep whole seconds.
        assert timedelta(seconds=-1) <= locked - until < timedelta(minutes=5), name
    done = project.verify()
    assert done.proof.holds
    assert done.recorded.head is not None


@pytest.mark.usefixtures("s3_credentials")
@pytest.mark.parametrize("kind", ["file", "s3"])
@pytest.mark.parametrize("major", MAJORS)
def test_a_backup_of_every_major_version_is_proven(
    major: int, kind: str, object_store: ObjectStore, open_path: Path
) -> None:
    store = {"store": object_store.url(object_store.bucket())} if kind == "s3" else {}
    with server_of(major) as cluster:
        url = cluster.url("postgres")
        execute(url, ROWS)
        project = BackupProject(open_path, url, items=NO_AUDITS, **store)
        assert project.create().manifest.server_version // 10_000 == major
        done = project.verify()
    assert done.proof.holds, done.proof
    assert done.proof.rows == 500
    assert done.audits is None
    assert (done.proof.indexes_checked is not None) is (major in WITH_AMCHECK)
    assert project.left_over() == []


def test_a_backup_is_proven_on_the_server_of_another_environment_and_nothing_stays_there(
    open_path: Path, database_url: str
) -> None:
    with server_of(18) as elsewhere:
        other = elsewhere.url("postgres")
        project = BackupProject(open_path, database_url, restore_into="other", items=NO_AUDITS)
        text = project.checklist.read_text("utf-8")
        place = f"environments:\n  other: {{database_url: '{other}'}}\n"
        project.checklist.write_text(text.replace("environments:\n", place, 1), "utf-8")
        prepare_roles(elsewhere)
        project.create()
        done = project.verify()
        with connect(other) as connection:
            left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'pointsctl%'").fetchall()
    assert (done.proof.holds, done.restored_into, left) == (True, "other", [])
