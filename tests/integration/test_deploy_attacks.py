"""What happens to a deployment between two of its looks: a rejection, another plan, a lock that is gone, a clock that jumps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pointsctl.errors import ConnectionLostError, ExitCode
from pointsctl.model.history import History
from pointsctl.model.procedure import RecordedProcedure, open_procedure
from pointsctl.model.progress import NoProgress
from pointsctl.workflow.apply_migrations import ApplyRequest, apply_pending
from pointsctl.workflow.deploy_steps.record import recorded_since
from tests.integration.test_deploy import failing
from tests.integration.test_deploy_plan import ROLES, plan
from tests.support.backup_projects import Telling
from tests.support.deploy_projects import MIGRATIONS, DeployProject
from tests.support.people import FLAG
from tests.support.world import Switch

FIRST = "20990101000001_parcels.sql"


def nothing_is_migrated(project: DeployProject) -> bool:
    return project.rows("SELECT to_regclass('public.parcels')") == [(None,)] and not project.history().migrations


@pytest.fixture
def planned(tmp_path: Path, database_url: str) -> DeployProject:
    project = DeployProject(tmp_path, database_url, items=FLAG, approvals=ROLES)
    project.look()
    plan(project)
    return project


def test_a_rejection_after_the_gate_and_before_the_migration_stops_it(planned: DeployProject) -> None:
    def reject(stage: str) -> None:
        if stage == "backup":
            done = planned.signed("ada", "approve", "--env", "here", "--reject", "--comment", "it locks", "--yes")
            assert done.code == 0, done.err

    with failing(ExitCode.REFUSED, "step migrate:", "rejected plan"):
        planned.deploy(Telling(ends=reject))
    assert nothing_is_migrated(planned)


def test_a_plan_that_nobody_has_approved_does_not_slip_in_after_the_gate(planned: DeployProject) -> None:
    def replace(stage: str) -> None:
        if stage == "backup":
            (planned.folder / "supabase/migrations" / FIRST).write_text("create table public.parcels (evil int);\n")
            made = planned.signed(
                "eve", "plan", "create", "--env", "here", "--author", "linus@example.test", "--yes", "--json"
            )
            assert made.code == 0, made.err

    with failing(ExitCode.REFUSED, "step migrate:", "asked for is plan"):
        planned.deploy(Telling(ends=replace))
    assert nothing_is_migrated(planned)


def test_migrations_are_applied_for_the_plan_in_force_alone(tmp_path: Path, database_url: str) -> None:
    project = DeployProject(tmp_path, database_url)
    with failing(ExitCode.REFUSED, "asked for is plan abababababab, in force is none"):
        apply_pending(ApplyRequest(project.request().work, "01J"), "ab" * 32, Switch(limit=60), NoProgress())
    assert nothing_is_migrated(project)


class LosesTheLock(Telling):
    """Ends the session that holds the lock of procedures when the first file is applied."""

    def __init__(self, project: DeployProject) -> None:
        super().__init__()
        self._project = project

    def move(self, stage: str, done: int, detail: str = "") -> None:
        del detail
        held = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pointsctl deploy ada%'"
        )
        if stage == "migrations" and done == 1:
            assert self._project.rows(held) == [(True,)]


def test_a_lock_that_is_lost_between_two_files_stops_it_before_the_next(tmp_path: Path, database_url: str) -> None:
    project = DeployProject(tmp_path, database_url)
    project.look()
    with failing(ExitCode.COULD_NOT_LOOK, "step migrate:", "the lock of procedures is gone", "1 of 4"):
        project.deploy(LosesTheLock(project))
    assert len(project.history().migrations) == 1
    project.deploy(resume=True)
    project.assert_deployed_once()


def test_whose_lock_is_lost_ends_no_procedure(tmp_path: Path, database_url: str) -> None:
    project = DeployProject(tmp_path, database_url)
    project.look()

    def lose(stage: str) -> None:
        if stage == "hand-over":
            project.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pointsctl deploy ada%'"
            )

    with pytest.raises(ConnectionLostError, match="the lock of procedures is gone"):
        project.deploy(Telling(ends=lose))
    assert open_procedure(project.history().procedures) is not None
    project.deploy(resume=True)
    project.assert_deployed_once()


def test_a_clock_that_was_put_back_hides_no_record() -> None:
    """By their place in the chain: what the server's clock says may jump."""
    recorded = cast("RecordedProcedure", SimpleNamespace(seq=4))
    records: list[Any] = [
        SimpleNamespace(record=SimpleNamespace(seq=seq), data=SimpleNamespace(version="1")) for seq in (3, 6)
    ]
    assert recorded_since(cast("History", SimpleNamespace(migrations=records)), "1", recorded) == [6]


FUNCTIONS = {"names": ["hello"], "platform": "folder", "project": "platform"}


def with_functions(folder: Path, url: str, **settings: Any) -> DeployProject:
    project = DeployProject(
        folder, url, without=("backup", "rehearsal"), files={FIRST: MIGRATIONS[FIRST]}, functions=FUNCTIONS, **settings
    )
    path = folder / "checklist.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("  here:\n", "  here:\n    functions_url: http://127.0.0.1:9\n", 1), "utf-8")
    (folder / "platform").mkdir()
    (folder / "platform" / "database-url").write_text(url, "utf-8")
    return project


def test_functions_that_cannot_be_deployed_are_known_before_the_migration(tmp_path: Path, database_url: str) -> None:
    project = with_functions(tmp_path, database_url)
    project.look()
    with failing(ExitCode.REFUSED, "the later step functions could not be done", "no folder supabase/functions/hello"):
        project.deploy()
    assert nothing_is_migrated(project)


def test_what_runs_is_held_against_the_plan_and_not_against_what_the_files_have_become(
    tmp_path: Path, database_url: str
) -> None:
    project = with_functions(tmp_path, database_url, approvals=ROLES)
    index = tmp_path / "supabase/functions/hello/index.ts"
    index.parent.mkdir(parents=True)
    index.write_text("Deno.serve(() => new Response('old'));\n")
    project.look()
    with failing(ExitCode.COULD_NOT_LOOK, "step probes:"):
        project.deploy()
    project.abandon("its functions do not answer")
    index.write_text("Deno.serve(() => new Response('new'));\n")
    plan(project)

    def put_back(stage: str) -> None:
        if stage == "functions":
            index.write_text("Deno.serve(() => new Response('old'));\n")

    with failing(ExitCode.REFUSED, "step functions:"):
        project.deploy(Telling(begins=put_back))
    assert (tmp_path / "platform/hello/1").is_dir()
    assert not (tmp_path / "platform/hello/2").exists()
