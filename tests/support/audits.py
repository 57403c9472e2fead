"""Runs audits and probes against a database for tests, each time in a snapshot of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pointsctl.checks.sql_probe import SqlProbe
from pointsctl.model.finding import Observation
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.audits import AuditResult, run_audit
from pointsctl.postgres.connection import connect
from pointsctl.postgres.database import Database
from tests.support.world import Switch, make_world


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A database that is closed after the block."""
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def execute(url: str, *statements: str) -> None:
    """Run statements, each committed by itself."""
    connection = connect(url)
    try:
        for statement in statements:
            connection.execute(statement.encode())
    finally:
        connection.close()


def value(url: str, query: str) -> Any:
    """The first column of the first row."""
    connection = connect(url)
    try:
        row = connection.execute(query.encode()).fetchone()
    finally:
        connection.close()
    assert row is not None
    return row[0]


def audit(url: str, name: str, sample: int = 50, **parameters: Any) -> AuditResult:
    """One audit with its defaults, or the given parameters."""
    file = sqlfiles.load("audits", name)
    with opened(url) as database, database.reader(Switch()) as connection:
        return run_audit(connection, file, file.arguments(parameters), sample)


def keys(result: AuditResult) -> set[str]:
    """The keys of the offending rows, without the audit's name in front."""
    return {row.key.removeprefix(f"{result.file.id}:") for row in result.rows}


def probe(url: str, *names: str, tables: tuple[str, ...] = ()) -> Observation:
    """What probes see."""
    with opened(url) as database:
        return SqlProbe(probes=names, tables=tables).look(make_world(Path("/"), database=lambda: database))


def probe_keys(observation: Observation) -> set[str]:
    """The keys of the attempts that went otherwise than expected."""
    return {row["key"] for row in observation.evidence["rows"]}
