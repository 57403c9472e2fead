"""The Supabase CLI as a program: which one is found, which versions are known, what its failures become."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pointsctl.errors import RefusedError, ToolMissingError
from pointsctl.supabase_cli import SupabaseCli, SupabaseCliError, find, run
from tests.support import supabase_cli
from tests.support.stores import NEVER

PATH = "/usr/bin:/bin"


def a_program(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "supabase"
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)
    return path


def said(folder: Path, text: str, **variables: str) -> SupabaseCliError:
    cli = SupabaseCli(str(a_program(folder, text)), PATH, (3, 1, 0))
    with pytest.raises(SupabaseCliError) as caught:
        run(cli, ("db", "push", "--remote=x"), variables=variables, folder=folder, cancellation=NEVER)
    return caught.value


def test_the_one_beside_the_checklist_goes_before_the_one_on_path(tmp_path: Path) -> None:
    local = a_program(tmp_path / "node_modules" / ".bin", "echo 3.1.0")
    elsewhere = a_program(tmp_path / "bin", "echo 2.130.1")
    inside = tmp_path / "packages" / "points"
    inside.mkdir(parents=True)
    path = f"{elsewhere.parent}:{PATH}"
    assert find({"PATH": path}, inside, NEVER) == SupabaseCli(str(local), path, (3, 1, 0))
    local.unlink()
    assert find({"PATH": path}, inside, NEVER).version == (2, 130, 1)


def test_the_real_ones_are_known() -> None:
    for version in (supabase_cli.VERSION, supabase_cli.OLDER_VERSION):
        cli = find({"PATH": os.environ["PATH"]}, supabase_cli.installed(version), NEVER)
        assert ".".join(map(str, cli.version)) == version


@pytest.mark.parametrize("version", ["1.200.3", "2.30.4", "4.0.0"])
def test_a_version_that_nobody_tried_is_refused(tmp_path: Path, version: str) -> None:
    a_program(tmp_path, f"echo {version}")
    with pytest.raises(RefusedError, match=rf"is version {version}; known are"):
        find({"PATH": f"{tmp_path}:{PATH}"}, tmp_path, NEVER)


@pytest.mark.parametrize("text", ["echo", "echo nothing of the kind", "echo 3.1.0; exit 1"])
def test_a_program_that_tells_no_version_is_none(tmp_path: Path, text: str) -> None:
    a_program(tmp_path, text)
    with pytest.raises(ToolMissingError, match="does not tell its version"):
        find({"PATH": f"{tmp_path}:{PATH}"}, tmp_path, NEVER)


def test_without_a_program_it_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="neither") as caught:
        find({"PATH": str(tmp_path)}, tmp_path, NEVER)
    assert "npm install" in caught.value.hint


def test_an_error_has_its_code_and_a_hint(tmp_path: Path) -> None:
    answer = json.dumps({"_tag": "Error", "error": {"code": "DbPushApplyError", "message": "ERROR: no\n  ^\nAt: 0"}})
    error = said(tmp_path, f"echo '{answer}'; exit 1".replace("\\n", "\\\\n"))
    assert error.cli_code == "DbPushApplyError"
    assert error.message == "`supabase db push` failed: ERROR: no; At: 0"
    assert "correct the migration" in error.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo oops >&2; exit 7", "oops"),
        ("exit 7", "it ended with 7"),
        ("echo '[]'", "it ended with 0"),
        ("echo '{\"half\": '", "it ended with 0"),
        ("""echo '{"_tag":"Error","error":{"message":"no"}}'""", "no"),
        ("""echo '{"fine": true}'; exit 1""", "it ended with 1"),
        ("yes '{' | head -c 2000000", "it ended with 0"),
    ],
)
def test_what_is_no_answer_is_no_success(tmp_path: Path, text: str, message: str) -> None:
    assert said(tmp_path, text).message == f"`supabase db push` failed: {message}"


def test_a_secret_is_not_told(tmp_path: Path) -> None:
    error = said(
        tmp_path,
        'echo "cannot use $PGPASSWORD and $SUPABASE_ACCESS_TOKEN" >&2; exit 1',
        PGPASSWORD="of-ada",
        SUPABASE_ACCESS_TOKEN="sbp_1",
    )
    assert error.message.endswith("cannot use [hidden] and [hidden]")


def test_it_sees_nothing_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_DB_PASSWORD", "of-somebody")
    text = """printf '{"home": "%s", "seen": "%s", "said": "%s"}' "$HOME" "$SUPABASE_DB_PASSWORD" "$*" """
    cli = SupabaseCli(str(a_program(tmp_path, text)), PATH, (3, 1, 0))
    answer = run(cli, ("functions", "list"), variables={}, folder=tmp_path, cancellation=NEVER)
    assert answer["seen"] == ""
    assert answer["said"] == "functions list --yes --output-format json"
    assert not Path(answer["home"]).exists()
