"""The deployment procedure on a real database: its steps, its records, what stops it and how it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pointsctl.errors import (
    ContextMissingError,
    ExitCode,
    PointsctlError,
)
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.procedure import StepState, open_procedure
from pointsctl.model.sql_statements import split
from pointsctl.postgres import supabase_history
from pointsctl.postgres.connection import connect
from pointsctl.postgres.deployment_lock import procedure_lock
from pointsctl.workflow.deploy import deploy
from pointsctl.workflow.interruption import stoppable
from tests.support.backup_projects import Telling
from tests.support.deploy_projects import MIGRATIONS, DeployProject
from tests.support.people import NAME

STEPS = ["gate", "announce", "lock", "backup", "migrate", "verify", "record", "functions", "probes", "hand-over"]


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> DeployProject:
    found = DeployProject(tmp_path, database_url)
    found.look()
    return found


@contextmanager
def failing(code: ExitCode, *parts: str) -> Iterator[None]:
    with pytest.raises(PointsctlError) as caught:
        yield
    assert caught.value.exit_code is code, caught.value
    for part in parts:
        assert part in f"{caught.value.message} | {caught.value.hint}"


def states(project: DeployProject) -> dict[str, StepState]:
    (*_, found) = project.history().procedures
    assert found.objection == ""
    return {one.id: one.state for one in found.steps.values()}


def test_it_deploys_once_records_every_step_and_says_so(project: DeployProject) -> None:
    done = project.deploy()
    assert [one.definition.id for one in done.reports] == STEPS
    project.assert_deployed_once()
    found = states(project)
    assert {one for one, state in found.items() if state is StepState.FINISHED} == {"gate", "lock", "migrate", "record"}
    assert all(state is StepState.SKIPPED for one, state in found.items() if found[one] is not StepState.FINISHED)
    (procedure,) = project.history().procedures
    assert not procedure.open
    assert (procedure.run, len(procedure.pending)) == (done.run, len(MIGRATIONS))
    assert {one.data.procedure for one in project.history().migrations} == {done.run}


def test_a_second_deployment_finds_everything_done_and_changes_nothing(project: DeployProject) -> None:
    project.deploy()
    again = project.deploy()
    assert {one.attempts for one in again.reports} == {0}
    project.assert_deployed_once()
    assert [one.open for one in project.history().procedures] == [False, False]


def test_a_closed_gate_begins_nothing(tmp_path: Path, database_url: str) -> None:
    project = DeployProject(tmp_path, database_url)
    with failing(ExitCode.REFUSED, "step gate: the gate is closed", "flag.on", "no procedure was begun"):
        project.deploy()
    assert project.kinds() == []


def test_a_dry_run_changes_and_records_nothing_and_says_who_holds_the_lock(project: DeployProject) -> None:
    head = project.history().head
    with procedure_lock(project.url, "pointsctl rollback of a test"):
        dry = project.dry_run()
    by_id = {one.definition.id: one for one in dry.reports}
    assert "pointsctl rollback of a test" in by_id["lock"].summary
    assert (by_id["migrate"].state, dry.exit_code) == (StepState.NOT_STARTED, ExitCode.DONE)
    assert "20990101000001_parcels" in by_id["migrate"].summary
    assert project.history().head == head
    assert project.rows("SELECT to_regclass('public.parcels') IS NULL") == [(True,)]


def test_a_statement_that_fails_leaves_an_open_procedure_that_only_resume_goes_on_with(project: DeployProject) -> None:
    file = project.folder / "supabase" / "migrations" / "20990101000003_heavier.sql"
    text = file.read_text("utf-8")
    file.write_text("update public.parcels set wieght = 1;\n", "utf-8")
    with failing(ExitCode.BAD, "step migrate:", "wieght", "--resume", "to undo migrate:"):
        project.deploy()
    assert states(project)["migrate"] is StepState.FAILED
    with failing(
        ExitCode.REFUSED, "a procedure is open: deploy", "at the step migrate (failed)", "--resume", "--abandon"
    ):
        project.deploy()
    file.write_text(text, "utf-8")
    done = project.deploy(resume=True)
    assert next(one for one in done.reports if one.definition.id == "migrate").attempts == 2
    project.assert_deployed_once()
    with failing(ExitCode.COULD_NOT_LOOK, "no procedure is open"):
        project.deploy(resume=True)


def test_an_abandoned_procedure_is_over_and_the_next_one_begins(project: DeployProject) -> None:
    with pytest.raises(ContextMissingError):
        project.abandon()
    (project.folder / "supabase" / "migrations" / "20990101000003_heavier.sql").write_text("select 1/0;\n", "utf-8")
    with failing(ExitCode.BAD, "division by zero"):
        project.deploy()
    project.abandon("the third file is wrong")
    (first,) = project.history().procedures
    assert (first.open, first.abandoned, first.objection) == (False, "the third file is wrong", "")
    name = "20990101000003_heavier.sql"
    (project.folder / "supabase" / "migrations" / name).write_text(MIGRATIONS[name], "utf-8")
    project.deploy()
    project.assert_deployed_once()


def test_a_migration_that_somebody_applies_by_hand_in_between_gets_its_one_record(project: DeployProject) -> None:
    name, text = next(iter(MIGRATIONS.items()))
    version, _, rest = name.removesuffix(".sql").partition("_")

    def by_hand(stage: str) -> None:
        if stage == "lock":
            with connect(project.url) as connection, connection.transaction():
                connection.execute(text.encode())
                supabase_history.install(connection)
                statements = tuple(one.text for one in split(text.encode()).statements)
                supabase_history.insert(connection, HistoryRow(version, rest, statements))

    project.deploy(Telling(begins=by_hand))
    project.assert_deployed_once()
    by_engine = {one.data.version: one.data.engine for one in project.history().migrations}
    assert [by_engine.pop(version), *set(by_engine.values())] == ["other", "native"]


def test_the_lock_is_told_with_who_holds_it_and_nothing_is_begun_by_the_other(project: DeployProject) -> None:
    with procedure_lock(project.url, "pointsctl deploy grace@elsewhere 01J"):
        with failing(ExitCode.REFUSED, "pointsctl deploy grace@elsewhere 01J", "since"):
            project.deploy()
        with failing(ExitCode.REFUSED, "pointsctl deploy grace@elsewhere 01J"):
            project.abandon()
    assert project.kinds() == []


def test_a_lock_that_is_lost_stops_it_before_the_next_step(project: DeployProject) -> None:
    def lose(stage: str) -> None:
        if stage == "verify":
            held = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pointsctl deploy ada%'"
            assert project.rows(held) == [(True,)]

    with failing(ExitCode.COULD_NOT_LOOK, "the lock", "--resume"):
        project.deploy(Telling(begins=lose))
    project.deploy(resume=True)
    project.assert_deployed_once()


def test_ctrl_c_stops_before_the_next_step_and_resume_goes_on(project: DeployProject) -> None:
    request = project.request()
    with stoppable(request.work.surroundings) as stop:

        def interrupt(stage: str) -> None:
            if stage == "migrate":
                stop.cancel("interrupted")

        with failing(ExitCode.INTERRUPTED, "--resume"):
            deploy(request, stop, Telling(ends=interrupt))
    found = open_procedure(project.history().procedures)
    assert found is not None
    assert found.at is not None
    assert found.at.id == "verify"
    project.deploy(resume=True)
    project.assert_deployed_once()


def test_another_plan_than_the_one_asked_for_is_refused(project: DeployProject) -> None:
    with failing(ExitCode.REFUSED, "asked for is plan abababababab, in force is none"):
        project.deploy(plan="ab" * 6)


def test_a_flag_that_is_on_is_found_before_anything_is_changed(tmp_path: Path, database_url: str) -> None:
    project = DeployProject(tmp_path, database_url, rollout={"flag": "points_system"})
    project.look()
    with connect(project.url) as connection:
        connection.execute("DELETE FROM public.feature_flags WHERE name = 'points_system'")
        connection.execute(
            "INSERT INTO public.feature_flags (name, enabled, percentage) VALUES ('points_system', true, 25)"
        )
    with failing(ExitCode.REFUSED, "on for 25 % of the users, expected 0 %"):
        project.deploy()
    assert project.rows("SELECT to_regclass('public.parcels') IS NULL") == [(True,)]
    with connect(project.url) as connection:
        connection.execute("UPDATE public.feature_flags SET enabled = false")
    done = project.deploy()
    assert "0 % of the users" in done.reports[-1].summary
    project.assert_deployed_once()


def test_the_program_says_every_step_and_is_one_document(project: DeployProject) -> None:
    dry = project.program("--dry-run", "--json")
    assert (dry.code, dry.json["schema"], dry.json["dry_run"]) == (0, "pointsctl/deployment/v1", True)
    done = project.program("--json")
    assert done.code == 0, done.err
    assert [one["id"] for one in done.json["steps"]] == STEPS
    page = project.program(COLUMNS="40")
    assert page.code == 0, page.err
    assert all(len(line) <= 40 for line in page.out.splitlines())
    assert page.out.count("deployed to here") == 1
    assert project.program("--abandon").code == 2
    assert project.program("--abandon", "--reason", "no", "--resume").code == 2
    assert NAME in page.out


def test_announcements_and_the_window_are_waited_for(tmp_path: Path, database_url: str) -> None:
    items = """
- {id: flag.on, title: The flag is on, kind: env, with: {variables: {FLAG: {one_of: ['on']}}}, valid_for: 1h}
"""
    project = DeployProject(
        tmp_path, database_url, items=items, deployment={"announced_by": [], "window": "window.set"}
    )
    _with_window(project)
    project.look()
    with failing(ExitCode.WAITING, "nobody has said when", "pointsctl attest window.set"):
        project.deploy()
    project.attest("ada", "window.set", **{"start": "2098-01-01T00:00Z", "rollback-deadline": "2099-01-01T00:00Z"})
    with failing(ExitCode.WAITING, "the window has not begun"):
        project.deploy()
    assert project.kinds() == []
    project.attest("ada", "window.set", **{"start": "2020-01-01T00:00Z", "rollback-deadline": "2020-01-02T00:00Z"})
    with failing(ExitCode.WAITING, "the rollback deadline has passed", "--past-deadline"):
        project.deploy()
    assert project.rows("SELECT to_regclass('public.parcels') IS NULL") == [(True,)]
    project.deploy(late=True)
    project.assert_deployed_once()


def _with_window(project: DeployProject) -> None:
    """Adds the item that says when, outside the phase that the gate asks for."""
    import yaml

    path = project.folder / "checklist.yaml"
    document = yaml.safe_load(path.read_text("utf-8"))
    fields = [{"name": name, "type": "datetime", "title": name} for name in ("start", "rollback-deadline")]
    item = {"id": "window.set", "title": "The window is set", "kind": "attestation", "fields": fields}
    section = {"id": "during", "title": "During", "items": [item]}
    document["phases"].append({"id": "deployment", "title": "Deployment", "sections": [section]})
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
