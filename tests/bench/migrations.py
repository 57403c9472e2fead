"""Looking at and applying migrations, against the Supabase CLI on the same server; and cutting a large file into statements."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from rich.console import Console

from pointsctl.model.sql_statements import split
from tests.bench.measure import Ratio, run, seconds, side_by_side
from tests.support import supabase_cli
from tests.support.migrations import NAME, MigrationProject
from tests.support.servers import Server, throw_away_server

HISTORY, TO_APPLY = 500, 200
_MIB = 1024 * 1024
_SMALL, _LARGE = 1, 50
_TURNS = 5


def migrations(out: Console) -> Iterator[Ratio]:
    """`migrate status`, `migrate apply` and the splitter; what is no ratio is printed to `out`."""
    with throw_away_server() as server, tempfile.TemporaryDirectory(prefix="pct-bench-", dir="/var/tmp") as name:
        yield _status(server, Path(name, "status"))
        yield _apply(server, Path(name, "apply"))
    yield _splitter(out)


def _status(server: Server, folder: Path) -> Ratio:
    with server.database("template0") as database:
        url = server.cluster.url(database)
        theirs, ours = _projects(folder, url, HISTORY)
        theirs.push(url)
        return side_by_side(
            f"migrate status / supabase migration list, {HISTORY} migrations",
            lambda: _ours(ours, "migrate", "status", "--env", NAME),
            lambda: _theirs(theirs, url, "migration", "list", theirs.target),
            target=0.5,
            turns=_TURNS,
        )


def _apply(server: Server, folder: Path) -> Ratio:
    pairs = [_applied(server, folder / str(turn)) for turn in range(3)]
    name = f"migrate apply / supabase db push --yes, {TO_APPLY} small migrations"
    return Ratio(name, tuple(ours for ours, _ in pairs), tuple(theirs for _, theirs in pairs), 0.5)


def _applied(server: Server, folder: Path) -> tuple[float, float]:
    """Seconds of each, into fresh databases of the same server."""
    with server.database("template0") as first, server.database("template0") as second:
        url = server.cluster.url(first)
        theirs, ours = _projects(folder, url, TO_APPLY)
        return (
            seconds(lambda: _ours(ours, "migrate", "apply", "--env", NAME, "--yes")),
            seconds(lambda: theirs.push(server.cluster.url(second))),
        )


def _projects(folder: Path, url: str, number: int) -> tuple[supabase_cli.Project, MigrationProject]:
    """One folder that both tools work in."""
    folder.mkdir(parents=True)
    theirs = supabase_cli.project(folder)
    for one in range(number):
        text = (
            f"create table t{one} (id bigint primary key, note text);\nalter table t{one} enable row level security;\n"
        )
        theirs.write(f"{20250101000000 + one}_table_{one}.sql", text)
    theirs.migrations.rename(folder / "files")
    project = MigrationProject(folder, url)
    project.migrations.rmdir()
    (folder / "files").rename(project.migrations)
    return theirs, project


def _ours(project: MigrationProject, *arguments: str) -> None:
    command = [str(Path(sys.executable).parent / "pointsctl"), *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DATABASE_URL": project.url, "CI": "1"}
    _well(run(command, cwd=str(project.folder), environment=environment).code, command)


def _theirs(project: supabase_cli.Project, url: str, *arguments: str) -> None:
    _well(project.run(*arguments, variables=supabase_cli.address(url)).returncode, arguments)


def _well(code: int, command: object) -> None:
    if code:
        raise SystemExit(f"{command} ended with {code}")


def _splitter(out: Console) -> Ratio:
    """The time for each MiB of a large file, against that of a small one."""
    small, large = (_script(size * _MIB) for size in (_SMALL, _LARGE))
    turns = count()

    def timed(content: bytes) -> Callable[[], object]:
        return lambda: (next(turns), split(content))

    pairs = [(seconds(timed(large)) / _LARGE, seconds(timed(small)) / _SMALL) for _ in range(3)]
    out.print(f"splitter: {_LARGE} MiB in {min(ours for ours, _ in pairs) * _LARGE:.1f} s")
    name = f"splitter, each MiB of {_LARGE} MiB / of {_SMALL} MiB"
    return Ratio(name, tuple(ours for ours, _ in pairs), tuple(theirs for _, theirs in pairs), 1.5)


def _script(size: int) -> bytes:
    one = b"insert into t values (1, 'a; b', $q$ it's; $q$); -- a note; of sorts\n"
    return one * (size // len(one))
