"""Whoever may only insert, as a key that leaked from a service, must not be able to stand in the way for ever: of a gate, of
`ledger verify`, of an export.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Kind, Record
from pointsctl.postgres.connection import Connection
from pointsctl.workflow.export_ledger import Export
from tests.support.ledgers import session
from tests.support.signed_ledgers import NAME, SignedLedger, verify_exported


@pytest.fixture
def ledger(database_url: str, tmp_path: Path) -> SignedLedger:
    return SignedLedger(tmp_path, database_url)


@pytest.fixture
def service(ledger: SignedLedger) -> Iterator[Connection]:
    """A session of the service's role."""
    with session(ledger.url) as connection:
        connection.execute(b"SET ROLE service_role")
        yield connection


def insert(service: Connection, **columns: object) -> None:
    names = ", ".join(columns)
    places = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO public.migration_audit ({names}) VALUES ({places})"
    service.execute(statement.encode(), tuple(columns.values()))


def insert_if_allowed(service: Connection, **columns: object) -> None:
    try:
        insert(service, **columns)
    except psycopg.errors.InsufficientPrivilege:
        return


ANCHOR = {"anchor": f"anchors/{NAME}/000000000003-abababababababab.json", "seq": 3, "hash": "ab" * 32}


def test_an_anchor_that_was_never_made_closes_nothing(ledger: SignedLedger, service: Connection) -> None:
    insert_if_allowed(service, kind="ledger.anchored", environment=NAME, body=json.dumps(ANCHOR))
    assert ledger.verify(store="").whole
    ledger.anchor()
    assert ledger.verify().whole


@pytest.mark.parametrize("kind", sorted(set(map(str, Kind)) - {"migration.noted"}))
def test_a_record_that_does_not_count_does_not_damage_the_ledger_for_ever(
    ledger: SignedLedger, service: Connection, kind: str
) -> None:
    insert_if_allowed(service, kind=kind, environment=NAME, applied_by="ada@example.test", signature="x")
    insert_if_allowed(service, kind=kind, environment=NAME, applied_by="ada@example.test")
    insert_if_allowed(service, environment=NAME, signature="x")
    insert(service, environment=NAME, notes="still possible")
    assert ledger.verify().whole


def test_the_largest_record_can_be_exported_and_verified(ledger: SignedLedger, service: Connection) -> None:
    insert(service, body='{"x":"' + '\\"' * 16_776_900 + '"}')
    with Ledger(ledger.url) as opened, (ledger.folder / "ledger.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(Export(opened).lines())
    verified = verify_exported(ledger.folder / "ledger.jsonl")
    assert (verified.whole, verified.records) == (True, 4)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" * 5000, "1e-400", "9" * 400])
def test_a_number_beyond_all_bounds_is_shown_as_json(ledger: SignedLedger, service: Connection, number: str) -> None:
    from pointsctl.workflow.read_ledger import one_record

    insert(service, body='{"x":%s}' % number)
    with Ledger(ledger.url) as opened:
        record = one_record(opened, 4).record
    assert record is None or isinstance(json.dumps(dict(record.data), allow_nan=False), str)
    assert ledger.verify().whole
