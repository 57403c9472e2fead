"""`backup create`: what is in the store and in the ledger afterwards, what is refused, and how it goes on after a failure."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pointsctl.backup_stores.file import File
from pointsctl.errors import (
    ConnectionLostError,
    ContextMissingError,
    ExitCode,
    InterruptedByOperatorError,
    RefusedError,
    StorageError,
)
from pointsctl.ledger.store import Ledger
from pointsctl.model.backup import Manifest, StoredObject, read_manifest
from pointsctl.model.ledger import Kind
from pointsctl.model.unfinished_backup import UnfinishedBackup
from pointsctl.workflow.create_backup import create_backup
from pointsctl.workflow.interruption import stoppable
from pointsctl.workflow.record_backup import record_created
from tests.support.audits import execute
from tests.support.backup_projects import NAME, BackupProject, Telling
from tests.support.ledgers import ADA, install
from tests.support.servers import Server


@pytest.fixture
def project(open_path: Path, database_url: str) -> BackupProject:
    return BackupProject(open_path, database_url)


class BlockedUpload(Telling):
    """Puts something in the way of the upload when it begins."""

    def __init__(self, store: Path) -> None:
        super().__init__(begins=lambda stage: self._block() if stage == "upload" else None)
        self._in_the_way = store / "backups"

    def _block(self) -> None:
        self._in_the_way.write_text("no folder", "utf-8")

    def repair(self) -> None:
        self._in_the_way.unlink()


def manifest_of(project: BackupProject) -> tuple[str, Manifest]:
    [name] = [name for name in project.stored() if "/manifest-" in name]
    return name, read_manifest(name, (project.store / name).read_bytes())


def test_a_backup_is_its_objects_and_a_manifest_that_names_them_all(project: BackupProject) -> None:
    install(project.url, NAME)
    done = project.create()
    name, manifest = manifest_of(project)
    assert manifest == done.manifest
    assert sorted([name, *(manifest.place_of(one) for one in manifest.objects)]) == project.stored()
    assert done.summary["tables"] > 0
    assert {stage.stage for stage in done.stages} >= {"dump", "fingerprints", "upload"}
    assert project.left_over() == []
    with Ledger(project.url) as ledger:
        record = ledger.last(Kind.BACKUP_CREATED)
    assert record is not None
    assert done.recorded.head == record.head
    assert (record.backup_taken, record.data["backup"], record.data["manifest"]) == (True, manifest.id, manifest.digest)


def test_without_a_ledger_it_works_and_says_that_nothing_was_recorded(project: BackupProject) -> None:
    done = project.create()
    assert done.recorded.head is None
    assert "no ledger" in done.recorded.why
    assert "pointsctl init" in done.recorded.why
    assert done.exit_code is ExitCode.DONE


def test_the_ledger_of_another_environment_is_refused_before_anything_is_taken(project: BackupProject) -> None:
    install(project.url, "staging")
    with pytest.raises(RefusedError, match="staging"):
        project.create()
    assert project.stored() == []
    assert project.left_over() == []


def test_a_failed_upload_keeps_what_was_taken_and_resume_goes_on_with_the_very_same_backup(
    project: BackupProject,
) -> None:
    install(project.url, NAME)
    blocked = BlockedUpload(project.store)
    with pytest.raises(StorageError) as failed:
        project.create(blocked)
    assert f"pointsctl backup create --env {NAME} --resume" in failed.value.hint
    assert len(project.left_over()) == 1
    blocked.repair()
    done = project.create(resume=True)
    assert manifest_of(project)[1] == done.manifest
    assert done.recorded.head is not None
    assert project.left_over() == []


def test_a_new_backup_supersedes_one_that_waits_for_its_upload(project: BackupProject) -> None:
    blocked = BlockedUpload(project.store)
    with pytest.raises(StorageError):
        project.create(blocked)
    blocked.repair()
    project.create()
    assert project.left_over() == []
    with pytest.raises(ContextMissingError, match="waits for its upload"):
        project.create(resume=True)


def test_what_waits_for_another_store_is_named(project: BackupProject) -> None:
    with pytest.raises(StorageError):
        project.create(BlockedUpload(project.store))
    moved = project.folder / "elsewhere"
    moved.mkdir()
    other = BackupProject(project.folder, project.url, store=moved.as_uri())
    with pytest.raises(ContextMissingError, match=moved.as_uri()) as waiting:
        other.create(resume=True)
    assert project.store.as_uri() in waiting.value.hint


def test_what_waits_is_not_taken_for_a_backup_of_another_database(
    project: BackupProject, server: Server, open_path: Path
) -> None:
    with pytest.raises(StorageError):
        project.create(BlockedUpload(project.store))
    with server.database() as other:
        elsewhere = BackupProject(open_path, server.cluster.url(other, "postgres"))
        with pytest.raises(RefusedError, match="the backup that waits is of"):
            elsewhere.create(resume=True)
    assert len(project.left_over()) == 1


def test_stored_and_not_recorded_is_said_and_resume_records_that_backup(project: BackupProject, admin_url: str) -> None:
    """The process was ended between the manifest and the record: the next call must not make a second manifest."""
    install(project.url, NAME)

    def hide(stage: str) -> None:
        if stage == "upload":
            execute(admin_url, "ALTER TABLE public.migration_audit RENAME TO hidden")

    done = project.create(Telling(ends=hide))
    assert done.exit_code is ExitCode.COULD_NOT_LOOK
    assert done.recorded.failure is not None
    execute(admin_url, "ALTER TABLE public.hidden RENAME TO migration_audit")
    again = project.create(resume=True)
    assert again.manifest == done.manifest
    assert again.recorded.head is not None
    assert len([name for name in project.stored() if "/manifest-" in name]) == 1
    assert project.left_over() == []


def test_a_backup_of_half_the_size_is_kept_recorded_and_bad(project: BackupProject) -> None:
    install(project.url, NAME)
    first = project.create().manifest
    big = StoredObject(name="big", size=10**9, sha256="0" * 64, plain_size=10**9, plain_sha256="0" * 64)
    moment = datetime.now(UTC)
    pretended = first.model_copy(
        update={"id": "20200101T000000Z-aaaaaa", "objects": (big,), "taken_at": moment, "database_size": 2 * 10**9}
    )
    with Ledger(project.url) as ledger:
        record_created(ledger, NAME, pretended, project.store.as_uri(), {}, ADA, "0")
    done = project.create()
    assert done.exit_code is ExitCode.BAD
    assert "less than half" in done.problems[0]
    assert done.recorded.head is not None
    assert any(done.manifest.id in name for name in project.stored())


def test_a_folder_that_is_not_there_yet_is_made_by_the_first_backup(project: BackupProject) -> None:
    project.store.rmdir()
    assert project.create().manifest.folder in {name.rsplit("/", 1)[0] for name in project.stored()}


def test_a_folder_that_has_vanished_with_its_backups_is_refused_before_the_dump(
    project: BackupProject, open_path: Path
) -> None:
    """A disk that is not mounted: the backup must not go onto the disk below."""
    install(project.url, NAME)
    project.create()
    project.store.rename(open_path / "away")
    stages: list[str] = []
    with pytest.raises(StorageError, match="no folder") as refused:
        project.create(Telling(begins=stages.append))
    assert "mounted" in refused.value.hint
    assert stages == []
    assert not project.store.exists()


def test_what_vanishes_from_the_store_meanwhile_keeps_the_manifest_back(project: BackupProject) -> None:
    """Somebody who tidies up takes an upload of many hours for an abandoned one."""

    def tidy(stage: str) -> None:
        if stage == "upload":
            next(project.store.rglob("toc.dat")).unlink()

    with pytest.raises(StorageError, match=r"toc\.dat is missing") as failed:
        project.create(Telling(ends=tidy))
    assert "--resume" in failed.value.hint
    assert not [name for name in project.stored() if "/manifest-" in name]
    assert any(name.endswith("toc.dat") for name in project.create(resume=True).manifest.model_dump_json().split('"'))
    assert project.verify(unrecorded=True).proof.holds


def test_a_backup_that_fails_leaves_the_one_that_waits_for_its_upload(project: BackupProject) -> None:
    blocked = BlockedUpload(project.store)
    with pytest.raises(StorageError):
        project.create(blocked)
    blocked.repair()
    waiting = project.left_over()

    def end(stage: str) -> None:
        if stage == "dump":
            _terminate_others(project.url)

    with pytest.raises(ConnectionLostError):
        project.create(Telling(begins=end))
    assert project.left_over() == waiting
    assert project.create(resume=True).manifest.objects


def _terminate_others(url: str) -> None:
    execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database() AND usename = current_user",
    )


def test_ctrl_c_while_the_dump_runs_leaves_nothing(project: BackupProject) -> None:
    request, asked = project.request(), threading.Event()
    around = replace(request.surroundings, interrupted=asked.is_set)

    def ask(_stage: str) -> None:
        asked.set()
        with stop.callback(told.set):
            told.wait()

    told = threading.Event()
    with stoppable(around) as stop, pytest.raises(InterruptedByOperatorError):
        create_backup(replace(request, surroundings=around), stop, Telling(begins=ask))
    assert project.left_over() == []
    assert project.stored() == []


def test_another_backup_of_the_same_id_is_refused_and_stays_as_it_is(project: BackupProject) -> None:
    blocked = BlockedUpload(project.store)
    with pytest.raises(StorageError):
        project.create(blocked)
    blocked.repair()
    [kept] = project.left_over()
    draft = UnfinishedBackup.model_validate_json((project.scratch / kept / "unfinished.json").read_bytes())
    one = StoredObject(name="x", size=1, sha256="0" * 64, plain_size=1, plain_sha256="0" * 64)
    other = draft.model_copy(update={"snapshot": "another"}).manifest((one,), datetime.now(UTC))
    File.open(project.store.as_uri()).put(other.name, other.text().encode())
    with pytest.raises(RefusedError, match="another backup"):
        project.create(resume=True)
    assert project.stored() == [other.name]
