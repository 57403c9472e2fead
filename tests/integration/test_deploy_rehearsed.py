"""A deployment with a proven backup and a rehearsal: production must be what was rehearsed on, and become what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsctl.errors import ExitCode, PointsctlError
from pointsctl.model.backup_history import BackupState
from pointsctl.model.procedure import StepState
from pointsctl.model.progress import NoProgress
from pointsctl.postgres.connection import connect
from pointsctl.workflow.create_backup import create_backup
from pointsctl.workflow.interruption import stoppable
from pointsctl.workflow.rehearse import rehearse
from pointsctl.workflow.stored_backups import LATEST
from pointsctl.workflow.verify_backup import verify_backup
from tests.support.backup_projects import Telling
from tests.support.deploy_projects import DeployProject


def execute(url: str, statement: str) -> None:
    with connect(url) as connection:
        connection.execute(statement.encode())


def rehearsed(project: DeployProject) -> None:
    """A backup that is proven, and a rehearsal on it."""
    work = project.request().work
    with stoppable(work.surroundings) as stop:
        create_backup(work, stop, NoProgress())
        verify_backup(work, LATEST, stop, NoProgress())
        found = rehearse(work, LATEST, stop, NoProgress(), traffic=False)
    assert found.exit_code is ExitCode.DONE, found.data.problems


def test_what_changed_since_the_backup_and_what_the_rehearsal_did_not_make_stops_it(
    open_path: Path, database_url: str
) -> None:
    project = DeployProject(open_path, database_url, without=("functions",))
    project.look()
    rehearsed(project)
    execute(project.url, "alter table public.coupons add column smuggled text")
    with pytest.raises(PointsctlError) as changed:
        project.deploy()
    assert changed.value.exit_code is ExitCode.REFUSED
    assert "step migrate: the database is not what the backup held" in changed.value.message
    assert "smuggled" in changed.value.message
    assert project.rows("SELECT to_regclass('public.parcels') IS NULL") == [(True,)]
    execute(project.url, "alter table public.coupons drop column smuggled")

    def smuggle(stage: str) -> None:
        if stage == "verify":
            execute(project.url, "create index smuggled on public.parcels (id, weight)")

    with pytest.raises(PointsctlError) as other:
        project.deploy(Telling(begins=smuggle), resume=True)
    assert other.value.exit_code is ExitCode.BAD
    assert "step verify: the database is not as rehearsed" in other.value.message
    assert "smuggled" in other.value.message
    execute(project.url, "drop index public.smuggled")
    done = project.deploy(resume=True)
    project.assert_deployed_once()
    states = {one.definition.id: one.state for one in done.reports}
    assert [states[one] for one in ("backup", "migrate", "verify", "record")] == [StepState.FINISHED] * 4
    assert {one.record.backup_taken for one in project.history().migrations} == {True}


def test_a_deployment_takes_and_proves_the_backup_that_is_missing(open_path: Path, database_url: str) -> None:
    project = DeployProject(open_path, database_url, without=("rehearsal", "functions"))
    project.look()
    dry = project.dry_run()
    assert next(one for one in dry.reports if one.definition.id == "backup").summary == "no backup is verified"
    project.deploy()
    project.assert_deployed_once()
    (backup,) = project.history().backups
    assert backup.state is BackupState.VERIFIED
    assert {one.data.backup for one in project.history().migrations} == {backup.digest}
