"""Archives of real databases, and copies of them in servers of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pointsctl.model.progress import NoProgress
from pointsctl.postgres.binaries import Binaries
from pointsctl.postgres.connection import connect
from pointsctl.postgres.ephemeral import EphemeralServer, ephemeral_server
from pointsctl.postgres.restoring import MadeCopy, Recipe, make_copy
from pointsctl.postgres.roles import read_roles
from pointsctl.postgres.scratch import Scratch
from pointsctl.postgres.workspace import Workspace
from tests.support.backups import limit


def archive_of(url: str, folder: Path, binaries: Binaries) -> Path:
    """A dump of the database, by the programs of its server."""
    archive = folder / "dump"
    argv = [str(binaries.program("pg_dump")), "--format=directory", f"--file={archive}", "--no-sync", f"--dbname={url}"]
    subprocess.run(argv, check=True)
    return archive


def recipe_for(url: str, binaries: Binaries, **options: Any) -> Recipe:
    """How the database of `url` is restored, by the programs of its server."""
    with connect(url) as connection:
        roles = read_roles(connection)
    given = {"program": binaries.program("pg_restore"), "search_path": os.defpath, "jobs": 2, "roles": roles, **options}
    return Recipe(**given)


@contextmanager
def own_server(base: Path, major: int) -> Iterator[EphemeralServer]:
    """An ephemeral server as a drill has it."""
    with (
        Workspace.open(base, "a test") as workspace,
        ephemeral_server(workspace, major, search_path=os.defpath, jobs=2) as server,
    ):
        yield server


def copied(archive: Path, scratch: Scratch, recipe: Recipe) -> MadeCopy:
    """The copy, without anybody watching."""
    return make_copy(archive, scratch, recipe, limit(), NoProgress())


def rows(url: str, statement: str) -> Sequence[tuple[Any, ...]]:
    """What a statement gives."""
    with connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()
