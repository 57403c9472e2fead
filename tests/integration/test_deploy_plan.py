"""A deployment and its plan: one byte more, another plan or a rejection stops it, also in the middle."""

from __future__ import annotations

from pathlib import Path

from pointsctl.errors import ExitCode
from tests.integration.test_deploy import failing
from tests.support.backup_projects import Telling
from tests.support.deploy_projects import MIGRATIONS, DeployProject
from tests.support.people import FLAG

ROLES = {"roles": {"engineering-lead": {"title": "Engineering"}}}
WRONG = "20990101000003_heavier.sql"


def plan(project: DeployProject) -> str:
    """A plan of the files as they are, approved."""
    made = project.signed("eve", "plan", "create", "--env", "here", "--author", "linus@example.test", "--yes", "--json")
    assert made.code == 0, made.err
    approved = project.signed("ada", "approve", "--env", "here", "--yes", "--json")
    assert approved.code == 0, approved.err
    newest = project.history().plan
    assert newest is not None
    return newest.digest


def test_a_procedure_goes_on_only_with_its_own_plan(tmp_path: Path, database_url: str) -> None:
    project = DeployProject(tmp_path, database_url, items=FLAG, approvals=ROLES)
    file = project.folder / "supabase" / "migrations" / WRONG
    file.write_text("select 1 / 0;\n", "utf-8")
    project.look()
    first = plan(project)
    with failing(ExitCode.REFUSED, "asked for is plan abababababab"):
        project.deploy(plan="ab" * 6)
    with failing(ExitCode.BAD, "step migrate:", "division by zero"):
        project.deploy(plan=first[:12])
    (begun,) = project.history().procedures
    assert begun.plan == first

    file.write_text(MIGRATIONS[WRONG], "utf-8")
    with failing(ExitCode.REFUSED, "step gate:", "is no longer what would be deployed"):
        project.deploy(resume=True)
    second = plan(project)
    with failing(ExitCode.REFUSED, f"it is of plan {first[:12]}, in force is {second[:12]}", "--abandon"):
        project.deploy(resume=True)
    project.abandon("the third file was wrong")
    project.deploy(plan=second[:12])
    project.assert_deployed_once()
    assert {one.record.plan for one in project.history().migrations} == {first, second}


def test_a_rejection_in_the_middle_stops_what_is_left(tmp_path: Path, database_url: str) -> None:
    project = DeployProject(tmp_path, database_url, items=FLAG, approvals=ROLES, rollout={"flag": "points_system"})
    project.look()
    plan(project)

    def turn_on(stage: str) -> None:
        if stage == "record":
            project.rows(
                "INSERT INTO public.feature_flags (name, enabled, percentage) VALUES ('points_system', true, 5)"
                " ON CONFLICT (name) DO UPDATE SET enabled = true, percentage = 5 RETURNING name"
            )

    with failing(ExitCode.REFUSED, "step hand-over:", "on for 5 % of the users"):
        project.deploy(Telling(ends=turn_on))
    project.rows("UPDATE public.feature_flags SET enabled = false RETURNING name")
    rejected = project.signed("ada", "approve", "--env", "here", "--reject", "--comment", "it locks", "--yes")
    assert rejected.code == 0, rejected.err
    with failing(ExitCode.REFUSED, "step gate:", "rejected plan"):
        project.deploy(resume=True)
    project.assert_deployed_once()
