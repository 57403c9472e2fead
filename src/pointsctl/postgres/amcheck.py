"""Compares every B-tree index of a copy with its table, and every table with itself, by pg_amcheck."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from pointsctl.errors import CouldNotLookError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.proof import Difference, Differs
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.client_environment import CONNECTION, client_environment
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import translated
from pointsctl.process import Finished, run

STAGE = "amcheck"
PROGRAM = "pg_amcheck"
_SCHEMA = "pointsctl_amcheck"
_CORRUPT = 2  # what pg_amcheck ends with when it has looked and found damage
_SHOWN = 300
# An event trigger that came back with the copy may refuse every change of it, or make others. Before 17, those that are
# declared ALWAYS cannot be kept from it.
_QUIET = """
SELECT pg_catalog.set_config(name, value, false)
FROM (VALUES ('event_triggers', 'off'), ('session_replication_role', 'replica')) AS quiet (name, value)
JOIN pg_catalog.pg_settings USING (name)
WHERE pg_catalog.has_parameter_privilege(name, 'SET')
"""
_HEAD = re.compile(r'^(btree index|heap table) "(.*)"(?:, (block .*))?:$')
_EXPECTED = {"btree index": "every row of its table, in order", "heap table": "whole rows"}
_KIND = {"btree index": "index", "heap table": "table"}


@dataclass(frozen=True)
class Amcheck:
    """What was looked at: B-tree indexes with an entry for every row of their tables, tables (TOAST and the system's among
    both), and what is damaged; `other_indexes` are of kinds that pg_amcheck does not know (GIN, GiST, hash, BRIN).
    """

    indexes: int
    tables: int
    other_indexes: int
    differences: tuple[Difference, ...]


def check_indexes(
    url: str,
    program: Path | None,
    *,
    folder: Path,
    search_path: str,
    jobs: int,
    cancellation: Cancellation,
    progress: Progress,
) -> Amcheck | str:
    """Look at all of the copy at `url` with `jobs` connections, or say why nobody can (`the server has no amcheck`).

    `program` is a pg_amcheck, None where there is none; `folder` is private, for the login. Adds the extension and takes it
    away again, so the catalogue is compared before or after, not meanwhile. Raises CouldNotLookError and the errors of
    programs and connections.
    """
    if program is None or not program.is_file():
        return f"no {PROGRAM} was found here"
    with connect(url) as connection:
        if not _available(connection):
            return "the server has no extension amcheck"
        with (
            _extension(connection),
            tempfile.TemporaryDirectory(prefix="amcheck-", dir=folder) as name,
            client_environment(connection, Path(name), search_path) as environment,
        ):
            indexes, tables, others = _counts(connection)
            progress.begin(STAGE, Unit.THINGS, indexes + tables)
            # Whoever checks parents too (--parent-check, --rootdescend) pays twice for what a fresh build cannot get wrong.
            argv = [str(program), "--heapallindexed", "--no-password", f"--jobs={jobs}", CONNECTION]
            finished = run(argv, directory=Path(name), environment=environment, cancellation=cancellation)
            differences = _differences(finished, connection.info.dbname)
            progress.move(STAGE, indexes + tables)
            progress.end(STAGE)
    return Amcheck(indexes, tables, others, differences)


def _available(connection: Connection) -> bool:
    with translated("looking for the extension amcheck"):
        statement = "SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck'"
        return connection.execute(statement).fetchone() is not None


@contextmanager
def _extension(connection: Connection) -> Iterator[None]:
    """The extension during the block, in a schema of its own; one that the copy has already is used and stays."""
    statement = "SELECT FROM pg_catalog.pg_extension WHERE extname = 'amcheck'"
    with translated("adding the extension amcheck to the copy"):
        there = connection.execute(statement).fetchone() is not None
        if not there:
            schema = sql.Identifier(_SCHEMA)
            connection.execute(_QUIET.encode())
            connection.execute(sql.SQL("create schema {}").format(schema))
            connection.execute(sql.SQL("create extension amcheck schema {}").format(schema))
    try:
        yield
    finally:
        if not there:
            with translated("taking the extension amcheck away again"):
                connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(_SCHEMA)))


def _counts(connection: Connection) -> tuple[int, int, int]:
    with translated("counting the indexes of the copy"):
        row = connection.execute(sqlfiles.load("backup", "checked-relations").statement.encode(), {}).fetchone()
    if row is None:
        raise AssertionError("a count gives one row")
    return row[0], row[1], row[2]


def _differences(finished: Finished, database: str) -> tuple[Difference, ...]:
    """What pg_amcheck found. Raises CouldNotLookError when it did not look at everything."""
    found = tuple(_damage(finished.stdout.head.decode("utf-8", "replace"), database))
    if finished.exit_code == 0 and not found:
        return ()
    if finished.exit_code == _CORRUPT and found:
        return found
    said = (finished.stderr.tail or finished.stdout.tail).decode("utf-8", "replace")
    message = f"{PROGRAM} ended with {finished.exit_code}, expected 0: {plain(' | '.join(said.split(chr(10))), _SHOWN)}"
    raise CouldNotLookError(message, hint="see what it says, and the log of the copy's server")


def _damage(said: str, database: str) -> Iterator[Difference]:
    lines = said.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        head = _HEAD.match(line)
        if head:
            name = head[2].removeprefix(f"{database}.")
            place = f"{head[3]}: " if head[3] else ""
            words = following.strip().removeprefix("ERROR:").strip()
            what = f"{_KIND[head[1]]} {plain(name, _SHOWN)}"
            yield Difference(Differs.CORRUPT, what, _EXPECTED[head[1]], plain(f"{place}{words}", _SHOWN))
