"""What every platform of edge functions does, tried on each: the real Supabase CLI in both versions, and programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pointsctl.errors import ContextMissingError, InterruptedByOperatorError
from pointsctl.function_platforms.interface import Platform
from pointsctl.model.deployed_function import ERROR
from pointsctl.workflow.open_platform import open_platform
from tests.support.function_projects import ENTRY, HELLO, OTHER, SHARED, FunctionProject, on_programs, on_supabase
from tests.support.management_api import PROJECT, Api, management_api
from tests.support.supabase_cli import OLDER_VERSION, VERSION
from tests.support.world import Switch

WRITTEN = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


@dataclass
class Subject:
    """A platform with its project; `write_log` puts a line at WRITTEN into the log of the function HELLO."""

    project: FunctionProject
    platform: Platform
    write_log: Callable[[str, str], None]


@pytest.fixture(params=["command", "folder", VERSION, OLDER_VERSION])
def subject(request: pytest.FixtureRequest, tmp_path: Path, empty_database_url: str) -> Iterator[Subject]:
    with management_api() as api:
        if request.param == "command":
            project, write = with_programs(tmp_path, empty_database_url)
        elif request.param == "folder":
            project, write = in_folder(tmp_path, empty_database_url)
        else:
            project = on_supabase(tmp_path, empty_database_url, api, cli=request.param, logs=True)
            write = log_of(api)
        yield Subject(project, open_platform(project.request()).platform, write)


def with_programs(folder: Path, url: str) -> tuple[FunctionProject, Callable[[str, str], None]]:
    project = on_programs(folder, url)

    path = folder / "platform" / PROJECT / "logs"
    path.parent.mkdir(parents=True, exist_ok=True)
    return project, lambda level, message: log_line(path, level, message)


def in_folder(folder: Path, url: str) -> tuple[FunctionProject, Callable[[str, str], None]]:
    project = FunctionProject(folder, url, platform="folder")
    place = folder / PROJECT
    place.mkdir()
    return project, lambda level, message: log_line(place / "log", level, message)


def log_line(path: Path, level: str, message: str) -> None:
    line = {"at": WRITTEN.isoformat(), "function": HELLO, "level": level, "message": message}
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(line)}\n")


def log_of(api: Api) -> Callable[[str, str], None]:
    def write(level: str, message: str) -> None:
        identifier = api.functions[HELLO].listed(HELLO)["id"]
        at = round(WRITTEN.timestamp() * 1_000_000)
        api.logs.append({"timestamp": at, "message": message, "function_id": identifier, "level": level})

    return write


def patience() -> Switch:
    return Switch(limit=120)


def test_what_is_deployed_is_listed_given_back_replaced_and_deleted(subject: Subject, tmp_path: Path) -> None:
    platform, folder = subject.platform, subject.project.folder
    platform.refuse(patience())
    assert platform.list(patience()) == ()
    platform.deploy(OTHER, folder, patience())
    platform.deploy(HELLO, folder, patience())
    first = {one.name: one for one in platform.list(patience())}
    assert list(first) == [HELLO, OTHER]
    assert {one.status for one in first.values()} == {"ACTIVE"}

    saved = tmp_path / "saved"
    saved.mkdir()
    assert platform.save(HELLO, saved, patience())
    for path in (ENTRY, SHARED):
        assert (saved / path).read_bytes() == (folder / path).read_bytes()
    assert not (saved / f"supabase/functions/{OTHER}").exists()

    platform.deploy(HELLO, folder, patience())
    second = {one.name: one for one in platform.list(patience())}
    assert int(second[HELLO].version) == int(first[HELLO].version) + 1
    assert second[OTHER] == first[OTHER]

    platform.delete(OTHER, patience())
    assert [one.name for one in platform.list(patience())] == [HELLO]


def test_a_function_that_is_not_there_cannot_be_deleted(subject: Subject) -> None:
    with pytest.raises(ContextMissingError):
        subject.platform.delete(OTHER, patience())


def test_the_log_gives_the_lines_of_the_time_that_is_asked_for(subject: Subject) -> None:
    subject.platform.deploy(HELLO, subject.project.folder, patience())
    subject.write_log("info", "began")
    subject.write_log("error", "no such coupon")
    subject.write_log("catastrophe", "a level that nobody knows")
    lines = subject.platform.logs(WRITTEN - timedelta(minutes=1), WRITTEN + timedelta(minutes=1), patience())
    assert lines is not None
    assert {(line.function, line.level, line.message) for line in lines} == {
        (HELLO, "info", "began"),
        (HELLO, ERROR, "no such coupon"),
        (HELLO, ERROR, "a level that nobody knows"),
    }
    assert {line.at for line in lines} == {WRITTEN}


def test_a_stop_ends_every_call(subject: Subject, tmp_path: Path) -> None:
    calls: list[Callable[[Switch], object]] = [
        subject.platform.list,
        lambda switch: subject.platform.deploy(HELLO, subject.project.folder, switch),
        lambda switch: subject.platform.delete(HELLO, switch),
        lambda switch: subject.platform.save(HELLO, tmp_path, switch),
        lambda switch: subject.platform.logs(WRITTEN, WRITTEN, switch),
    ]
    for call in calls:
        stopped = Switch()
        stopped.stop()
        with pytest.raises(InterruptedByOperatorError):
            call(stopped)
