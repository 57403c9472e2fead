"""Taking a backup and proving it, against the paper checklist's dump and restore; what the proof costs; memory."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from pointsctl.postgres.binaries import Account, embedded_binaries
from pointsctl.postgres.connection import parse_url
from tests.bench.measure import Ended, Ratio, run, seconds

ROOT = Path(__file__).resolve().parents[2]
TURNS = int(os.environ.get("BENCH_BACKUP_TURNS", "3"))
_COPY = "points_test_restore"
_MOST_MEMORY = 200e6


@dataclass(frozen=True)
class _Turn:
    """One turn, in seconds: ours as processes, what of it was pg_amcheck, the paper's commands, a dump that proves nothing."""

    ours: float
    amcheck: float
    paper: float
    dump: float
    bare_dump: float
    peak_bytes: int


def backups(url: str, sandbox: Path, folder: Path, out: Console) -> Iterator[Ratio]:
    """`backup create` and `backup verify` of the sandbox at `url`, in turns with the paper's commands on the same server.

    Ours starts a server of its own, checks every row, every index and every object; theirs counts nothing.
    """
    bench = _Bench(url, sandbox, folder)
    turns = [bench.turn() for _ in range(TURNS)]
    paper = tuple(turn.paper for turn in turns)
    yield Ratio(
        "backup create + verify, pg_amcheck apart / the paper's dump and restore",
        tuple(turn.ours - turn.amcheck for turn in turns),
        paper,
        1.0,
    )
    yield Ratio("the same with pg_amcheck", tuple(turn.ours for turn in turns), paper, 1.5)
    yield Ratio(
        "dump with fingerprints / the same pg_dump alone",
        tuple(turn.dump for turn in turns),
        tuple(turn.bare_dump for turn in turns),
        1.15,
    )
    peak, amcheck = max(turn.peak_bytes for turn in turns), statistics.median(turn.amcheck for turn in turns)
    out.print(f"backups: peak {peak / 1e6:.0f} MB (at most {_MOST_MEMORY / 1e6:.0f} MB), pg_amcheck {amcheck:.1f} s")


class _Bench:
    def __init__(self, url: str, sandbox: Path, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "POINTSCTL_SANDBOX_DIR": str(sandbox),
            "CI": "1",
        }
        self.programs = embedded_binaries(Account(os.geteuid(), os.getegid(), drop=False))
        parameters = parse_url(url)
        self.server = [
            "--host",
            parameters["host"],
            "--port",
            str(parameters["port"]),
            "--username",
            parameters["user"],
        ]
        self.database = str(parameters["dbname"])

    def turn(self) -> _Turn:
        paper = seconds(self._paper)
        created, verified = self._pointsctl("create"), self._pointsctl("verify")
        stages = {one["stage"]: one["duration_ms"] / 1000 for one in _stages(created) + _stages(verified)}
        bare = seconds(lambda: self._bare_dump(json.loads(created.out)["tools"]["compression"]))
        return _Turn(
            created.seconds + verified.seconds,
            stages["amcheck"],
            paper,
            max(stages["dump"], stages["fingerprints"]),
            bare,
            max(created.peak_bytes, verified.peak_bytes),
        )

    def _pointsctl(self, command: str) -> Ended:
        program = [str(Path(sys.executable).parent / "pointsctl"), "backup", command, "--env", "sandbox", "--json"]
        ended = run(program, cwd=str(ROOT), environment=self.variables)
        if ended.code:
            raise SystemExit(f"backup {command} ended with {ended.code}: {ended.out}")
        return ended

    def _paper(self) -> None:
        """`pg_dump > file; createdb; psql < file`, as the paper has it."""
        file = self.folder / "backup.sql"
        self._program("pg_dump", "--file", str(file), self.database)
        self._program("createdb", _COPY)
        try:
            self._program("psql", "--quiet", "--no-psqlrc", "--output", os.devnull, "--file", str(file), _COPY)
        finally:
            self._program("dropdb", "--force", _COPY)
            file.unlink()

    def _bare_dump(self, compression: str) -> None:
        folder = self.folder / "bare"
        options = ("--format=directory", "--jobs=2", f"--compress={compression}", "--no-sync")
        self._program("pg_dump", *options, "--file", str(folder), self.database)
        shutil.rmtree(folder)

    def _program(self, name: str, *arguments: str) -> None:
        command = [str(self.programs.program(name)), *self.server, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _stages(ended: Ended) -> list[dict[str, Any]]:
    return list(json.loads(ended.out)["stages"])
