"""What goes wrong where results go: closed and full outputs, special files, links, absurd widths, a future that never came."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import PROGRAM, environment, pointsctl, write_checklist

ITEMS = """
- id: data.coupons
  title: No coupon code is issued twice
  kind: sql_audit
  with: {audits: [coupon-duplicates]}
"""
SECRET = "Zq8vK2m7Xw4LpN9tRb3Yc6Ds"
LEAKS = """
- id: data.document
  title: "There is a file ${COUPON_SECRET}"
  why: "It is named ${COUPON_SECRET}"
  kind: file
  with: {path: "missing-${COUPON_SECRET}"}
- id: data.told
  title: Somebody was told
  kind: attestation
  with: {role: "somebody ${COUPON_SECRET}"}
  fields:
    - {name: who, type: text, title: "Who ${COUPON_SECRET}"}
- id: data.address
  title: It answers
  kind: http
  with: {url: "http://127.0.0.1:1/${COUPON_SECRET}"}
- id: data.program
  title: It runs
  kind: command
  with: {argv: [echo, "${OTHER_DATABASE}"]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checklist(tmp_path, ITEMS)
    return tmp_path


def shell(folder: Path, url: str, command: str, **variables: str) -> tuple[int, str]:
    """Exit code, and everything that was still to be seen; `$P` is the program."""
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("$P", " ".join(PROGRAM))],
        cwd=folder,
        env=environment(folder, DATABASE_URL=url, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("$P preflight >&-", 0),
        ("$P preflight 2>&-", 0),
        ("$P preflight <&- >&- 2>&-", 0),
        ("$P preflight --nope >&- 2>&-", 2),
        ("$P preflight --nope --json >&-", 2),
        ("$P check list >&-", 0),
        ("$P --version >&-", 0),
        ("$P preflight >/dev/full", 4),
        ("$P preflight --json >/dev/full", 4),
        ("$P preflight 2>/dev/full", 0),
        ("$P preflight --nope --json >/dev/full", 2),
        ("$P check list >/dev/full", 4),
        ("$P --help >/dev/full", 4),
        ("$P --version >/dev/full", 4),
        ("ulimit -f 0; $P preflight --output report", 4),
    ],
)
def test_closed_or_full_output_is_no_crash_and_never_changes_a_verdict(
    folder: Path, database_url: str, command: str, code: int
) -> None:
    found, text = shell(folder, database_url, command)
    assert (found, "Traceback" in text, "Exception ignored" in text) == (code, False, False), text


def test_document_that_cannot_be_written_is_told_on_the_other_stream(folder: Path, database_url: str) -> None:
    _, text = shell(folder, database_url, "$P preflight --nope --json >/dev/full")
    assert "no such option: --nope" in text


@pytest.mark.parametrize("columns", ["99999999999", "9" * 5000, "-1", "٣٠"])
def test_absurd_widths_are_no_crash(folder: Path, database_url: str, columns: str) -> None:
    for command in ("$P preflight", "$P check list"):
        found, text = shell(folder, database_url, command, COLUMNS=columns)
        assert found == 0, text
        assert max(map(len, text.splitlines())) <= 9999


def test_report_goes_into_a_device_and_never_replaces_it(folder: Path, database_url: str) -> None:
    device = folder / "device"
    if os.geteuid() == 0:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    else:
        device.symlink_to("/dev/null")
    assert shell(folder, database_url, "$P preflight --output device")[0] == 0
    assert stat.S_ISCHR(device.stat().st_mode)


def test_report_goes_through_a_pipe_that_somebody_reads(folder: Path, database_url: str) -> None:
    os.mkfifo(folder / "pipe")
    code, text = shell(folder, database_url, "cat pipe & $P preflight --output pipe && wait")
    assert code == 0
    assert "ready: pre-deployment on here" in text
    assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)


def test_pipe_that_nobody_reads_is_not_waited_for(folder: Path, database_url: str) -> None:
    os.mkfifo(folder / "pipe")
    code, text = shell(folder, database_url, "$P preflight --output pipe")
    assert code == 4
    assert "cannot write pipe" in text


def test_link_stays_a_link(folder: Path, database_url: str) -> None:
    (folder / "latest").symlink_to("report")
    assert shell(folder, database_url, "$P preflight --output latest")[0] == 0
    assert (folder / "latest").is_symlink()
    assert "ready" in (folder / "report").read_text()
    assert stat.S_IMODE((folder / "report").stat().st_mode) == 0o600


def test_part_that_is_ready_does_not_speak_for_the_phase(tmp_path: Path, database_url: str) -> None:
    write_checklist(tmp_path, ITEMS + "- id: team.told\n  title: Everybody knows\n  kind: attestation\n")
    result = pointsctl(
        "preflight", "--json", "--only", "data.*", cwd=tmp_path, variables={"DATABASE_URL": database_url}
    )
    assert (result.code, result.json["phase"]) == (0, "pre-deployment (only data.*)")


def test_audit_of_what_changes_in_the_future_is_refused(folder: Path, database_url: str) -> None:
    arguments = ("audit", "run", "cache-balance", "--since", "2999-01-01", "--json")
    result = pointsctl(*arguments, cwd=folder, variables={"DATABASE_URL": database_url})
    assert result.code == 2
    assert "has not come yet" in result.json["message"]


COMMANDS = [
    *(("preflight", "--verbose", "--format", name) for name in ("text", "json", "junit", "markdown", "github")),
    *(
        ("check", "show", f"data.{name}", *more)
        for name in ("document", "told", "address", "program")
        for more in ((), ("--json",))
    ),
    ("check", "list"),
    ("check", "list", "--json"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_secret_that_the_checklist_expands_is_shown_nowhere(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write_checklist(tmp_path, LEAKS, database_url="postgresql://nobody@127.0.0.1:1/x")
    other = "host=db.example.org user=owner password='hunter22 hunter22' dbname=points"
    result = pointsctl(*arguments, cwd=tmp_path, variables={"COUPON_SECRET": SECRET, "OTHER_DATABASE": other})
    assert "redacted" in result.out or "list" in arguments or "data.program" in arguments, result
    assert SECRET not in result.out + result.err
    assert "hunter22" not in result.out + result.err
