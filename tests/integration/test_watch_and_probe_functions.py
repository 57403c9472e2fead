"""The logs are watched for as long as it takes, and each address is asked as a stranger and as a browser would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pointsctl.errors import CouldNotLookError, ExitCode, InterruptedByOperatorError, UsageError
from pointsctl.model.function_probe import Answered, Asked, problem_of
from pointsctl.model.function_records import WatchedData
from pointsctl.model.progress import NoProgress
from pointsctl.workflow.open_platform import open_platform
from pointsctl.workflow.probe_functions import FunctionsProbed, probe_functions
from pointsctl.workflow.watch_logs import LogsWatched, watch_logs
from tests.support.function_projects import HELLO, OTHER, FunctionProject, on_programs, on_supabase
from tests.support.management_api import PROJECT, management_api
from tests.support.management_api import Exchange as ApiExchange
from tests.support.web_server import Exchange, WebServer, closed_port, serve
from tests.support.world import Switch

Act = Callable[[Exchange], None]
CORS = {"access-control-allow-origin": "*"}


class Clock:
    """A wall clock in the test's hand; `pause` lets the time pass that is waited for, and calls `meanwhile`."""

    def __init__(self, meanwhile: Callable[[datetime], None] = lambda _now: None) -> None:
        self.now = datetime.now(UTC)
        self.pauses = 0
        self._meanwhile = meanwhile

    def __call__(self) -> datetime:
        return self.now

    def pause(self, seconds: float) -> None:
        """Let the time pass."""
        self.now += timedelta(seconds=seconds)
        self.pauses += 1
        self._meanwhile(self.now)


@pytest.fixture
def project(tmp_path: Path, empty_database_url: str) -> FunctionProject:
    return on_programs(tmp_path, empty_database_url, watch_logs_for="2m")


def write_log(project: FunctionProject, at: datetime, level: str = "info", message: str = "began") -> None:
    path = project.folder / "platform" / PROJECT / "logs"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps({'at': at.isoformat(), 'function': HELLO, 'level': level, 'message': message})}\n")


def watch(project: FunctionProject, clock: Clock, switch: Switch | None = None) -> LogsWatched:
    request = project.request()
    asked = replace(request, surroundings=replace(request.surroundings, clock=clock))
    return watch_logs(asked, clock.pause, switch or Switch(limit=60), NoProgress())


# ---------------------------------------------------------------------------------------------------------------------
# Logs


def test_the_logs_are_watched_to_the_end_and_what_they_showed_is_recorded(project: FunctionProject) -> None:
    clock = Clock(lambda now: write_log(project, now - timedelta(seconds=1)))
    watched = watch(project, clock)
    assert watched.until - watched.since == timedelta(minutes=2)
    assert clock.now >= watched.until
    assert (watched.lines, watched.errors, watched.exit_code) == (8, 0, ExitCode.DONE)
    (record,) = project.records()
    assert isinstance(record.data, WatchedData)
    assert (record.data.lines, record.data.errors, record.data.functions) == (8, 0, (HELLO, OTHER))


def test_an_error_is_told_once_with_its_function_escaped_and_without_secrets(project: FunctionProject) -> None:
    secret = f"Bearer {'x' * 20}"
    clock = Clock()
    write_log(project, clock.now + timedelta(seconds=20), "error", f"no such coupon\n\x1b[31m {secret}")
    watched = watch(project, clock)
    assert (watched.errors, watched.errors_by_function, watched.exit_code) == (1, {HELLO: 1}, ExitCode.BAD)
    assert "\x1b" not in watched.first_errors[0].message
    assert secret not in watched.first_errors[0].message


def test_a_line_that_arrives_late_is_seen(project: FunctionProject) -> None:
    def late(now: datetime) -> None:
        if now > began + timedelta(minutes=2, seconds=10):
            write_log(project, began + timedelta(seconds=1), "error", "late")

    clock = Clock(late)
    began = clock.now
    assert watch(project, clock).errors == 1


def test_a_watch_begins_with_the_deployment_and_what_is_over_is_read_at_once(project: FunctionProject) -> None:
    project.deploy(project=PROJECT)
    deployed_at = project.records()[-1].record.recorded_at
    write_log(project, deployed_at + timedelta(seconds=1))
    clock = Clock()
    clock.now = deployed_at + timedelta(hours=1)
    watched = watch(project, clock)
    assert (watched.since, watched.lines, clock.pauses) == (deployed_at, 1, 0)


def test_a_watch_that_is_stopped_says_how_to_go_on_and_records_nothing(project: FunctionProject) -> None:
    switch = Switch(limit=60)
    clock = Clock(lambda _now: switch.stop())
    with pytest.raises(InterruptedByOperatorError) as raised:
        watch(project, clock, switch)
    assert "not" not in raised.value.hint
    assert "functions watch --env here" in raised.value.hint
    assert project.records() == []


def test_logs_that_nobody_can_read_are_no_pass(tmp_path: Path, empty_database_url: str) -> None:
    project = on_programs(tmp_path, empty_database_url, commands={"logs": []})
    with pytest.raises(CouldNotLookError, match="no source of logs is configured"):
        watch(project, Clock())
    assert project.records() == []


def test_more_lines_than_one_answer_holds_are_read_in_halves(tmp_path: Path, empty_database_url: str) -> None:
    began = datetime.now(UTC) - timedelta(minutes=10)
    with management_api() as api:
        rows: list[dict[str, Any]] = [
            {
                "timestamp": round((began + timedelta(milliseconds=100 * number)).timestamp() * 1_000_000),
                "message": f"line {number}",
                "function_id": "x",
                "level": "log",
            }
            for number in range(2_500)
        ]

        def answer(exchange: ApiExchange) -> None:
            since, until = bounds(exchange.path)
            found = [row for row in rows if since <= at_of(row) < until]
            exchange.send(200, {"result": found[:1000] if "from+function_logs" in exchange.path else []})

        api.instead["GET logs"] = answer
        project = on_supabase(tmp_path, empty_database_url, api, logs=True)
        platform = open_platform(project.request()).platform
        lines = platform.logs(began - timedelta(minutes=1), began + timedelta(minutes=8), Switch(limit=60))
    assert lines is not None
    assert len(lines) == 2_500


def at_of(row: dict[str, Any]) -> float:
    return float(row["timestamp"]) / 1_000_000


def bounds(path: str) -> list[float]:
    asked = parse_qs(urlsplit(path).query)
    return [datetime.fromisoformat(asked[name][0]).timestamp() for name in ("iso_timestamp_start", "iso_timestamp_end")]


# ---------------------------------------------------------------------------------------------------------------------
# Probes


@pytest.fixture
def web() -> Iterator[WebServer]:
    with serve() as server:
        for name in (HELLO, OTHER):
            server.on(f"/functions/v1/{name}", good)
        yield server


def good(exchange: Exchange) -> None:
    if exchange.command == "OPTIONS":
        exchange.send(204, b"", CORS)
    else:
        exchange.send(401, b"{}", {})


def probe(project: FunctionProject, url: str, *names: str, **settings: object) -> FunctionsProbed:
    project.functions.update(settings)
    project.write_checklist(functions_url=url)
    return probe_functions(project.request(), names, Switch(limit=30), NoProgress())


def test_every_function_is_asked_as_a_stranger_and_as_a_browser(project: FunctionProject, web: WebServer) -> None:
    probed = probe(project, web.url)
    assert probed.exit_code is ExitCode.DONE
    asked = [(one.name, answer.asked, answer.status) for one in probed.functions for answer in one.answers]
    assert asked == [
        (name, kind, status)
        for name in (HELLO, OTHER)
        for kind, status in ((Asked.UNAUTHENTICATED, 401), (Asked.PREFLIGHT, 204))
    ]
    assert not any("authorization" in {key.lower() for key in headers} for _, headers, _ in web.seen)


def answered(status: int, options: int = 204, headers: Mapping[str, str] = MappingProxyType({})) -> Act:
    return lambda exchange: exchange.send(options if exchange.command == "OPTIONS" else status, b"", headers)


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (answered(200, headers=CORS), "status 200 without a token"),
        (answered(500, headers=CORS), "status 500 without a token"),
        (answered(404, 404), "not deployed at this address"),
        (answered(401), "no header access-control-allow-origin"),
        (answered(401, 500), "status 500; expected 200 or 204"),
    ],
)
def test_a_function_that_answers_badly_is_told(
    project: FunctionProject, web: WebServer, act: Act, problem: str
) -> None:
    web.on(f"/functions/v1/{OTHER}", act)
    probed = probe(project, web.url)
    assert probed.exit_code is ExitCode.BAD
    assert probed.functions[0].passes
    assert problem in " ".join(answer.problem for answer in probed.functions[1].answers)


def test_a_function_that_is_ill_fails_its_probe(project: FunctionProject, web: WebServer) -> None:
    web.answer(f"/functions/v1/{HELLO}/health", 503)
    assert probe(project, web.url, HELLO, health="/health").exit_code is ExitCode.BAD
    web.answer(f"/functions/v1/{HELLO}/health", 200)
    assert probe(project, web.url, HELLO).exit_code is ExitCode.DONE


def test_a_good_answer_that_takes_too_long_is_told() -> None:
    answer = Answered(401, {}, 2.1)
    assert problem_of(Asked.UNAUTHENTICATED, answer, timedelta(seconds=3)) == ""
    told = problem_of(Asked.UNAUTHENTICATED, answer, timedelta(seconds=2))
    assert told == "answered after 2,100 ms; expected at most 2s"


def test_a_server_that_is_not_there_shows_nothing(project: FunctionProject) -> None:
    probed = probe(project, f"http://127.0.0.1:{closed_port()}")
    assert probed.exit_code is ExitCode.COULD_NOT_LOOK
    with pytest.raises(UsageError, match="no `functions_url`"):
        probe(project, "")


def test_the_table_of_probes_fits_a_narrow_pipe(project: FunctionProject, web: WebServer) -> None:
    probe(project, web.url)
    done = project.run("probe", "--env", "here", COLUMNS="40")
    assert done.code == 0, done.err
    assert "2 of 2 functions answered well" in done.out
    document = project.run("probe", HELLO, "--env", "here", "--json").json
    assert document["schema"] == "pointsctl/function-probe/v1"
    assert document["functions"][0]["passes"]
