"""Contract of the kind `command`: real programs, and nothing of them left behind."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pydantic
import pytest

from pointsctl.checks.command import Command
from pointsctl.errors import (
    CouldNotLookError,
    InterruptedByOperatorError,
    PointsctlError,
    RefusedError,
    StorageError,
    TookTooLongError,
    ToolMissingError,
    UsageError,
)
from pointsctl.model.finding import Observation, Outcome
from pointsctl.process import HEAD_BYTES
from tests.contract.checks_contract import Case, CheckContract, Secrets
from tests.support.world import Switch, make_world

TOKEN = "tok-9f8a6c01d4e27b35"
PASSWORD = "p@ss/w0rd+long"
VARIABLES = {
    "API_TOKEN": TOKEN,
    "DB_PASSWORD": PASSWORD,
    "DB_URL": f"postgresql://me:{TOKEN}x@db/p",
    "PATH": os.defpath,
}
SHOW_SECRETS = (
    "import os,sys; print('token', os.environ['API_TOKEN']); print(repr(os.environ['DB_PASSWORD']), file=sys.stderr)"
)


def python(code: str) -> list[str]:
    """The arguments that run some Python."""
    return [sys.executable, "-c", code]


def look(tmp_path: Path, *, switch: Switch | None = None, **parameters: Any) -> Observation:
    """What a command item says."""
    world = make_world(tmp_path, variables=VARIABLES, cancellation=switch)
    return Command.model_validate(parameters).look(world)


class TestCommandContract(CheckContract):
    kind = "command"

    @pytest.fixture
    def clean(self, tmp_path: Path) -> Case:
        parameters = {
            "argv": python(SHOW_SECRETS), "pass_variables": ["API_TOKEN", "DB_PASSWORD"], "stdout_matches": "^token",
        }  # fmt: skip
        return Case(parameters, make_world(tmp_path, variables=VARIABLES))

    @pytest.fixture
    def violating(self, tmp_path: Path) -> Case:
        parameters = {
            "argv": python(SHOW_SECRETS + "; sys.exit(3)"), "pass_variables": ["API_TOKEN", "DB_PASSWORD"],
        }  # fmt: skip
        return Case(parameters, make_world(tmp_path, variables=VARIABLES))

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Case:
        return Case({"argv": ["pointsctl-no-such-program", "x"]}, make_world(tmp_path, variables=VARIABLES))

    @pytest.fixture
    def secrets(self) -> Secrets:
        return Secrets((TOKEN, PASSWORD))


def test_evidence_says_how_it_ended(tmp_path: Path) -> None:
    evidence = look(tmp_path, argv=python("print('one'); print('two')")).evidence
    assert evidence["exit_code"] == 0
    assert evidence["stdout"] == ["one", "two"]
    assert evidence["stdout_sha256"] == hashlib.sha256(b"one\ntwo\n").hexdigest()


@pytest.mark.parametrize(
    ("code", "expectation"),
    [
        ("raise SystemExit(1)", {}),
        ("pass", {"exit_codes": [1]}),
        ("pass", {"stdout_matches": "ok"}),
        ("print('not o k')", {"stdout_matches": "ok"}),
        ("print('1 failed')", {"stdout_must_not_match": "[1-9][0-9]* failed"}),
        ("import os; os.kill(os.getpid(), 9)", {}),
        ("import sys; print('ok', file=sys.stderr)", {"stdout_matches": "ok"}),
    ],
)
def test_unexpected_ends_fail(tmp_path: Path, code: str, expectation: dict[str, Any]) -> None:
    assert look(tmp_path, argv=python(code), **expectation).outcome is Outcome.FAIL


def test_no_shell_takes_the_arguments_apart(tmp_path: Path) -> None:
    observation = look(tmp_path, argv=["echo", "a; touch b", "$HOME", "`id`"])
    assert observation.evidence["stdout"] == ["a; touch b $HOME `id`"]
    assert not (tmp_path / "b").exists()


def test_program_sees_only_what_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKED", "yes")
    code = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}))"
    observation = look(tmp_path, argv=python(code), pass_variables=["API_TOKEN"])
    assert observation.evidence["stdout"] == ["['API_TOKEN', 'PATH']"]


def test_input_is_closed(tmp_path: Path) -> None:
    observation = look(tmp_path, argv=python("import sys; print(len(sys.stdin.read()))"))
    assert observation.evidence["stdout"] == ["0"]


def test_runs_in_its_directory(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    observation = look(tmp_path, argv=["pwd"], directory="app")
    assert observation.evidence["stdout"] == [str(tmp_path / "app")]
    with pytest.raises(StorageError):
        look(tmp_path, argv=["pwd"], directory="none")


@pytest.mark.parametrize(
    "argument", [TOKEN, f"--header=Bearer {TOKEN}", f"postgresql://me:{TOKEN}x@db/p", f"x{PASSWORD}y"]
)
def test_secret_in_an_argument_is_refused_before_anything_runs(tmp_path: Path, argument: str) -> None:
    with pytest.raises(RefusedError) as raised:
        look(tmp_path, argv=["touch", "ran", argument])
    Secrets((TOKEN, PASSWORD)).assert_absent(raised.value, raised.value.hint)
    assert not (tmp_path / "ran").exists()


def test_secrets_are_redacted_in_every_form(tmp_path: Path) -> None:
    code = (
        "import os,json,base64,urllib.parse as u; p=os.environ['DB_PASSWORD']; print(p, u.quote(p, safe=''), json.dumps(p),"
        " base64.b64encode(p.encode()).decode(), 'postgresql://a:' + u.quote(p, safe='') + '@h/d')"
    )
    text = repr(look(tmp_path, argv=python(code), pass_variables=["DB_PASSWORD"]))
    Secrets((PASSWORD, "p%40ss", "cEBzcy93MHJkK2xvbm")).assert_absent(text)


def test_secret_cut_by_the_limit_is_not_shown(tmp_path: Path) -> None:
    # The kept end of the output begins in the middle of the token, and shrinks to little when tokens are taken out.
    code = f"import os,sys; sys.stdout.write(os.environ['API_TOKEN'] * {4 * HEAD_BYTES // len(TOKEN)})"
    text = repr(look(tmp_path, argv=python(code), pass_variables=["API_TOKEN"]))
    Secrets((TOKEN[4:12], TOKEN[-12:])).assert_absent(text)


def test_variable_that_is_not_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NOT_THERE"):
        look(tmp_path, argv=["true"], pass_variables=["NOT_THERE"])


def test_missing_and_unusable_programs_are_errors(tmp_path: Path) -> None:
    (tmp_path / "no-permission").write_text("#!/bin/sh\n")
    (tmp_path / "no-program").write_bytes(b"\x00\x01")
    (tmp_path / "no-program").chmod(0o755)
    for name in ("./none", "./no-permission", "./no-program"):
        with pytest.raises(ToolMissingError):
            look(tmp_path, argv=[name])


def test_forbidden_text_beyond_what_is_searched_is_no_pass(tmp_path: Path) -> None:
    argv = python(f"print('x' * {2 * HEAD_BYTES} + ' failed')")
    with pytest.raises(CouldNotLookError, match="searched"):
        look(tmp_path, argv=argv, stdout_must_not_match="failed")
    with pytest.raises(CouldNotLookError, match="searched"):
        look(tmp_path, argv=argv, stdout_matches="failed")


def test_flood_is_kept_small_and_ends_with_the_limit(tmp_path: Path) -> None:
    argv = python("import os\nwhile True: os.write(1, b'x' * 65536)")
    with pytest.raises(TookTooLongError):
        look(tmp_path, argv=argv, switch=Switch(limit=0.5))


FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); print(flush=True); time.sleep(600)"],
                         stdout=subprocess.PIPE)
child.stdout.readline()
open("pids.new", "w").write(f"{os.getpid()} {child.pid}")
os.rename("pids.new", "pids")
"""


@pytest.mark.parametrize(
    "end", ["time.sleep(600)", "sys.stdout.close(); sys.stderr.close(); os.close(1); os.close(2); time.sleep(600)"]
)
def test_stop_kills_the_whole_family(tmp_path: Path, end: str) -> None:
    switch = Switch(limit=60)
    stopper = switch.stop_when(lambda: family_started(tmp_path))
    with pytest.raises(InterruptedByOperatorError):
        look(tmp_path, argv=python(FAMILY + end), switch=switch)
    stopper.join()
    assert_all_gone(tmp_path)


def test_time_limit_kills_the_whole_family(tmp_path: Path) -> None:
    switch = Switch(limit=60)
    expirer = switch.expire_when(lambda: family_started(tmp_path))
    with pytest.raises(TookTooLongError):
        look(tmp_path, argv=python(FAMILY + "time.sleep(600)"), switch=switch)
    expirer.join()
    assert_all_gone(tmp_path)


def test_what_a_program_leaves_running_is_killed_when_it_ends(tmp_path: Path) -> None:
    assert look(tmp_path, argv=python(FAMILY + "os._exit(0)")).outcome is Outcome.PASS
    assert_all_gone(tmp_path)


def test_escaped_process_that_holds_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    code = "import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True); print(p.pid)"
    observation = look(tmp_path, argv=python(code), switch=Switch(limit=60))
    os.kill(int(observation.evidence["stdout"][0]), signal.SIGKILL)
    assert observation.outcome is Outcome.PASS


def family_started(folder: Path) -> bool:
    """Whether the program has written down who it and its child are."""
    return (folder / "pids").exists() and len((folder / "pids").read_text().split()) == 2


def assert_all_gone(folder: Path) -> None:
    """Neither the program nor its child is alive any more; killed ones may still wait for their parent to notice."""
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    assert len(pids) == 2
    running = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(
        [process for process in running if process.status() != psutil.STATUS_ZOMBIE], timeout=10
    )
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"argv": []},
        {"argv": [""]},
        {"argv": [1]},
        {"argv": ["a\x00b"]},
        {"argv": ["true"], "exit_codes": []},
        {"argv": ["true"], "exit_codes": [256]},
        {"argv": ["true"], "exit_codes": [True]},
        {"argv": ["true"], "exit_codes": list(range(256))},
        {"argv": ["true"], "stdout_matches": ""},
        {"argv": ["true"], "stdout_matches": ".*"},
        {"argv": ["true"], "stdout_matches": "("},
        {"argv": ["true"], "stdout_must_not_match": "x*"},
        {"argv": ["true"], "pass_variables": ["A=B"]},
        {"argv": ["true"], "shell": True},
    ],
)
def test_nonsense_is_refused_when_it_is_loaded(parameters: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Command.model_validate(parameters)


def test_command_line_as_text_is_refused_with_an_example() -> None:
    with pytest.raises(pydantic.ValidationError, match=r"a list such as \[npm, run, test\]"):
        Command.model_validate({"argv": "npm run test"})


def test_every_error_has_a_next_action(tmp_path: Path) -> None:
    with pytest.raises(PointsctlError) as raised:
        look(tmp_path, argv=["sleep", "600"], switch=Switch(limit=0.2))
    assert raised.value.hint
