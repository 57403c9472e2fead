"""`pointsctl doctor` as it is called: what it prints, in which width, and with which exit code it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pointsctl.cli.main import run

CHECKLIST = "version: 1\ntitle: A checklist\nenvironments:\n  staging: {database_url: '${DOCTOR_URL}'}\nphases: []\n"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a checklist, and nothing of the caller's own settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POINTSCTL_SANDBOX_DIR", str(tmp_path / "sandbox"))
    for name in ("POINTSCTL_ENV", "POINTSCTL_CHECKLIST", "DOCTOR_URL", "COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def checklist(text: str = CHECKLIST) -> None:
    Path("checklist.yaml").write_text(text)


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_healthy_machine_ends_with_0(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    checklist()
    monkeypatch.setenv("DOCTOR_URL", database_url)
    assert run(["doctor", "--json"]) == 0
    found = document(capsys)
    assert (found["schema"], found["verdict"]) == ("pointsctl/doctor/v1", "ready")
    assert all(set(check) == {"id", "status", "found", "fix"} for check in found["checks"])
    assert {check["status"] for check in found["checks"]} <= {"ok", "warning", "missing"}
    assert "environment.staging.reachable" in {check["id"] for check in found["checks"]}


def test_nothing_reachable_ends_with_4(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    checklist()
    monkeypatch.setenv("DOCTOR_URL", "postgresql://me:hunter22@127.0.0.1:1/d")
    assert run(["doctor"]) == 4
    printed = capsys.readouterr().out
    assert "no server answers at me@127.0.0.1:1/d" in re.sub(r"\s+", " ", printed)
    assert printed.endswith("something that is needed is missing, or cannot be reached\n")
    assert "hunter22" not in printed


def test_without_a_checklist_the_machine_is_still_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 2
    found = {check["id"]: check for check in document(capsys)["checks"]}
    assert "tools.psql" in found
    assert found["checklist"]["status"] == "failed"
    assert "pointsctl init" in found["checklist"]["fix"]


def test_every_problem_of_the_checklist_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    checklist("version: 1\ntitle: A checklist\nphasess: []\n")
    assert run(["doctor"]) == 2
    printed = re.sub(r"\s", "", capsys.readouterr().out)
    assert "checklist.yaml:3:1:unknownkey'phasess'" in printed
    assert "thekey'phases'ismissing" in printed
    assert printed.endswith("thechecklistcannotbeused")


@pytest.mark.parametrize("arguments", [["--env", "stagin"], ["--unknown"], ["--env"]])
def test_a_wrong_call_ends_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    checklist()
    assert run(["doctor", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hint: " in captured.err


def test_a_sandbox_that_does_not_run_is_not_looked_at_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    checklist()
    assert run(["doctor", "--env", "sandbox", "--json"]) == 4
    assert document(capsys)["schema"] == "pointsctl/error/v1"
    run(["doctor", "--json"])
    assert not any(
        "sandbox." in check["id"] for check in document(capsys)["checks"] if check["id"].startswith("environment")
    )


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_lines_fit_the_terminal_and_end_without_blanks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    checklist()
    monkeypatch.setenv("COLUMNS", str(columns))
    run(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b" not in "".join(lines)
    assert any(line.startswith("ok") and "tools.psql" in line for line in lines)
    assert any("fix: " in line for line in lines)


def test_nothing_from_outside_reaches_the_terminal_as_it_came(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "a\x1b[2Jb"
    folder.mkdir()
    (folder / "checklist.yaml").write_text("version: 1\n")
    assert run(["doctor", "--checklist", str(folder / "checklist.yaml")]) == 2
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\\x1b[2Jb" in re.sub(r"\s", "", printed)


def test_the_help_has_an_example_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--help"]) == 0
    printed = capsys.readouterr().out
    assert "Example: pointsctl doctor" in printed
    assert "Exit codes:" in printed
