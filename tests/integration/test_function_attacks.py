"""Functions under attack: a platform that answers absurdly, a lock that is gone, a stop at the worst moment, files from elsewhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pointsctl.errors import ConnectionLostError, CouldNotLookError, PointsctlError, RefusedError
from pointsctl.model.progress import NoProgress
from pointsctl.postgres.connection import connect
from pointsctl.postgres.deployment_lock import PROCEDURE_KEY, lock_holder, procedure_lock, session_name
from pointsctl.workflow.delete_function import delete_function
from pointsctl.workflow.deploy_functions import FunctionsWanted, deploy_functions
from pointsctl.workflow.functions_alone import deploy_functions_alone
from pointsctl.workflow.open_platform import open_platform
from tests.support.function_projects import ENTRY, HELLO, FunctionProject, on_programs, on_supabase
from tests.support.management_api import PROJECT, Api, Deployed, Exchange, management_api
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


def listed(**changed: object) -> Callable[[Exchange], None]:
    row = Deployed(3, {ENTRY: b"x"}).listed(HELLO)
    return lambda exchange: exchange.send(200, [{**row, **changed}])


ABSURD: dict[str, Callable[[Exchange], None]] = {
    "as deep as the sea": lambda exchange: exchange.send(200, b"[" * 200_000),
    "a version as long as a book": listed(version="1" * 5_000),
    "a version with NUL": listed(version="1\x00"),
    "a lone surrogate": listed(status="\ud800"),
    "a digest that is none": listed(ezbr_sha256={"a": 1}),
    "a key twice": lambda exchange: exchange.send(200, b'[{"slug": "a", "slug": "b"}]'),
    "a function twice": lambda exchange: exchange.send(
        200, [Deployed(3, {}).listed(HELLO), Deployed(4, {}).listed(HELLO)]
    ),
    "no version": listed(version=None),
}


@pytest.mark.parametrize("what", ABSURD)
def test_an_absurd_list_is_told(project: FunctionProject, api: Api, what: str) -> None:
    api.instead["GET functions"] = ABSURD[what]
    with pytest.raises(CouldNotLookError):
        open_platform(project.request()).platform.list(Switch(limit=60))


def test_an_absurd_list_is_one_line_for_people(project: FunctionProject, api: Api) -> None:
    api.instead["GET functions"] = ABSURD["as deep as the sea"]
    done = project.run("list", "--env", "here")
    assert (done.code, "the answer is no JSON" in done.err, "Traceback" in done.err) == (4, True, False), done.err


def test_the_token_does_not_follow_a_redirect(project: FunctionProject, api: Api) -> None:
    with management_api() as elsewhere:
        api.instead["GET functions"] = lambda exchange: exchange.send(307, {}, location=f"{elsewhere.url}/v1/projects")
        with pytest.raises(CouldNotLookError, match="status 307"):
            project.deploy(HELLO)
        assert (elsewhere.seen, elsewhere.tokens) == ([], set())


def test_a_stop_right_after_a_deployment_waits_for_its_record(project: FunctionProject, api: Api) -> None:
    switch = Switch(limit=120)
    asked = api.asked

    def stop(exchange: Exchange) -> None:
        if asked("POST deploy"):
            switch.stop()
        exchange.send(200, [one.listed(name) for name, one in api.functions.items()])

    api.instead["GET functions"] = stop
    with pytest.raises(PointsctlError) as raised:
        project.deploy(switch=switch)
    assert f"deployed before it: {HELLO}" in raised.value.message
    assert [one.data.version_after for one in project.records() if hasattr(one.data, "version_after")] == ["1"]


def test_the_way_back_of_a_deployment_that_was_cut_off_leads_before_it(project: FunctionProject, api: Api) -> None:
    api.functions[HELLO] = Deployed(3, {ENTRY: b"the old one"})

    def cut_off(exchange: Exchange) -> None:
        if api.asked("POST deploy"):
            del api.instead["GET functions"]
            return exchange.send(500, {})
        return exchange.send(200, [one.listed(name) for name, one in api.functions.items()])

    api.instead["GET functions"] = cut_off
    with pytest.raises(CouldNotLookError):
        project.deploy(HELLO)
    assert project.records() == []
    (done,) = project.deploy(HELLO).functions
    assert done.saved is not None
    place = project.folder / "store" / done.saved
    index = json.loads((place / "index.json").read_text("utf-8"))
    assert [(place / sha256).read_bytes() for sha256 in index["files"].values()] == [b"the old one"]


def test_a_lock_that_is_lost_between_two_functions_stops_it_before_the_next(programs: FunctionProject) -> None:
    held = [True]

    def require() -> None:
        if not held.pop():
            raise ConnectionLostError("the lock is gone", hint="run again")
        held.append(not programs.records() and not (programs.folder / "platform" / PROJECT).exists())

    with pytest.raises(ConnectionLostError) as raised:
        deploy_functions(
            programs.request(), FunctionsWanted(project=PROJECT), Switch(limit=60), NoProgress(), held=require
        )
    assert f"deployed before it: {HELLO}" in raised.value.message
    assert len(programs.records()) == 1


def test_the_gate_is_asked_when_the_lock_is_held(tmp_path: Path, empty_database_url: str) -> None:
    """What was open before somebody typed a name, or before the other operator had ended, may be closed since."""
    project = on_programs(tmp_path, empty_database_url, protected=True)
    consented: list[bool] = []

    def ask() -> None:
        wanted = FunctionsWanted(project=PROJECT)
        deploy_functions_alone(
            project.request(), wanted, lambda: consented.append(True), Switch(limit=60), NoProgress()
        )

    with (
        procedure_lock(project.url, session_name("deploy", "grace@example.test", "01J")),
        pytest.raises(RefusedError, match=r"grace@example\.test"),
    ):
        ask()
    with pytest.raises(RefusedError, match="is closed"):
        ask()
    assert consented == [True, True]


def test_functions_of_another_plan_than_the_one_whose_gate_was_open_are_refused(programs: FunctionProject) -> None:
    with pytest.raises(RefusedError, match="asked for is plan abababababab, in force is none"):
        programs.deploy(project=PROJECT, plan="ab" * 32)
    assert programs.records() == []


def test_a_deletion_is_recorded_while_the_lock_is_held(programs: FunctionProject) -> None:
    """A deployment that came in between would be recorded before the deletion that it followed."""
    programs.deploy(project=PROJECT)
    found: list[tuple[object, ...] | None] = []

    def follow() -> None:
        with connect(programs.url) as connection:
            while lock_holder(connection, PROCEDURE_KEY) is None:
                connection.execute(b"SELECT pg_sleep(0.005)")
            connection.execute("SELECT pg_advisory_lock(%s)", (PROCEDURE_KEY,))
            statement = b"SELECT count(*) FROM public.migration_audit WHERE kind = 'function.deleted'"
            found.append(connection.execute(statement).fetchone())

    follower = threading.Thread(target=follow)
    delete_function(programs.request(), HELLO, None, lambda _one: follower.start(), Switch(limit=60))
    follower.join(60)
    assert found == [(1,)]


def test_settings_that_reach_for_files_that_are_not_planned_are_refused(programs: FunctionProject) -> None:
    programs.write("supabase/config.toml", '[functions.hello]\nentrypoint = "/etc/hostname"\n')
    with pytest.raises(RefusedError, match=r"config\.toml.*'/etc/hostname'"):
        programs.deploy(project=PROJECT)
    assert programs.records() == []
