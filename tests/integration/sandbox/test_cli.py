"""`pointsctl sandbox` as a script sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pointsctl.cli.sandbox import app, sandbox_directory
from pointsctl.cli.session import sandbox_environments
from pointsctl.errors import CouldNotLookError, UsageError
from pointsctl.postgres.connection import connect
from pointsctl.sandbox import lifecycle
from pointsctl.sandbox.faults import faults


@pytest.fixture(autouse=True)
def directory(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POINTSCTL_SANDBOX_DIR", str(sandbox))
    return sandbox


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception:
        raise result.exception
    return result.stdout


def run_json(*arguments: str) -> Any:
    lines = run(*arguments, "--json").splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


@pytest.mark.parametrize("command", ["status", "up", "reset"])
def test_each_prints_the_same_document(command: str, directory: Path) -> None:
    assert run_json(command) == lifecycle.status(directory).document()


def test_people_get_lines_that_can_be_copied(directory: Path) -> None:
    text = run("status")
    assert "the sandbox runs" in text
    assert lifecycle.status(directory).environments[0].database_url in text


def test_no_secret_is_printed(directory: Path) -> None:
    text = run("status") + run("status", "--json") + run("up")
    secrets = [value for each in lifecycle.status(directory).environments for value in each.variables.values()]
    assert [value for value in secrets if value in text and not value.startswith("http://127.0.0.1")] == []


def test_a_sandbox_that_does_not_run_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POINTSCTL_SANDBOX_DIR", str(tmp_path / "none"))
    assert "`pointsctl sandbox up` starts it" in run("status")
    assert run_json("status")["running"] is False
    for command in (["break", "cache-drift"], ["traffic"]):
        with pytest.raises(CouldNotLookError, match="does not run") as error:
            run(*command)
        assert "sandbox up" in error.value.hint


def test_traffic_says_what_it_made_and_pins_the_time(directory: Path) -> None:
    run("reset")
    made = run_json("traffic", "--users", "30", "--events", "600", "--seed", "5", "--at", "2026-03-01T12:00:00Z")
    assert made["events"] == 600
    assert made["coupons"] == 10
    assert made["at"] == "2026-03-01T12:00:00Z"
    with connect(lifecycle.running_environment(directory, "sandbox").database_url) as connection:
        row = connection.execute("select count(*), max(created_at) <= '2026-03-01T12:00:00Z' from public.points_events")
        assert row.fetchone() == (600, True)


def test_anchors_are_in_the_sandbox_and_go_with_its_databases(directory: Path) -> None:
    environment = sandbox_environments(directory)["sandbox"]
    assert environment.store == (directory / "store").as_uri()
    anchor = directory / "store" / "anchors" / "sandbox" / "1.json"
    anchor.parent.mkdir(parents=True)
    anchor.write_text("{}")
    run("reset")
    assert list((directory / "store").iterdir()) == []


def test_break_lists_and_plants() -> None:
    assert list(run_json("break")["faults"]) == sorted(faults())
    assert "cache-drift\n" in run("break")
    planted = run_json("break", "cache-drift", "--database", "sandbox-staging")
    assert planted["fault"] == "cache-drift"
    assert planted["database"] == "sandbox-staging"
    run("reset")


@pytest.mark.parametrize("arguments", [["break", "nonsense"], ["break", "cache-drift", "--database", "production"]])
def test_unknown_names_are_usage_errors(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match=r"nearest is|expected one of"):
        run(*arguments)


@pytest.mark.parametrize("command", ["up", "down", "status", "reset", "break", "traffic"])
def test_help_has_an_example_and_exit_codes(command: str) -> None:
    text = " ".join(run(command, "--help").split())
    assert f"Example: pointsctl sandbox {command}" in text
    assert "Exit codes:" in text


def test_the_directory_is_the_variables_or_a_fixed_one(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    assert sandbox_directory() == directory
    monkeypatch.delenv("POINTSCTL_SANDBOX_DIR")
    assert sandbox_directory().parts[-2:] == ("pointsctl", "sandbox")
