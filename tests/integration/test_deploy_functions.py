"""Functions are deployed from these very bytes, to the project of this very database, and what was there is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pointsctl.errors import (
    ConnectionLostError,
    CouldNotLookError,
    ExitCode,
    PermissionMissingError,
    PointsctlError,
    RefusedError,
    TookTooLongError,
    UsageError,
)
from pointsctl.model.function_records import DeployedData
from pointsctl.postgres.deployment_lock import procedure_lock, session_name
from pointsctl.workflow.deploy_functions import Done, FunctionNotDeployedError
from pointsctl.workflow.function_copy import copy_functions
from pointsctl.workflow.open_platform import open_platform
from pointsctl.workflow.planned_functions import require_planned
from tests.support.function_projects import (
    ENTRY,
    HELLO,
    OTHER,
    FunctionProject,
    database_row,
    on_programs,
    on_supabase,
)
from tests.support.management_api import PROJECT, TOKEN, Api, Deployed, Exchange, management_api
from tests.support.plan_projects import PlanProject
from tests.support.world import Switch


@pytest.fixture
def api() -> Iterator[Api]:
    with management_api() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, empty_database_url: str, api: Api) -> FunctionProject:
    return on_supabase(tmp_path, empty_database_url, api)


@pytest.fixture
def programs(tmp_path: Path, empty_database_url: str) -> FunctionProject:
    return on_programs(tmp_path, empty_database_url)


def stored(project: FunctionProject) -> list[str]:
    place = project.folder / "store"
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


def data_of(project: FunctionProject) -> list[DeployedData]:
    return [one.data for one in project.records() if isinstance(one.data, DeployedData)]


# ---------------------------------------------------------------------------------------------------------------------
# What is deployed


def test_what_was_there_is_kept_what_is_sent_is_compared_and_what_happened_is_recorded(
    project: FunctionProject, api: Api
) -> None:
    by_hand = {ENTRY: b"what somebody typed into the dashboard"}
    api.functions[HELLO] = Deployed(7, dict(by_hand))
    done = project.deploy(HELLO)

    assert [(one.name, one.done, one.version_before, one.version_after) for one in done.functions] == [
        (HELLO, Done.DEPLOYED, "7", "8")
    ]
    assert api.functions[HELLO].files[ENTRY] == (project.folder / ENTRY).read_bytes()
    (record,) = data_of(project)
    assert (record.project, record.version_before, record.version_after) == (PROJECT, "7", "8")
    assert record.compared
    assert record.identified == "database"
    assert record.saved is not None
    index = json.loads((project.folder / "store" / record.saved / "index.json").read_text("utf-8"))
    assert {
        path: (project.folder / "store" / record.saved / digest).read_bytes() for path, digest in index["files"].items()
    } == by_hand


def test_what_runs_already_is_left_alone_and_what_somebody_else_deployed_since_is_not(
    programs: FunctionProject,
) -> None:
    programs.deploy(project=PROJECT)
    assert {one.done for one in programs.deploy().functions} == {Done.UNCHANGED}
    assert len(data_of(programs)) == 2

    about = programs.folder / "platform" / PROJECT / f"{OTHER}.json"
    about.write_text(json.dumps({"name": OTHER, "version": 9}), "utf-8")
    assert [one.done for one in programs.deploy().functions] == [Done.UNCHANGED, Done.DEPLOYED]
    assert data_of(programs)[-1].version_before == "9"

    programs.write(ENTRY, "// changed\n")
    assert [one.done for one in programs.deploy().functions] == [Done.DEPLOYED, Done.UNCHANGED]


def test_what_is_edited_while_it_is_deployed_is_not_what_is_deployed(project: FunctionProject, api: Api) -> None:
    before = (project.folder / ENTRY).read_bytes()

    def edit(exchange: Exchange) -> None:
        project.write(ENTRY, "// an attack\n")
        api.instead.clear()
        exchange.send(200, [])

    api.instead["GET functions"] = edit
    project.deploy(HELLO)
    assert api.functions[HELLO].files[ENTRY] == before


def test_a_function_without_a_folder_or_without_a_file_is_refused_before_anything(
    programs: FunctionProject,
) -> None:
    (programs.folder / ENTRY).unlink()
    with pytest.raises(RefusedError, match="holds no file"):
        programs.deploy(OTHER, project=PROJECT)
    (programs.folder / ENTRY).parent.rmdir()
    with pytest.raises(RefusedError, match="no folder"):
        programs.deploy(OTHER, project=PROJECT)
    assert not (programs.folder / "platform").exists()


def test_an_unknown_function_is_told_with_the_nearest_name(programs: FunctionProject) -> None:
    with pytest.raises(UsageError) as raised:
        programs.deploy("helo")
    assert "hello" in raised.value.hint


# ---------------------------------------------------------------------------------------------------------------------
# Where it is deployed


def test_the_project_of_staging_with_the_database_of_production_is_refused(
    project: FunctionProject, api: Api, database_url: str
) -> None:
    api.database = [database_row(database_url)]
    with pytest.raises(RefusedError) as raised:
        project.deploy()
    assert f"project {PROJECT!r} works with" in raised.value.message
    assert str(database_row(database_url)["database_oid"]) in raised.value.message
    assert str(database_row(project.url)["database_oid"]) in raised.value.message
    assert api.asked("POST deploy") == 0


def test_a_copy_of_the_server_is_another_database(project: FunctionProject, api: Api) -> None:
    later = int(database_row(project.url)["started_us"]) + 1
    api.database = [database_row(project.url, started_us=str(later))]
    with pytest.raises(RefusedError):
        project.deploy()


def test_a_project_that_nobody_can_ask_has_to_be_named_once(project: FunctionProject, api: Api) -> None:
    api.database = None
    with pytest.raises(RefusedError) as raised:
        project.deploy(HELLO)
    assert f"--project {PROJECT}" in raised.value.hint
    with pytest.raises(RefusedError, match="names 'another'"):
        project.deploy(HELLO, project="another")
    assert api.asked("POST deploy") == 0
    assert project.deploy(HELLO, project=PROJECT).identified == "person"
    project.write(ENTRY, "// changed\n")
    assert project.deploy(HELLO).identified == "ledger"


def test_no_two_environments_have_one_project(programs: FunctionProject) -> None:
    path = programs.folder / "checklist.yaml"
    other = f"  there: {{database_url: 'postgresql://x/y', functions_project: {PROJECT}}}\n"
    own = f"    functions_project: {PROJECT}\n"
    text = path.read_text("utf-8").replace("    protected: false\n", f"    protected: false\n{own}{other}")
    path.write_text(text, "utf-8")
    with pytest.raises(RefusedError, match="have one project"):
        programs.deploy()


def test_a_second_environment_names_its_own_project(programs: FunctionProject) -> None:
    path = programs.folder / "checklist.yaml"
    other = "  there: {database_url: 'postgresql://x/y'}\n"
    path.write_text(
        path.read_text("utf-8").replace("    protected: false\n", f"    protected: false\n{other}"), "utf-8"
    )
    with pytest.raises(UsageError, match="nobody knows which project"):
        programs.deploy()


# ---------------------------------------------------------------------------------------------------------------------
# A platform that fails, or lies


def test_a_platform_that_deploys_something_else_than_was_sent_is_noticed(project: FunctionProject, api: Api) -> None:
    def swap(stored: Deployed) -> None:
        stored.files[ENTRY] = b"something else"

    api.after_deploy = swap
    with pytest.raises(FunctionNotDeployedError, match="other bytes than were sent") as raised:
        project.deploy()
    assert raised.value.exit_code is ExitCode.BAD
    assert f"not tried: {OTHER}" in raised.value.message
    assert project.records() == []


def test_a_file_that_was_not_sent_is_noticed(project: FunctionProject, api: Api) -> None:
    api.after_deploy = lambda stored: stored.files.update({"supabase/functions/hello/extra.ts": b"x"})
    with pytest.raises(FunctionNotDeployedError, match="was not sent"):
        project.deploy(HELLO)


def test_a_platform_that_lists_the_old_version_has_deployed_nothing(project: FunctionProject, api: Api) -> None:
    def keep(stored: Deployed) -> None:
        stored.version = 3

    api.functions[HELLO] = Deployed(3, {ENTRY: b"old"})
    api.after_deploy = keep
    with pytest.raises(FunctionNotDeployedError, match="expected a version after 3"):
        project.deploy(HELLO)


def test_a_function_that_is_not_active_is_not_deployed(project: FunctionProject, api: Api) -> None:
    def throttle(stored: Deployed) -> None:
        stored.status = "THROTTLED"

    api.after_deploy = throttle
    with pytest.raises(FunctionNotDeployedError, match="'THROTTLED'"):
        project.deploy(HELLO)


LIES: dict[str, tuple[Callable[[Exchange], None], type[PointsctlError]]] = {
    "401": (lambda exchange: exchange.send(401, {"message": TOKEN}), PermissionMissingError),
    "429": (lambda exchange: exchange.send(429, {}, retry_after="17"), CouldNotLookError),
    "500": (lambda exchange: exchange.send(500, b"<html>"), CouldNotLookError),
    "no JSON": (lambda exchange: exchange.send(200, b"<html>"), CouldNotLookError),
    "other JSON": (lambda exchange: exchange.send(200, {"functions": []}), CouldNotLookError),
    "half": (lambda exchange: exchange.half(), ConnectionLostError),
    "hang": (lambda exchange: exchange.hang(), TookTooLongError),
}


@pytest.mark.parametrize("question", ["GET functions", "POST query"])
@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_is_none_ends_it_before_anything_is_deployed(
    tmp_path: Path, empty_database_url: str, api: Api, question: str, lie: str
) -> None:
    act, expected = LIES[lie]
    project = on_supabase(tmp_path, empty_database_url, api, **({"timeout": "1s"} if lie == "hang" else {}))
    api.instead[question] = act
    with pytest.raises(expected) as raised:
        project.deploy()
    assert TOKEN not in f"{raised.value.message}{raised.value.hint}"
    assert api.asked("POST deploy") == 0
    assert project.records() == []
    if lie == "429":
        assert "in 17 seconds" in raised.value.hint


def test_a_platform_that_hangs_is_waited_for_no_longer_than_the_checklist_says(
    tmp_path: Path, empty_database_url: str, api: Api
) -> None:
    project = on_supabase(tmp_path, empty_database_url, api, timeout="1s")
    api.instead["GET functions"] = LIES["hang"][0]
    with pytest.raises(TookTooLongError):
        open_platform(project.request()).platform.list(Switch(limit=120))


@pytest.mark.parametrize("lie", ["401", "429", "500", "hang"])
def test_a_deployment_that_fails_is_told_with_what_was_deployed_before(
    tmp_path: Path, empty_database_url: str, api: Api, lie: str
) -> None:
    def act(exchange: Exchange) -> None:
        if exchange.slug == OTHER:
            LIES[lie][0](exchange)
        else:
            exchange.deploy()

    project = on_supabase(tmp_path, empty_database_url, api, compare=False)
    api.instead["POST deploy"] = act
    switch = Switch(limit=120)
    waiting = switch.expire_when(lambda: api.asked("POST deploy") == 2) if lie == "hang" else None
    with pytest.raises(PointsctlError) as raised:
        project.deploy(switch=switch)
    if waiting:
        waiting.join()
    assert raised.value.message.startswith(f"function {OTHER!r}: ")
    assert f"deployed before it: {HELLO}" in raised.value.message
    assert TOKEN not in f"{raised.value.message}{raised.value.hint}"
    assert [one.name for one in data_of(project)] == [HELLO]


def test_a_token_that_is_none_is_refused_without_being_shown(project: FunctionProject) -> None:
    request = project.run("list", "--env", "here", SUPABASE_ACCESS_TOKEN="eyJhbGciOiJIUzI1NiJ9.secret")
    assert request.code == ExitCode.USAGE
    assert "eyJ" not in request.out + request.err
    assert "SUPABASE_ACCESS_TOKEN" in request.err


def test_the_token_goes_to_the_platform_and_nowhere_else(project: FunctionProject, api: Api) -> None:
    done = project.run("deploy", "--env", "here", "--json")
    assert done.code == 0, done.err
    assert api.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in done.out + done.err
    texts = [path.read_bytes() for path in (project.folder / "store").rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in text for text in texts)
    assert done.json["schema"] == "pointsctl/function-deployment/v1"
    assert [one["done"] for one in done.json["functions"]] == ["deployed", "deployed"]


# ---------------------------------------------------------------------------------------------------------------------
# Around it


def test_programs_see_only_the_variables_that_are_passed_and_no_secret_is_an_argument(
    tmp_path: Path, empty_database_url: str
) -> None:
    secret = "sk-0123456789abcdefghij"
    project = on_programs(
        tmp_path, empty_database_url, commands={"list": ["env"], "pass_variables": ["PLATFORM_TOKEN"]}
    )
    with pytest.raises(UsageError, match="PLATFORM_TOKEN"):
        project.deploy(project=PROJECT)
    shown = on_programs(tmp_path / "other", empty_database_url, commands={"list": ["echo", secret]})
    with pytest.raises(RefusedError, match="holds a secret"):
        shown.deploy(project=PROJECT)


def test_a_program_that_fails_is_told_with_its_last_line_and_without_secrets(
    tmp_path: Path, empty_database_url: str
) -> None:
    command = ["sh", "-c", "echo first >&2; echo no such project, $PLATFORM_TOKEN >&2; exit 3"]
    settings = {"commands": {"list": command, "pass_variables": ["PLATFORM_TOKEN"]}}
    project = on_programs(tmp_path, empty_database_url, **settings)
    done = project.run("list", "--env", "here", PLATFORM_TOKEN="hunter2-hunter2")
    assert done.code == ExitCode.COULD_NOT_LOOK
    assert "ended with 3, expected 0: no such project, [redacted]" in " ".join(done.err.split())


def test_what_was_deployed_is_deleted_and_kept_in_the_store(programs: FunctionProject) -> None:
    programs.deploy(project=PROJECT)
    refused = programs.run("delete", HELLO, "--env", "here")
    assert refused.code == ExitCode.REFUSED
    done = programs.run("delete", HELLO, "--env", "here", "--yes", "--json")
    assert done.code == 0, done.err
    assert f"{done.json['saved']}/index.json" in stored(programs)
    listed = programs.run("list", "--env", "here", "--json")
    assert {one["name"]: one["state"] for one in listed.json["functions"]} == {HELLO: "missing", OTHER: "deployed"}
    gone = programs.run("delete", HELLO, "--env", "here", "--yes")
    assert gone.code == ExitCode.COULD_NOT_LOOK


def test_the_list_fits_a_narrow_terminal_and_escapes_names(programs: FunctionProject) -> None:
    place = programs.folder / "platform" / PROJECT
    place.mkdir(parents=True)
    (place / "x.json").write_text(json.dumps({"name": "a\x1b[31mb", "version": "1\n2"}), "utf-8")
    done = programs.run("list", "--env", "here", COLUMNS="40")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "not in the checklist" in done.out


def test_a_protected_environment_needs_the_open_gate_of_its_plan(tmp_path: Path, empty_database_url: str) -> None:
    project = on_programs(tmp_path, empty_database_url, protected=True)
    done = project.run("deploy", "--env", "here", "--project", PROJECT, "--confirm", "here")
    assert done.code == ExitCode.REFUSED
    assert "the gate of 'here' is closed" in " ".join(done.err.split())
    assert not (project.folder / "platform").exists()


def test_nothing_is_deployed_while_a_deployment_is_going_on(programs: FunctionProject) -> None:
    with procedure_lock(programs.url, session_name("deploy", "grace@example.test", "01JTEST")):
        done = programs.run("deploy", "--env", "here", "--project", PROJECT)
    assert done.code == ExitCode.REFUSED
    assert "grace@example.test" in done.err
    assert programs.records() == []


def test_the_files_must_be_those_of_the_plan_in_force(tmp_path: Path, empty_database_url: str) -> None:
    plans = PlanProject(tmp_path, empty_database_url)
    plan = plans.create().plan
    copied = copy_functions(tmp_path, ("hello",), tmp_path / "copied")
    recorded = plans.deployment().plan
    assert recorded is not None
    assert recorded.digest == plan.digest
    require_planned(recorded, copied, ("hello",))
    plans.write("supabase/functions/_shared/cors.ts", "export const cors = { everybody: true }\n")
    edited = copy_functions(tmp_path, ("hello",), tmp_path / "edited")
    with pytest.raises(RefusedError, match=f"in plan {plan.short} they are"):
        require_planned(recorded, edited, ("hello",))
