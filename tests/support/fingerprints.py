"""Takes fingerprints in tests, and makes a copy of a database with the server's own pg_dump and pg_restore."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pointsctl.model.configuration import LeftOut
from pointsctl.model.fingerprint import Fingerprints
from pointsctl.model.progress import NoProgress
from pointsctl.postgres.binaries import Binaries
from pointsctl.postgres.fingerprints import fingerprints_of_copy, take_fingerprints
from pointsctl.postgres.launch import library_path
from pointsctl.postgres.snapshot import held_snapshot
from pointsctl.postgres.survey import survey_source
from tests.support.world import Switch

PATIENCE_S = 120.0


def of_source(url: str, left_out: LeftOut | None = None, jobs: int = 2) -> Fingerprints:
    """The fingerprints of a database as a backup takes them."""
    with held_snapshot(url, Switch(PATIENCE_S)) as snapshot:
        survey = survey_source(snapshot, left_out or LeftOut(), Switch(PATIENCE_S))
        return take_fingerprints(snapshot, survey, jobs, Switch(PATIENCE_S), NoProgress())


def of_copy(url: str, left_out: LeftOut | None = None) -> Fingerprints:
    """The fingerprints of a database that nobody else uses."""
    return fingerprints_of_copy(url, left_out or LeftOut(), 2, Switch(PATIENCE_S), NoProgress())


def copy_database(binaries: Binaries, source: str, target: str, archive: Path, *options: str) -> None:
    """Dump `source` with `options` into the file `archive`, and restore that into the empty database `target`."""
    run(binaries, "pg_dump", "--format=custom", "--compress=0", f"--file={archive}", *options, source)
    run(binaries, "pg_restore", "--exit-on-error", f"--dbname={target}", str(archive))


def run(binaries: Binaries, program: str, *arguments: str) -> None:
    """Run one of the server's programs to its end; what it complains about is in the exception."""
    environment = {"PATH": os.defpath, **library_path(binaries.libraries)}
    command = [str(binaries.program(program)), *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 0, ended.stderr
