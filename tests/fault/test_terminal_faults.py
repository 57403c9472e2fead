"""What goes wrong around the program: narrow terminals, closed pipes, unwritable homes, two at once, Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.cli import PROGRAM, Result, environment, pointsctl, write_checklist

ITEMS = """
- id: data.balance
  title: Balances follow from their events
  kind: sql_audit
  with: {audits: [cache-balance]}
- id: team.told
  title: Everybody who must know of the deployment has been told about it
  kind: attestation
  fields:
    - {name: who, type: people, title: Who was told}
"""
SLOW = """
- id: data.slow
  title: Something that takes its time
  kind: command
  with: {argv: [sleep, "60"]}
- id: data.later
  title: Something that comes afterwards
  kind: attestation
  needs: [data.slow]
"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def in_terminal(folder: Path, columns: int, *arguments: str, **variables: str) -> tuple[int, list[str]]:
    """Run the program with a terminal of this width as stdin, stdout and stderr; exit code and lines without escapes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=folder,
        env=environment(folder, TERM="xterm-256color", **variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    try:
        while chunk := os.read(ours, 65536):
            output += chunk
    except OSError:
        pass  # Linux reports the end of a terminal as an input/output error
    finally:
        os.close(ours)
    lines = ESCAPES.sub("", output.decode("utf-8")).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return process.wait(60), lines


@pytest.mark.parametrize("columns", [40, 80])
def test_a_narrow_terminal_shows_everything_within_its_width(tmp_path: Path, database_url: str, columns: int) -> None:
    write_checklist(tmp_path, ITEMS)
    code, lines = in_terminal(tmp_path, columns, "preflight", DATABASE_URL=database_url)
    text = " ".join(" ".join(lines).split())
    assert code == 3, text
    assert max(len(line) for line in lines) <= columns
    assert "data.balance" in text
    assert "team.told" in text
    assert "waiting" in text


@pytest.mark.parametrize(
    ("arguments", "code"), [(["preflight", "--json"], 3), (["preflight"], 3), (["check", "list"], 0)], ids=str
)
def test_a_closed_pipe_keeps_the_exit_code_and_says_one_line(
    tmp_path: Path, database_url: str, arguments: list[str], code: int
) -> None:
    write_checklist(tmp_path, ITEMS)
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=tmp_path,
        env=environment(tmp_path, DATABASE_URL=database_url, CI="true"),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "closed the pipe" in errors
    assert "Traceback" not in errors
    assert "BrokenPipeError" not in errors


def test_a_home_that_cannot_be_written_changes_nothing(tmp_path: Path, database_url: str) -> None:
    write_checklist(tmp_path, ITEMS)
    result = pointsctl(
        "preflight", "--json", cwd=tmp_path, home=Path("/proc/no-home"), variables={"DATABASE_URL": database_url}
    )
    assert result.code == 3, result
    assert result.finding("data.balance")["outcome"] == "pass"


def test_two_preflights_at_once_agree_and_disturb_nothing(tmp_path: Path, database_url: str) -> None:
    write_checklist(tmp_path, ITEMS)

    def one(_: int) -> Result:
        return pointsctl("preflight", "--json", cwd=tmp_path, variables={"DATABASE_URL": database_url})

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(one, range(2))
    assert first.code == second.code == 3, (first, second)
    assert first.json["counts"] == second.json["counts"]
    assert first.json["run_id"] != second.json["run_id"]


def _slow_preflight(folder: Path, database_url: str) -> subprocess.Popen[str]:
    """A preflight that has started a program and waits for it."""
    write_checklist(folder, SLOW)
    process = subprocess.Popen(
        [*PROGRAM, "preflight", "--json"],
        cwd=folder,
        env=environment(folder, DATABASE_URL=database_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _wait_for_child(process.pid)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_ends_cleanly_with_a_report(tmp_path: Path, database_url: str, number: signal.Signals) -> None:
    process = _slow_preflight(tmp_path, database_url)
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    result = Result(process.returncode, out, errors)
    assert result.code == 130, result
    assert result.json["interrupted"] is True
    assert result.json["verdict"] == "unknown"
    assert {one["outcome"] for one in result.json["findings"]} <= {"error", "pending"}
    assert _children(process.pid) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_request_told_twice_leaves_no_program_behind(tmp_path: Path, database_url: str, number: signal.Signals) -> None:
    process = _slow_preflight(tmp_path, database_url)
    started = _children(process.pid)
    process.send_signal(number)
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, Result(0, out, errors).json["interrupted"]) == (130, True), errors
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def test_hang_up_that_the_caller_ignores_ends_nothing(tmp_path: Path, database_url: str) -> None:
    """`nohup pointsctl ... &` goes on after the terminal is gone."""
    write_checklist(tmp_path, SLOW.replace('"60"', '"1"'))
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *PROGRAM, "preflight", "--json"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path, DATABASE_URL=database_url), stdout=subprocess.PIPE, text=True
    )
    _wait_for_child(process.pid)
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "interrupted" not in out


def _children(pid: int) -> set[int]:
    """Processes of the session that the program led."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.add(int(entry.name))
    return found


def _wait_for_child(pid: int, limit: int = 3000) -> None:
    """Until the program has started its `sleep`; waits on the kernel's own clock, bounded."""
    waiting = signal.sigtimedwait
    for _ in range(limit):
        if _children(pid):
            return
        waiting([], 0.01)
    raise AssertionError("the program never started its command")
