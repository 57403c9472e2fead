"""`evidence`: exported from a project, verified in an empty folder with nothing but ssh-keygen, or without this program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.sandbox.databases import OWNER
from tests.support.cli import Result, pointsctl
from tests.support.evidence import Project, archived
from tests.support.servers import Server


class Told:
    """A project with an approved plan, and what `evidence export` said about it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.project = Project(folder, url)
        self.plan = self.project.story()
        self.bundle, self.envelope = folder / "evidence.zip", folder / "approval.json"
        self.exported = self.run("evidence", "export", "--env", "here", "--json", "--output", str(self.bundle))
        key = str(folder / "keys" / "ada")
        to = ("--format", "in-toto", "--key", key, "--output", str(self.envelope))
        self.attested = self.run("evidence", "export", "--env", "here", "--json", *to)

    def run(self, *arguments: str) -> Result:
        return pointsctl(*arguments, cwd=self.project.folder, variables={"DATABASE_URL": self.project.url})


@pytest.fixture(scope="module")
def told(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with server.database() as name:
        yield Told(tmp_path_factory.mktemp("told"), server.cluster.url(name, OWNER))


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """A process environment whose PATH holds ssh-keygen and nothing else."""
    return {"PATH": str(_tools(tmp_path / "tools", "ssh-keygen"))}


def _tools(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name) or f"/missing/{name}")
    return folder


def test_exported(told: Told) -> None:
    done = told.exported
    assert (done.code, done.json["schema"]) == (0, "pointsctl/evidence-exported/v1")
    assert done.json["plans"] == [told.plan]
    assert told.bundle.stat().st_mode & 0o777 == 0o600
    assert (told.attested.code, told.attested.json["plan"]) == (0, told.plan)
    assert told.envelope.stat().st_mode & 0o777 == 0o600


def test_verified_in_an_empty_folder(told: Told, tmp_path: Path, alone: dict[str, str]) -> None:
    shutil.copy(told.bundle, tmp_path)
    shutil.copy(told.envelope, tmp_path)
    head, policy = told.exported.json["head"], told.exported.json["policy"]
    known = ("--head", f"{head['seq']}:{head['hash']}", "--policy", policy)
    done = pointsctl("evidence", "verify", "evidence.zip", *known, cwd=tmp_path, variables=alone)
    assert done.code == 0, done
    assert done.out.splitlines()[-1].startswith("whole")
    assert "ada@example.test as engineering-lead" in done.out
    assert "not compared" not in done.out
    done = pointsctl("evidence", "verify", "approval.json", *known, cwd=tmp_path, variables=alone)
    assert done.code == 0, done
    assert done.out.splitlines()[-1] == "whole: the plan was approved"


def test_what_it_was_not_compared_with_is_said(told: Told, tmp_path: Path) -> None:
    for file in (told.bundle, told.envelope):
        done = pointsctl("evidence", "verify", str(file), cwd=tmp_path)
        assert done.code == 0
        assert "whoever made the file also chose the keys" in done.out
        assert "may have been cut off" in done.out


def test_as_one_document(told: Told, tmp_path: Path) -> None:
    done = pointsctl("evidence", "verify", str(told.bundle), "--json", cwd=tmp_path)
    assert (done.json["schema"], done.json["whole"]) == ("pointsctl/evidence-verification/v1", True)
    decisions = [one for one in done.json["ledger"]["signatures"] if one["decision"]]
    assert [(one["role"], one["plan"]) for one in decisions] == [
        ("engineering-lead", told.plan),
        ("operations-lead", told.plan),
    ]
    assert all(one["fingerprint"].startswith("SHA256:") for one in decisions)
    done = pointsctl("evidence", "verify", str(told.envelope), "--json", cwd=tmp_path)
    assert (done.json["whole"], done.json["plan"]) == (True, told.plan)


def test_damaged(told: Told, tmp_path: Path) -> None:
    with zipfile.ZipFile(told.bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "changed.zip").write_bytes(archived({**files, "checklist.yaml": files["checklist.yaml"] + b"#"}))
    for arguments in ((), ("--json",)):
        done = pointsctl("evidence", "verify", "changed.zip", *arguments, cwd=tmp_path)
        assert done.code == 1
        assert "checklist.yaml" in done.out
    assert [one["name"] for one in done.json["differences"]] == ["checklist.yaml"]
    done = pointsctl("evidence", "verify", str(told.bundle), "--policy", "0" * 64, cwd=tmp_path)
    assert done.code == 1
    (tmp_path / "approval.json").write_text("{}", encoding="utf-8")
    assert pointsctl("evidence", "verify", "approval.json", cwd=tmp_path).code == 1


@pytest.mark.parametrize("name", ["\x1b[2J::error::x", "../../evil", "a\nb", "\u202egnp.exe"])
def test_a_hostile_name_does_not_reach_the_terminal(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "hostile.zip", "w") as archive:
        archive.writestr(name, "x")
    done = pointsctl("evidence", "verify", "hostile.zip", cwd=tmp_path, variables={"COLUMNS": "40"})
    assert done.code == 1
    assert all(line.isprintable() for line in done.out.splitlines())
    assert "::error" not in done.out
    assert "\x1b" not in done.out + done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile.zip"]


def test_what_cannot_be_read(told: Told, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no bundle\n", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    for name in ("notes.txt", "absent.zip", "pipe", "."):
        done = pointsctl("evidence", "verify", name, cwd=tmp_path)
        assert done.code == 4, (name, done)
        assert "hint:" in done.err
    done = pointsctl("evidence", "verify", str(told.bundle), cwd=tmp_path, variables={"PATH": str(tmp_path)})
    assert done.code == 4, "without ssh-keygen nothing is known"


def test_usage(told: Told, tmp_path: Path) -> None:
    assert pointsctl("evidence", "verify", "x", "--head", "7", cwd=tmp_path).code == 2
    assert pointsctl("evidence", "verify", "x", "--policy", "short", cwd=tmp_path).code == 2
    assert told.run("evidence", "export", "--env", "here", "--format", "tar").code == 2
    assert told.run("evidence", "export", "--env", "here", "--plan", "0" * 12).code == 2
    done = told.run("evidence", "export", "--env", "here", "--output", "nowhere/evidence.zip")
    assert done.code == 4
    assert told.run("evidence", "export", "--env", "here", "--output", "/dev/null").code == 4


def test_the_name_that_it_chooses(told: Told) -> None:
    done = told.run("evidence", "export", "--env", "here")
    assert done.code == 0
    written = told.project.folder / f"evidence-here-{told.exported.json['head']['seq']}.zip"
    assert written.read_bytes() == told.bundle.read_bytes()
    assert f"wrote {written.name}" in done.out


def _shell(folder: Path, lines: list[str], tools: Path) -> int:
    script = "\n".join(["set -eu", *lines])
    argv = [shutil.which("sh") or "/bin/sh", "-c", script]
    done = subprocess.run(argv, cwd=folder, env={"PATH": str(tools)}, capture_output=True, timeout=60, check=False)
    return done.returncode


def test_the_lines_of_its_readme(told: Told, tmp_path: Path) -> None:
    """Unpacked by another program, checked by a shell with sha256sum and ssh-keygen; one byte less, and they say so."""
    folder = tmp_path / "unpacked"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(told.bundle), str(folder)], check=True, timeout=60)
    tools = _tools(tmp_path / "tools", "ssh-keygen", "sha256sum")
    text = (folder / "README.txt").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    run = [line for line in lines if line.startswith(("sha256sum ", "ssh-keygen "))]
    assert len([line for line in run if line.startswith("ssh-keygen -Y verify")]) == 4
    assert _shell(folder, run, tools) == 0
    done = subprocess.run(
        [shutil.which("sha256sum") or "", f"plans/{told.plan}.json"],
        cwd=folder,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.decode().split()[0] == told.plan, "a plan's file is named after its digest"
    statement = folder / "statements" / "7.json"
    statement.write_bytes(statement.read_bytes() + b"\n")
    assert _shell(folder, ["sha256sum -c SHA256SUMS"], tools) != 0
    assert _shell(folder, [next(line for line in run if "statements/7.sig" in line)], tools) != 0
