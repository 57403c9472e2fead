"""Approvals are checked by stock tools alone: the printed script runs in an empty folder, and notices one changed byte."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.ledger.stock_script import printf
from pointsctl.ledger.store import Ledger
from pointsctl.workflow.verify_approvals import VerifiedApprovals, verify_approvals
from tests.support.approvals import ENGINEERING, OPERATIONS, ROLES
from tests.support.keys import trust_folder
from tests.support.leads import VARIABLES, Leads, raw_signature

SHELLS = [name for name in ("sh", "dash", "bash") if shutil.which(name)]
_FILE = re.compile(r"> (\S+)$")


def verified(leads: Leads) -> VerifiedApprovals:
    with Ledger(leads.url) as ledger:
        return verify_approvals(ledger, VARIABLES)


def run(script: str, folder: Path, shell: str = "sh") -> subprocess.CompletedProcess[str]:
    """Run it where there is nothing but the shell, ssh-keygen, sha256sum and cat."""
    tools = folder / "tools"
    tools.mkdir(parents=True)
    for name in ("ssh-keygen", "sha256sum", "cat"):
        (tools / name).symlink_to(shutil.which(name) or "")
    place = folder / "empty"
    place.mkdir()
    program = shutil.which(shell) or shell
    environment = {"PATH": str(tools)}
    return subprocess.run(
        [program, "-eu"],
        input=script,
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def leads(tmp_path: Path, database_url: str) -> Leads:
    """Two leads have approved, one of them with words."""
    made = Leads(tmp_path, database_url)
    made.plan()
    made.approve("ada", comment="'; touch hacked; echo '$(touch hacked) `touch hacked` %s \\c \\0101 é")
    made.approve("grace")
    return made


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_holds_in_every_shell_and_runs_nothing_else(leads: Leads, tmp_path: Path, shell: str) -> None:
    found = verified(leads)
    assert found.whole
    assert len(found.decisions) == 2
    assert all(byte == "\n" or " " <= byte <= "~" for byte in found.script)
    assert max(map(len, found.script.splitlines())) < 200
    done = run(found.script, tmp_path / shell, shell)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Good") == 2
    assert not list((tmp_path / shell).rglob("hacked"))


def test_one_changed_byte_of_any_part_is_noticed(leads: Leads, tmp_path: Path) -> None:
    script = verified(leads).script
    lines = script.split("\n")
    parts = [number for number, line in enumerate(lines) if _FILE.search(line)]
    assert len(parts) >= 10
    for number in parts:
        changed = list(lines)
        # The last letter or digit of the part that is written there.
        text, target = changed[number].rsplit("'", 1)
        place = max(index for index, char in enumerate(text) if char.isalnum())
        changed[number] = f"{text[:place]}{'b' if text[place] == 'a' else 'a'}{text[place + 1 :]}'{target}"
        done = run("\n".join(changed), tmp_path / str(number))
        assert done.returncode != 0, lines[number]


def test_the_script_of_an_empty_ledger_checks_nothing_and_is_not_whole(tmp_path: Path, database_url: str) -> None:
    made = Leads(tmp_path, database_url)
    made.plan()
    assert not verified(made).whole


def test_what_never_counted_does_not_hold_and_is_not_run(leads: Leads, tmp_path: Path) -> None:
    statement = leads.statement("edsger", OPERATIONS)
    leads.forge(statement, raw_signature(statement.text().encode(), leads.key("edsger"), tmp_path, "git"))
    found = verified(leads)
    assert not found.whole
    assert [one.holds for one in found.decisions] == [True, True, False]
    assert "namespace" in found.decisions[2].reason
    assert run(found.script, tmp_path / "run").returncode == 0


def test_signatures_are_checked_with_the_policy_of_their_time(leads: Leads, tmp_path: Path) -> None:
    """A key that was revoked later signed well, and the script shows it; whether it still counts is said elsewhere."""
    trust_folder(leads.folder, ROLES, updates=[ENGINEERING], revoked=[leads.key("grace")])
    leads.replace_policy()
    leads.plan()
    leads.approve("ada")
    found = verified(leads)
    assert found.whole
    done = run(found.script, tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert " -r policy-" in found.script


@given(st.binary(max_size=400))
def test_printf_writes_exactly_these_bytes(data: bytes) -> None:
    command = printf(data, "/dev/stdout")
    for shell in SHELLS:
        done = subprocess.run(
            [shell, "-c", command], capture_output=True, timeout=60, check=True, env={"PATH": os.defpath}
        )
        assert done.stdout == data
