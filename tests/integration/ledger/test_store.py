"""The ledger as the program uses it: what is appended comes back, waiting ends with a name, reading is one snapshot."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from pointsctl.errors import (
    ConnectionLostError,
    ContextMissingError,
    PermissionMissingError,
    RefusedError,
    TookTooLongError,
    UsageError,
)
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import EMPTY, Draft, Head, Kind
from tests.support.audits import execute
from tests.support.ledgers import ADA, SEED, assert_chained, draft, installed, session


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with installed(database_url) as opened:
        yield opened


def test_appended_record_comes_back_as_it_was_sent(ledger: Ledger) -> None:
    sent = Draft(
        Kind.MIGRATION_NOTED,
        "staging",
        ADA,
        {"a": [1, 2.5, None, "é😀"], "b": {}},
        plan="p" * 64,
        run="01J",
        item="data.balance",
        migration_name="2025_x",
        backup_taken=False,
        notes="line\nline",
        signature="-----BEGIN SSH SIGNATURE-----",
    )
    record = ledger.append(sent)
    for name in ("kind", "environment", "applied_by", "plan", "run", "item", "migration_name", "backup_taken", "notes"):
        assert getattr(record, name) == getattr(sent, name)
    assert (record.data, record.signature) == (sent.data, sent.signature)
    assert ledger.head() == record.head
    assert ledger.hash_at(record.seq) == record.hash
    assert ledger.hash_at(record.seq + 1) is None
    assert ledger.last(Kind.MIGRATION_NOTED) == record
    row = ledger.row(record.seq)
    assert row is not None
    assert (row.hash, row.consistent) == (record.hash, True)


def test_empty_ledger_has_the_empty_head(ledger: Ledger, admin_url: str) -> None:
    execute(admin_url, "ALTER TABLE public.migration_audit DISABLE TRIGGER USER", "DELETE FROM public.migration_audit")
    assert ledger.head() == EMPTY
    assert list(ledger.rows()) == []
    assert ledger.pin() is None


def test_rows_start_after_a_head_and_come_by_kind(ledger: Ledger) -> None:
    for number in range(3):
        ledger.append(draft(number=number))
    assert [row.seq for row in ledger.rows(Head(3, ""))] == [4, 5]
    assert [row.seq for row in ledger.rows(until=2)] == [1, 2]
    assert [row.seq for row in ledger.rows(kinds=[Kind.RUN_FINISHED])] == [3, 4, 5]


def test_rows_are_one_snapshot_while_others_append(ledger: Ledger) -> None:
    rows = ledger.rows()
    first = next(rows)
    ledger.append(draft())
    assert [first.seq, *(row.seq for row in rows)] == [1, 2]


def test_reading_may_end_early(ledger: Ledger) -> None:
    for _ in range(20):
        rows = ledger.rows()
        next(rows)
        rows.close()  # type: ignore[attr-defined]  # a generator's
    assert ledger.head().seq == 2


def test_memory_holds_one_row_at_a_time(ledger: Ledger) -> None:
    size, count = 1_000_000, 30
    for _ in range(count):
        ledger.append(draft(text="x" * size))
    tracemalloc.start()
    assert sum(len(row.body) for row in ledger.rows()) > size * count
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * size


def test_append_ignores_the_isolation_that_a_role_has_by_default(ledger: Ledger, database_url: str) -> None:
    with session(database_url) as psql:
        psql.execute(
            b"ALTER ROLE postgres IN DATABASE " + psql.info.dbname.encode() + b" SET default_transaction_read_only = on"
        )
        psql.execute(
            b"ALTER ROLE postgres IN DATABASE "
            + psql.info.dbname.encode()
            + b" SET default_transaction_isolation = 'serializable'"
        )
    with Ledger(database_url) as other:
        other.append(draft())
    assert ledger.head().seq == 3


def test_whoever_holds_the_lock_is_named(ledger: Ledger, database_url: str) -> None:
    with session(database_url) as psql, Ledger(database_url, lock_timeout_ms=50) as waiting:
        psql.execute(b"BEGIN")
        psql.execute(SEED.encode())
        with pytest.raises(TookTooLongError) as waited:
            waiting.append(draft())
        pid = psql.info.backend_pid
        assert (
            f"process {pid} (psql of a test), which holds the ledger in a transaction since 20" in waited.value.message
        )
        assert str(pid) in waited.value.hint
        psql.execute(b"COMMIT")
        assert waiting.append(draft()).seq == 4


def test_everything_of_a_transaction_is_stored_or_nothing(ledger: Ledger) -> None:

    def append_and_fail() -> None:
        with ledger.transaction("trying"):
            ledger.append(draft())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        append_and_fail()
    assert ledger.head().seq == 2
    with ledger.transaction("trying"):
        assert [ledger.append(draft()).seq, ledger.append(draft()).seq] == [3, 4]
    assert_chained(list(ledger.rows()))


@pytest.mark.parametrize("notes", ["a\0b", "\ud800"])
def test_text_that_no_database_keeps_is_refused_before_it_is_sent(ledger: Ledger, notes: str) -> None:
    with pytest.raises(UsageError, match="the record's notes"):
        ledger.append(Draft(Kind.MIGRATION_NOTED, "staging", ADA, {}, notes=notes))
    assert ledger.head().seq == 2


REPLACED = """
CREATE OR REPLACE FUNCTION public.migration_audit_append() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
begin
    new.seq := 3; new.recorded_at := now(); new.role := 'x'; new.previous_hash := repeat('1', 64);
    new.body := '{"applied_by":"eve","backup_taken":null,"data":{},"environment":"staging","format":1,"item":null,'
        '"kind":"run.finished","migration_name":null,"notes":null,"plan":null,"recorded_at":"2026-01-01T00:00:00Z",'
        '"role":"x","run":null,"seq":3}';
    new.hash := encode(sha256(convert_to(new.previous_hash || new.body, 'UTF8')), 'hex');
    return new;
end $$
"""


def test_trigger_that_stores_something_else_is_noticed_and_nothing_is_kept(ledger: Ledger, admin_url: str) -> None:
    execute(admin_url, REPLACED)
    with pytest.raises(RefusedError, match="stored something else"):
        ledger.append(draft(a=1))
    assert ledger.head().seq == 2


def test_role_that_sees_a_part_is_refused(ledger: Ledger, admin_url: str, database: str) -> None:
    role = f"reader_{database}"
    execute(admin_url, f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON public.migration_audit TO {role}")
    try:
        with Ledger(admin_url.replace("supabase_admin", role)) as reader:
            assert list(reader.rows()) == []
            with pytest.raises(PermissionMissingError, match="does not see every record"):
                reader.require_all_visible()
    finally:
        execute(admin_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    ledger.require_all_visible()


def test_no_ledger_is_said_and_not_an_empty_one(empty_database_url: str) -> None:
    with Ledger(empty_database_url) as ledger:
        assert not ledger.exists()
        with pytest.raises(ContextMissingError):
            ledger.head()
        with pytest.raises(ContextMissingError):
            list(ledger.rows())
        with pytest.raises(ContextMissingError):
            ledger.append(draft())


def test_ended_session_is_an_error_of_ours(ledger: Ledger, admin_url: str) -> None:
    execute(
        admin_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'pointsctl' AND pid <> pg_backend_pid()",
    )
    with pytest.raises(ConnectionLostError):
        ledger.append(draft())


def test_clock_is_that_of_the_database(ledger: Ledger) -> None:
    first, second = ledger.now(), ledger.now()
    assert first.tzinfo is not None
    assert first < second
    assert ledger.append(draft()).recorded_at > second
