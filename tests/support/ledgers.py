"""Ledgers in the databases of tests, installed as an operator installs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.ledger import Draft, Kind, Row, chain_hash, read_record
from pointsctl.postgres.connection import Connection, connect
from pointsctl.workflow.install_ledger import Installation, Request, install_ledger

ADA = "ada@example.test"
NOWHERE = Path("/nonexistent/trust")
SEED = (
    "INSERT INTO migration_audit (migration_name, applied_by, environment, backup_taken, notes)"
    " VALUES ('20250725000001_points_and_coupons', 'ada@example.test', 'production', true, 'by hand')"
)
"""What the checklist has an operator type."""


def install(
    url: str,
    name: str = "staging",
    *,
    trust: Path = NOWHERE,
    protected: bool = False,
    adopt: bool = False,
    confirmed: list[str] | None = None,
) -> Installation:
    """Install and pin; the names that had to be confirmed are appended to `confirmed`."""
    environment = Environment(database_url=url, protected=protected)
    request = Request(name=name, environment=environment, trust=trust, tool="0", applied_by=ADA, adopt=adopt)
    names = [] if confirmed is None else confirmed
    return install_ledger(request, lambda wanted, ask: names.append(wanted) if ask else None)


@contextmanager
def installed(url: str, name: str = "staging") -> Iterator[Ledger]:
    """An installed and pinned ledger, open for the block."""
    install(url, name)
    with Ledger(url) as ledger:
        yield ledger


def draft(kind: Kind = Kind.RUN_FINISHED, environment: str = "staging", **data: object) -> Draft:
    """A record to append."""
    return Draft(kind, environment, ADA, data)


@contextmanager
def session(url: str) -> Iterator[Connection]:
    """A session as an operator's psql would have it, each statement by itself."""
    connection = connect(url, application_name="psql of a test")
    try:
        yield connection
    finally:
        connection.close()


def assert_chained(rows: list[Row]) -> None:
    """Every row follows the one before, without a gap, and can be read."""
    previous = "0" * 64
    for number, row in enumerate(rows, 1):
        assert (row.seq, row.previous_hash) == (number, previous)
        assert row.hash == chain_hash(row.previous_hash, row.body)
        assert row.consistent
        assert read_record(row).seq == row.seq
        previous = row.hash
