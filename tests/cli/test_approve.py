"""`approve` and `approvals` as people and CI jobs run them: exit codes, documents, and one screen with one question."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pointsctl.model.approval import Verdict
from tests.support.approvals import ADA, EDSGER, ENGINEERING, GRACE, OPERATIONS
from tests.support.cli import Result, environment, pointsctl
from tests.support.keys import make_key
from tests.support.leads import Leads

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def leads(tmp_path: Path, database_url: str) -> Leads:
    """A plan is made, nobody has decided yet."""
    made = Leads(tmp_path, database_url)
    made.plan()
    return made


def run(leads: Leads, *arguments: str, protected: bool = False, cwd: Path | None = None) -> Result:
    variables = {**leads.variables, "PROTECTED": "true" if protected else "false"}
    return pointsctl(*arguments, cwd=cwd or leads.folder, variables=variables)


def approve(leads: Leads, person: str, *arguments: str, protected: bool = False) -> Result:
    key = str(leads.key(person))
    return run(leads, "approve", "--env", "here", "--key", key, *arguments, protected=protected)


def test_the_whole_flow(leads: Leads) -> None:
    waiting = run(leads, "approvals", "list", "--env", "here", "--json")
    assert (waiting.code, waiting.json["verdict"], waiting.json["decisions"]) == (3, "waiting", [])
    assert [one["candidates"] for one in waiting.json["roles"]] == [[ADA, EDSGER], [GRACE, EDSGER]]

    assert approve(leads, "ada").code == 5  # nobody is there to be asked
    first = approve(leads, "ada", "--yes")
    assert first.code == 0, first.err
    assert leads.migration.name in first.err  # what is signed is shown before it is signed
    assert f"{ADA} as {ENGINEERING} APPROVES" in " ".join(first.err.split())
    assert "missing 1 of 1" in first.out
    second = approve(leads, "grace", "--yes", "--json", "--comment", "on call on Friday")
    assert (second.code, second.json["verdict"]) == (0, "approved")
    assert second.json["decided"]["comment"] == "on call on Friday"

    script = run(leads, "approvals", "verify", "--env", "here", "--show-commands", "--output", str(leads.folder))
    assert script.code == 0
    assert script.out == (leads.folder / "check.sh").read_text(encoding="utf-8")
    checked = run(leads, "approvals", "verify", "--env", "here", "--json")
    assert (checked.code, checked.json["whole"]) == (0, True)

    leads.migration.write_text("drop table public.coupons;\n", encoding="utf-8")
    closed = run(leads, "approvals", "list", "--env", "here")
    assert closed.code == 5
    assert f"migration {leads.migration.name} changed" in " ".join(closed.out.split())
    assert f"{ADA} ({ENGINEERING}, record" in " ".join(closed.out.split())


def test_rejecting(leads: Leads) -> None:
    assert approve(leads, "ada", "--reject", "--yes").code == 2
    done = approve(leads, "ada", "--reject", "--yes", "--comment", "no index")
    assert done.code == 0, done.err
    listed = run(leads, "approvals", "list", "--env", "here", "--json")
    assert (listed.code, listed.json["verdict"]) == (5, "refused")
    assert "no index" in listed.json["refusals"][0]
    refused = approve(leads, "grace", "--yes")
    assert refused.code == 5
    assert "no index" in refused.err


def test_a_protected_environment_is_named(tmp_path: Path, database_url: str) -> None:
    leads = Leads(tmp_path, database_url)
    leads.plan()
    assert approve(leads, "ada", "--yes", protected=True).code == 5
    assert approve(leads, "ada", "--confirm", "there", protected=True).code == 5
    assert leads.standings() == {}
    assert approve(leads, "ada", "--confirm", "here", protected=True).code == 0


def test_offline(leads: Leads, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "plan.json").write_text(leads.plan_file().text(), encoding="utf-8")
    plan = leads.plan_file().plan.short
    arguments = ["approve", plan, "--offline", "plan.json", "--output", "ada.json", "--key", str(leads.key("ada"))]
    assert pointsctl(*arguments, cwd=elsewhere).code == 5
    assert pointsctl(*arguments, "--env", "there", "--yes", cwd=elsewhere).code == 2
    done = pointsctl(*arguments, "--yes", cwd=elsewhere)
    assert done.code == 0, done.err
    assert leads.plan_file().trust.digest in "".join(done.err.split())
    brought = run(leads, "approvals", "import", "elsewhere/ada.json", "--env", "here", "--json")
    assert (brought.code, brought.json["files"][0]["refused"]) == (0, None)
    again = run(leads, "approvals", "import", "elsewhere/ada.json", "--env", "here")
    assert again.code == 5
    assert "nonce" in again.out


def test_hostile_texts_are_never_shown_raw(leads: Leads) -> None:
    text = leads.statement("ada", ENGINEERING).text()
    leads.insert(text, "\x1b]0;owned\x07", applied_by="ada\x1b[2K\u202e")
    leads.forge(leads.statement("grace", OPERATIONS, comment="\x1b[31mred\x1b[0m\r\n::error::x"))
    leads.insert(text.replace(ADA, f"{ADA}\\u001b[2K"), None, applied_by="x")
    shown = run(leads, "approvals", "list", "--env", "here", "--all")
    checked = run(leads, "approvals", "verify", "--env", "here")
    script = run(leads, "approvals", "verify", "--env", "here", "--show-commands")
    for result in (shown, checked, script):
        assert result.code in (1, 3)
        for line in (result.out + result.err).split("\n"):
            assert line.isprintable(), line
            assert not line.startswith("::error::")


@pytest.mark.parametrize("columns", [40, 80])
def test_lists_fit_a_terminal(leads: Leads, columns: int) -> None:
    leads.approve("ada", comment="as discussed " * 10)
    done = pointsctl(
        "approvals", "list", "--env", "here", cwd=leads.folder, variables={**leads.variables, "COLUMNS": str(columns)}
    )
    for line in done.out.splitlines():
        assert len(line) <= columns or line.startswith("    run: "), line
        assert line == line.rstrip(), line


# ---------------------------------------------------------------------------------------------------------------------
# As a person sees it


class Screen:
    """A tmux session of 80 columns and 24 lines, with a shell in which a person types."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._socket = folder / "tmux"
        self._environment = {**environment(folder, **variables), "TERM": "screen", "SHELL": "/bin/sh"}
        self._call("new-session", "-d", "-x", "80", "-y", "24", "-c", str(folder), "sh")

    def type(self, text: str) -> None:
        """Type the text and press return."""
        self._call("send-keys", "-l", text)
        self._call("send-keys", "Enter")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._call("send-keys", "C-c")

    def wait_for(self, text: str) -> str:
        """The screen once it shows the text."""
        end = time.monotonic() + 60
        shown = ""
        while time.monotonic() < end:
            shown = self._call("capture-pane", "-p")
            if text in " ".join(shown.split()):
                return shown
        raise AssertionError(f"waited for {text!r}; the screen shows\n{shown}")

    def close(self) -> None:
        """End the session."""
        self._call("kill-server")

    def _call(self, *arguments: str) -> str:
        argv = ["tmux", "-S", str(self._socket), "-f", "/dev/null", *arguments]
        return subprocess.run(
            argv, env=self._environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout


def test_a_lead_types_one_command_the_name_and_the_passphrase(leads: Leads) -> None:
    """At 80 columns and 24 lines, with a key that has a passphrase: two questions, and the plan is on the same screen."""
    locked = make_key(leads.folder / "locked", "ada-locked", passphrase="correct horse")
    signers = leads.trust / "allowed_signers"
    plain_key = Path(f"{leads.key('ada')}.pub").read_text(encoding="utf-8").split()[1]
    locked_key = Path(f"{locked}.pub").read_text(encoding="utf-8").split()[1]
    signers.write_text(signers.read_text(encoding="utf-8").replace(plain_key, locked_key), encoding="utf-8")
    leads.replace_policy()
    plan = leads.plan()
    screen = Screen(leads.folder, {**leads.variables, "PROTECTED": "true", "PS1": "$ ", "PATH": os.environ["PATH"]})
    try:
        screen.type(f"clear; {sys.executable} -m pointsctl approve --env here --key {locked}")
        asked = screen.wait_for("Type its name to go on:")
        assert asked.startswith(f"plan {plan.short} for here"), asked  # nothing has scrolled away
        for part in (leads.migration.name, "APPROVES", ADA, ENGINEERING):
            assert part in asked, asked
        screen.interrupt()
        screen.wait_for("pointsctl: interrupted hint: nothing is half done; run the command again")
        assert not leads.standings()
        screen.type(f"clear; {sys.executable} -m pointsctl approve --env here --key {locked}")
        screen.wait_for("Type its name to go on:")
        screen.type("here")
        screen.wait_for("passphrase")
        screen.type("correct horse")
        screen.wait_for(f"{ADA} approved plan {plan.short}")
    finally:
        screen.close()
    (standing,) = leads.standings().values()
    assert standing.statement.principal == ADA
    assert leads.verdict() is Verdict.WAITING
