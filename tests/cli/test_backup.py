"""`pointsctl backup create|verify`: what people and scripts see, on wide and narrow terminals, and every exit code."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.audits import execute
from tests.support.backup_projects import NAME, BackupProject
from tests.support.cli import PROGRAM, environment, pointsctl
from tests.support.ledgers import install
from tests.support.servers import Server, open_directory

SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def project(server: Server) -> Iterator[BackupProject]:
    """With a ledger; each test adds backups to it."""
    with server.database() as name, open_directory() as folder:
        url = server.cluster.url(name, "postgres")
        install(url, NAME)
        yield BackupProject(folder, url)


def test_create_and_verify_tell_the_verdict_first_and_documents_on_demand(project: BackupProject) -> None:
    created = project.run("create", "--json")
    assert created.code == 0, created
    document = created.json
    assert (document["schema"], document["environment"]) == ("pointsctl/backup-created/v1", NAME)
    assert document["record"] > 0
    assert "dump: begins" in created.err
    verified = project.run("verify")
    assert verified.code == 0, verified
    first = verified.out.splitlines()[0]
    assert first.startswith("restored in ")
    assert document["backup"] in verified.out
    assert "audits on the copy: 2 of 2 pass" in verified.out
    again = project.run("verify", document["backup"][:12], "--json")
    assert again.code == 0, again
    assert (again.json["schema"], again.json["holds"]) == ("pointsctl/backup-verified/v1", True)
    assert again.json["backup"] == document["backup"]


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_terminal_every_row_stays_within_its_width(project: BackupProject, columns: int) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {**environment(project.folder), **project.variables, "TERM": "xterm"}
    with subprocess.Popen(
        [*PROGRAM, "backup", "create"],
        cwd=project.folder,
        env=variables,
        stdin=follower,
        stdout=follower,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(follower)
        parts = []
        try:
            while part := os.read(leader, 65536):
                parts.append(part)
        except OSError:  # how Linux says that the other side is closed
            pass
        assert process.wait() == 0
    os.close(leader)
    rows = SEQUENCES.sub("", b"".join(parts).decode()).splitlines()
    assert any("is stored" in row for row in rows)
    assert max(map(len, rows)) <= columns


def test_a_damaged_object_is_named_and_bad(project: BackupProject) -> None:
    document = project.run("create", "--json").json
    folder = project.store / "backups" / NAME / document["backup"] / "objects"
    victim = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-1])
    done = project.run("verify", document["backup"])
    assert done.code == 1
    assert victim.name in done.err
    assert "recorded as refuted" in done.err
    failed = project.run("verify", document["backup"], "--json")
    assert (failed.code, failed.json["code"]) == (1, "backup-damaged")
    assert any(victim.name in problem for problem in failed.json["problems"])


def test_when_the_server_is_lost_the_way_without_its_ledger_is_named(tmp_path: Path) -> None:
    project = BackupProject(tmp_path, "postgresql://postgres@127.0.0.1:1/gone")
    for command in (["verify"], ["restore", "latest", "--into", "env:DATABASE_URL"]):
        done = project.run(*command)
        assert done.code == 4, done
        assert "--unrecorded" in done.err


def test_an_audit_that_cannot_look_at_the_copy_does_not_make_the_backup_look_lost(
    server: Server, project: BackupProject, open_path: Path
) -> None:
    with server.database("template0") as name:
        bare = BackupProject(open_path, server.cluster.url(name, "postgres"))
        execute(bare.url, "CREATE TABLE t AS SELECT 1 AS i")
        assert bare.run("create").code == 0
        done = bare.run("verify")
    assert done.code == 4, done
    assert "is proven" in done.out
    assert "the backup is faithful all the same" in done.out


def test_nothing_to_resume_and_unknown_ids_are_told(project: BackupProject) -> None:
    assert project.run("create", "--resume").code == 4
    unknown = project.run("verify", "19990101")
    assert unknown.code == 5
    assert "knows no backup" in unknown.err
    assert project.run("verify", "19990101", "--latest").code == 2


def test_without_a_store_it_is_a_usage_error(tmp_path: Path, database_url: str) -> None:
    project = BackupProject(tmp_path, database_url, store="")
    done = project.run("create")
    assert done.code == 2
    assert "backup.store" in done.err


def test_an_unreachable_database_is_told_before_anything_is_made(tmp_path: Path) -> None:
    project = BackupProject(tmp_path, "postgresql://postgres@127.0.0.1:1/gone")
    done = project.run("create")
    assert done.code == 4
    assert "hint:" in done.err
    assert project.left_over() == []


def test_the_help_has_an_example_and_exit_codes(tmp_path: Path) -> None:
    for command in ("create", "verify"):
        page = pointsctl("backup", command, "--help", cwd=tmp_path)
        assert page.code == 0
        assert "Example:" in page.out
        assert "Exit codes:" in page.out
