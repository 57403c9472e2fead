"""`pointsctl init --env`: what an operator and a script see, and how a protected environment is confirmed."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pointsctl.ledger.condition import Condition
from pointsctl.ledger.store import Ledger
from tests.support.audits import execute
from tests.support.cli import PROGRAM, Result, environment, pointsctl, write_checklist
from tests.support.keys import trust_folder
from tests.support.ledgers import ADA

ITEMS = "- {id: team.told, title: Everybody knows, kind: attestation, fields: [{name: who, type: people, title: Who}]}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checklist with the protected environment `here`."""
    path = write_checklist(tmp_path, ITEMS)
    text = path.read_text("utf-8").replace("${DATABASE_URL}", "${DATABASE_URL}\n    protected: true")
    path.write_text(text, "utf-8")
    return tmp_path


def init(folder: Path, url: str, *arguments: str) -> Result:
    return pointsctl("init", "--env", "here", *arguments, cwd=folder, variables={"DATABASE_URL": url})


def condition(url: str) -> Condition:
    with Ledger(url) as ledger:
        return ledger.state().condition


def test_installs_pins_and_says_how_well_it_is_protected(folder: Path, database_url: str) -> None:
    trust_folder(folder, {"lead": [ADA]})
    done = init(folder, database_url, "--confirm", "here")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "installed the ledger, format 1"
    assert lines[1].startswith("pinned 'here' (database '")
    assert lines[2].startswith("pinned the policy ")
    assert lines[3].startswith("head 3:")
    assert [line[:3].strip() for line in lines[4:]] == ["ok", "ok", "ok", "ok", "no"]
    again = init(folder, database_url)
    assert (again.code, again.out.splitlines()[0]) == (0, "nothing to do: here has its ledger and its pin")


def test_json_is_one_document(folder: Path, database_url: str) -> None:
    document = init(folder, database_url, "--confirm", "here", "--json").json
    assert document["schema"] == "pointsctl/init/v1"
    assert (document["environment"], document["policy"], document["head"]["seq"]) == ("here", None, 2)
    assert document["pin"]["database"]["database"] in database_url
    assert {one["name"] for one in document["protections"]} == {"append-only", "one chain", "clients", "owner", "guard"}


def test_without_a_policy_the_next_command_is_named(folder: Path, database_url: str) -> None:
    assert "pointsctl trust update --env here" in init(folder, database_url, "--confirm", "here").out


@pytest.mark.parametrize("arguments", [(), ("--confirm", "there"), ("--confirm", ""), ("--json",)])
def test_protected_environment_is_not_touched_without_its_name(
    folder: Path, database_url: str, arguments: Sequence[str]
) -> None:
    refused = init(folder, database_url, *arguments)
    assert refused.code == 5
    assert "--confirm here" in refused.err + refused.out
    assert condition(database_url) is Condition.NONE


@pytest.mark.parametrize(
    "arguments",
    [("--confirm", "here"), ("--adopt",), ("--json",), ("folder", "--env", "here"), ("--env", "nowhere")],
)
def test_options_that_do_not_go_together_are_refused(folder: Path, database_url: str, arguments: Sequence[str]) -> None:
    refused = pointsctl("init", *arguments, cwd=folder, variables={"DATABASE_URL": database_url})
    assert refused.code == 2
    assert condition(database_url) is Condition.NONE


def test_environment_of_the_shell_installs_nothing(folder: Path, tmp_path: Path, database_url: str) -> None:
    target = tmp_path / "new"
    target.mkdir()
    done = pointsctl("init", "new", cwd=folder, variables={"DATABASE_URL": database_url, "POINTSCTL_ENV": "here"})
    assert done.code == 0
    assert (target / "checklist.yaml").is_file()
    assert condition(database_url) is Condition.NONE


def test_foreign_table_is_refused_in_one_printable_line(folder: Path, database_url: str) -> None:
    execute(database_url, 'CREATE TABLE public.migration_audit ("a\x1b[2J\n::error::b" integer)')
    refused = init(folder, database_url, "--confirm", "here")
    assert refused.code == 5
    assert "is not pointsctl's ledger" in refused.err
    assert all(line.isprintable() for line in refused.err.splitlines())
    assert not any(line.startswith("::") for line in refused.err.splitlines())


def test_password_is_in_no_message(folder: Path, database_url: str) -> None:
    url = database_url.replace("postgres@", "postgres:s3cr3t-pw@")
    for arguments in ((), ("--confirm", "here"), ("--confirm", "here", "--json")):
        done = init(folder, url, *arguments)
        assert "s3cr3t-pw" not in done.out + done.err


class Terminal:
    """The program at a terminal, and somebody who answers it."""

    def __init__(self, folder: Path, url: str, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*PROGRAM, "init", "--env", "here", *arguments],
            cwd=folder,
            env=environment(folder, DATABASE_URL=url, TERM="dumb"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.text = ""

    def wait_for(self, text: str) -> None:
        while text not in self.text:
            self.text += os.read(self._ours, 65536).decode()

    def answer(self, text: str) -> None:
        self.wait_for("Type its name to go on: ")
        self.text = ""
        os.write(self._ours, text.encode())

    def end(self) -> int:
        try:
            while chunk := os.read(self._ours, 65536):
                self.text += chunk.decode()
        except OSError:  # Linux says so when the other end is closed
            pass
        os.close(self._ours)
        return self.process.wait(timeout=60)


@pytest.mark.parametrize(
    ("answers", "code"), [(["here\n"], 0), (["her\n", "here\n"], 0), (["x\n", "\n"], 5), (["\x04", "\x04"], 5)]
)
def test_name_is_typed_at_a_terminal(folder: Path, database_url: str, answers: Sequence[str], code: int) -> None:
    terminal = Terminal(folder, database_url)
    for text in answers:
        terminal.answer(text)
    assert terminal.end() == code
    assert condition(database_url) is (Condition.READY if code == 0 else Condition.NONE)


def test_interrupted_question_changes_nothing(folder: Path, database_url: str) -> None:
    terminal = Terminal(folder, database_url)
    terminal.wait_for("Type its name to go on: ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert condition(database_url) is Condition.NONE
