"""The table itself: what it makes of an insert, and what it refuses, whoever asks and however they ask."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Kind, chain_hash
from pointsctl.postgres.connection import Connection, connect
from tests.support.audits import execute, value
from tests.support.ledgers import SEED, assert_chained, install, installed, session

WRITERS = 50


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with installed(database_url) as opened:
        yield opened


@pytest.fixture
def psql(ledger: Ledger, database_url: str) -> Iterator[Connection]:
    with session(database_url) as connection:
        yield connection


def _insert(connection: Connection, **columns: object) -> tuple[object, ...]:
    names = ", ".join(columns)
    places = ", ".join(f"%({name})s" for name in columns)
    statement = f"INSERT INTO public.migration_audit ({names}) VALUES ({places}) RETURNING *"
    row = connection.execute(statement.encode(), columns).fetchone()
    assert row is not None
    return row


def test_insert_of_the_checklist_works_as_typed_and_is_chained(ledger: Ledger, psql: Connection) -> None:
    psql.execute(SEED.encode())
    record = ledger.last(Kind.MIGRATION_NOTED)
    assert record is not None
    assert (record.migration_name, record.applied_by, record.environment, record.backup_taken, record.notes) == (
        "20250725000001_points_and_coupons",
        "ada@example.test",
        "production",
        True,
        "by hand",
    )
    assert (record.role, record.data, record.signature) == ("postgres", {}, None)
    assert_chained(list(ledger.rows()))


def test_chain_is_checked_with_stock_tools_alone(ledger: Ledger, psql: Connection) -> None:
    psql.execute(SEED.encode())
    *_, row = ledger.rows()
    assert hashlib.sha256(f"{row.previous_hash}{row.body}".encode()).hexdigest() == row.hash
    assert rfc8785.dumps(json.loads(row.body)).decode() == row.body


def test_what_a_writer_says_about_the_chain_is_not_believed(ledger: Ledger, psql: Connection) -> None:
    given_by_writer = {
        "seq": 4711,
        "recorded_at": "2001-01-01",
        "role": "somebody",
        "previous_hash": "a" * 64,
        "hash": "b" * 64,
        "kind": "run.finished",
    }
    before = ledger.now()
    _insert(psql, **given_by_writer)
    *_, row = ledger.rows()
    record = ledger.last("run.finished")
    assert record is not None
    assert (record.role, record.seq) == ("postgres", 3)
    assert record.recorded_at >= before
    assert row.consistent
    assert_chained(list(ledger.rows()))


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@given(text=_TEXT)
def test_every_text_is_escaped_as_rfc_8785_says(server_psql: Connection, text: str) -> None:
    row = server_psql.execute("SELECT to_json(%s::text)::text", (text,)).fetchone()
    assert row == (rfc8785.dumps(text).decode(),)


@pytest.fixture
def server_psql(database_url: str) -> Iterator[Connection]:
    with session(database_url) as connection:
        yield connection


@pytest.mark.parametrize(
    "notes",
    ["\x01\x1f\x7f\x80\u2028\u2029", '\b\f\n\r\t"\\/', "😀\U0010ffff\ufeff", "'; DROP TABLE x; --", "${a} %s {}"],
)
def test_record_with_odd_text_is_canonical(ledger: Ledger, psql: Connection, notes: str) -> None:
    _insert(psql, notes=notes, applied_by=notes)
    *_, row = ledger.rows()
    assert rfc8785.dumps(json.loads(row.body)).decode() == row.body
    assert json.loads(row.body)["notes"] == notes
    assert row.consistent


UNCLEAR = [
    ("[]", "no JSON object"),
    ("1", "no JSON object"),
    ("null", "no JSON object"),
    ("", "no JSON object"),
    ("{", "no JSON object"),
    ("{} {}", "no JSON object"),
    ('{"a": NaN}', "no JSON object"),
    ('{"a": 1e999999}', "no JSON object"),
    ('{"a": [1, 1e309]}', "a number that no double holds"),
    ('{"a": -' + "9" * 5_000 + "}", "a number that no double holds"),
    ('{"a": "\\u0000"}', "no JSON object"),
    ('{"\\u0000": 1}', "no JSON object"),
    ('{"a": "\\ud800"}', "no JSON object"),
    ("[" * 100_000, "no JSON object"),
    ('{"a": 1, "a": 1}', "has a key twice"),
    ('{"a": 1, "\\u0061": 2}', "has a key twice"),
    ('{"x": [1, {"y": {"b": 1, "b": 2}}]}', "has a key twice"),
    ('{"a":' + "[" * 64 + "]" * 64 + "}", "nested more than 64 deep"),
    ('{"a": "' + "x" * (32 * 1024 * 1024) + '"}', "at most 33554432 are kept"),
]


def test_body_that_two_readers_could_read_differently_is_refused(ledger: Ledger, psql: Connection) -> None:
    head = ledger.head()
    for body, message in UNCLEAR:
        with pytest.raises(psycopg.errors.CheckViolation, match=message):
            _insert(psql, kind="run.finished", body=body)
    assert ledger.head() == head


def test_body_that_is_clear_is_kept(ledger: Ledger, psql: Connection) -> None:
    for body in (
        '{"a":' + "[" * 63 + "]" * 63 + "}",
        '{"a": {"a": [{"a": 1}, {"a": 1}]}}',
        " {} \n",
        '{"a": [1.7976931348623157e308, 1e-400]}',
    ):
        _insert(psql, kind="run.finished", body=body)
        record = ledger.last("run.finished")
        assert record is not None
        assert record.data == json.loads(body)
    assert_chained(list(ledger.rows()))


ABSURD: list[dict[str, object]] = [
    {"kind": "Run"},
    {"kind": "run finished"},
    {"kind": "x" * 61},
    {"environment": "x" * 61},
    {"applied_by": "x" * 201},
    {"notes": "x" * 10_001},
    {"signature": "x" * 65_537},
]


def test_columns_of_absurd_form_or_size_are_refused(psql: Connection) -> None:
    for columns in ABSURD:
        with pytest.raises(psycopg.errors.CheckViolation):
            _insert(psql, **columns)


CHANGES = [
    "UPDATE public.migration_audit SET notes = 'x'",
    "UPDATE public.migration_audit SET notes = 'x' WHERE false",
    "DELETE FROM public.migration_audit",
    "DELETE FROM public.migration_audit WHERE false",
    "TRUNCATE public.migration_audit",
    "INSERT INTO public.migration_audit (notes) VALUES ('x') ON CONFLICT (seq) DO UPDATE SET notes = 'x'",
    "MERGE INTO public.migration_audit AS m USING (SELECT 1 AS one) AS s ON m.seq = s.one WHEN MATCHED THEN DELETE",
]


@pytest.mark.parametrize("role", ["origin", "replica"])
def test_superuser_meets_the_same_triggers(ledger: Ledger, admin_url: str, role: str) -> None:
    before = list(ledger.rows())
    for statement in CHANGES:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is append-only"):
            execute(admin_url, f"SET session_replication_role = '{role}'", statement)
    assert list(ledger.rows()) == before


@pytest.mark.parametrize("role", ["postgres", "service_role", "authenticated", "anon"])
def test_everybody_else_has_not_even_the_privilege(psql: Connection, role: str) -> None:
    psql.execute(f"SET ROLE {role}".encode())
    for statement in CHANGES:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            psql.execute(statement.encode())


def test_service_role_inserts_and_reads(ledger: Ledger, psql: Connection) -> None:
    psql.execute(b"SET ROLE service_role")
    psql.execute(SEED.encode())
    assert psql.execute(b"SELECT count(*) FROM public.migration_audit").fetchone() == (3,)
    assert_chained(list(ledger.rows()))


def test_clients_may_nothing(psql: Connection) -> None:
    for role in ("anon", "authenticated"):
        psql.execute(f"SET ROLE {role}".encode())
        for statement in (SEED, "SELECT 1 FROM public.migration_audit"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                psql.execute(statement.encode())


def test_leaked_key_of_the_service_lays_no_foundation(ledger: Ledger, psql: Connection) -> None:
    head = ledger.head()
    psql.execute(b"SET ROLE service_role")
    for kind in ("ledger.installed", "environment.pinned", "policy.pinned", "run.finished", "of.a.later.version"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="may not append a record of the kind"):
            _insert(psql, kind=kind)
    assert ledger.head() == head


def test_temporary_objects_of_the_writer_mislead_nobody(ledger: Ledger, psql: Connection) -> None:
    psql.execute(b"CREATE TEMP TABLE migration_audit (seq bigint, hash text)")
    psql.execute(b"CREATE TYPE pg_temp.text AS (x integer)")
    psql.execute(b"CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'")
    psql.execute(b"SET search_path = pg_temp, public, pg_catalog")
    psql.execute(b"SET TimeZone = 'Asia/Tokyo'")
    psql.execute(b"SET DateStyle = 'SQL, DMY'")
    psql.execute(b"INSERT INTO public.migration_audit (notes) VALUES ('x')")
    assert_chained(list(ledger.rows()))


def test_records_of_one_statement_follow_each_other(ledger: Ledger, psql: Connection) -> None:
    psql.execute(b"INSERT INTO public.migration_audit (notes) SELECT 'number ' || n FROM generate_series(1, 20) AS n")
    rows = list(ledger.rows())
    assert len(rows) == 22
    assert_chained(rows)


def test_what_is_rolled_back_leaves_no_gap(ledger: Ledger, psql: Connection) -> None:
    with psql.transaction(force_rollback=True):
        psql.execute(SEED.encode())
    psql.execute(SEED.encode())
    assert_chained(list(ledger.rows()))


def _write(url: str, number: int, isolation: str) -> None:
    """Append one record, again and again until nobody else was faster."""
    connection = connect(url)
    try:
        while not _written(connection, number, isolation):
            connection.execute(b"ROLLBACK")
    finally:
        connection.close()


def _written(connection: Connection, number: int, isolation: str) -> bool:
    try:
        connection.execute(f"BEGIN ISOLATION LEVEL {isolation}".encode())
        connection.execute("INSERT INTO public.migration_audit (notes) VALUES (%s)", (str(number),))
        connection.execute(b"COMMIT")
    except psycopg.errors.SerializationFailure:
        return False
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name != "migration_audit_previous_hash_key":
            raise
        return False
    return True


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "SERIALIZABLE"])
def test_fifty_writers_at_once_make_one_chain(ledger: Ledger, database_url: str, isolation: str) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(_write, database_url, number, isolation) for number in range(WRITERS)]:
            done.result()
    rows = list(ledger.rows())
    assert_chained(rows)
    noted = {json.loads(row.body)["notes"] for row in rows if row.kind == "migration.noted"}
    assert noted == {str(number) for number in range(WRITERS)}


def test_fork_is_impossible_without_the_triggers(ledger: Ledger, admin_url: str) -> None:
    fork = (
        "INSERT INTO public.migration_audit SELECT seq + 10, recorded_at, kind, environment, migration_name, applied_by,"
        " backup_taken, notes, plan, run, item, role, body, previous_hash, repeat('a', 64), signature"
        " FROM public.migration_audit WHERE seq = 2"
    )
    with pytest.raises(psycopg.errors.UniqueViolation, match="previous_hash"):
        execute(admin_url, "ALTER TABLE public.migration_audit DISABLE TRIGGER USER", fork)


ALTERED = [
    "notes = 'other'",
    "applied_by = 'eve@example.test'",
    "environment = NULL",
    "backup_taken = NULL",
    "recorded_at = recorded_at + interval '1 microsecond'",
    "role = 'eve'",
    "plan = 'x'",
    "body = 'no json at all'",
    "body = ''",
    "body = left(body, -1)",
    "body = replace(body, '\"data\":{}', '\"data\":')",
    "kind = 'run.finished'",
    "seq = 1000",
]


def test_altered_rows_are_inconsistent_and_hide_no_other(ledger: Ledger, psql: Connection, admin_url: str) -> None:
    for _ in range(2 * len(ALTERED)):
        psql.execute(SEED.encode())
    # Every other one of the records that were typed.
    altered = {2 * number + 3: change for number, change in enumerate(ALTERED)}
    updates = (f"UPDATE public.migration_audit SET {change} WHERE seq = {seq}" for seq, change in altered.items())
    execute(admin_url, "ALTER TABLE public.migration_audit DISABLE TRIGGER USER", *updates)
    rows = list(ledger.rows())
    assert len(rows) == 2 + 2 * len(ALTERED)
    assert {row.seq for row in rows if not row.consistent} == {*list(altered)[:-1], 1000}


def test_chain_hash_of_the_database_is_ours(ledger: Ledger, database_url: str) -> None:
    install(database_url)
    for row in ledger.rows():
        assert value(database_url, f"SELECT hash FROM public.migration_audit WHERE seq = {row.seq}") == chain_hash(
            row.previous_hash, row.body
        )
