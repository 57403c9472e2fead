"""Whoever may only insert, as a key that leaked from a service, must not be able to stand in the way for ever: of a gate, of
`ledger verify`, of an export.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from pointsctl.errors import RefusedError
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Kind
from pointsctl.postgres.connection import Connection
from pointsctl.workflow.export_ledger import Export
from tests.support.audits import execute
from tests.support.ledgers import session
from tests.support.signed_ledgers import NAME, VARIABLES, SignedLedger, unguarded, verify_exported

LARGEST = 32 * 1024 * 1024
"""Bytes of a body."""


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
    with suppress(psycopg.errors.InsufficientPrivilege):
        insert(service, **columns)


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


def exported(ledger: SignedLedger) -> Path:
    path = ledger.folder / "ledger.jsonl"
    with Ledger(ledger.url) as opened, path.open("w", encoding="utf-8") as file:
        file.writelines(Export(opened).lines())
    return path


def test_the_largest_record_can_be_exported_and_verified(ledger: SignedLedger) -> None:
    with session(ledger.url) as operator:
        insert(operator, body='{"x":""}', notes='"' * 10_000)
        found = operator.execute(b"SELECT octet_length(body) FROM public.migration_audit WHERE seq = 4").fetchone()
        assert found is not None
        insert(operator, body='{"x":"' + '\\"' * ((LARGEST - found[0]) // 2) + '"}', notes='"' * 10_000)
    verified = verify_exported(exported(ledger))
    assert (verified.whole, verified.records) == (True, 5)


def test_a_note_that_fills_the_memory_of_every_reader_is_refused(ledger: SignedLedger, service: Connection) -> None:
    insert(service, body='{"x":[' + "[]," * 349_000 + "1]}")
    with pytest.raises(psycopg.errors.CheckViolation, match="at most 1048576 are kept"):
        insert(service, body='{"x":[' + "[]," * 350_000 + "1]}")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" * 5_000, "1e-400", "0." + "1" * 5_000])
def test_a_number_beyond_all_bounds_spoils_no_export(ledger: SignedLedger, service: Connection, number: str) -> None:
    with suppress(psycopg.errors.CheckViolation):
        insert(service, body=f'{{"x":{number}}}')
    assert ledger.verify().whole
    assert verify_exported(exported(ledger)).whole


def test_records_that_do_not_count_hide_no_damage(ledger: SignedLedger, admin_url: str) -> None:
    junk = (
        "INSERT INTO public.migration_audit (kind, notes) SELECT CASE n % 2 WHEN 0 THEN 'item.attested' END, 'number ' || n"
        " FROM generate_series(1, 2010) AS n"
    )
    execute(ledger.url, junk)
    with Ledger(ledger.url) as opened:
        assert read_history(opened, VARIABLES).head.seq == 2013
        with unguarded(admin_url) as superuser:
            superuser.execute("UPDATE public.migration_audit SET body = replace(body, 'number', 'x') WHERE seq = 2012")
        with pytest.raises(RefusedError, match="record 2012 altered"):
            read_history(opened, VARIABLES)
