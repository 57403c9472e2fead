"""Every audit: a defect is planted, found, mended, and gone; and what an audit cannot see is an error, never a pass."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pointsctl.errors import ContextMissingError, PermissionMissingError, UsageError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.audits import COLUMNS
from pointsctl.postgres.connection import connect
from tests.support.audit_defects import COUPON, DEFECTS_IN_CATALOGUE, NO_CHECK, OTHER, SINCE, USER, Defect, event
from tests.support.audit_defects_in_rows import ROWS
from tests.support.audits import audit, execute, keys
from tests.support.servers import Server

AUDITS = sqlfiles.names("audits")
DEFECTS = [*DEFECTS_IN_CATALOGUE, *ROWS]


@pytest.mark.parametrize("case", DEFECTS)
def test_defect_is_found_and_gone_once_mended(admin_url: str, database_url: str, case: Defect) -> None:
    parameters: dict[str, Any] = SINCE if case.audit == "cache-balance-since" else {}
    if case.audit != "event-rate":  # which fails on an empty table, as it should
        assert not keys(audit(database_url, case.audit, **parameters))
    try:
        execute(admin_url, f"SET ROLE {_planter(case)}", *case.plant)
        result = audit(database_url, case.audit, **parameters)
        assert keys(result) == case.found
        assert result.total == len(case.found)
        assert all(row.remedy and row.severity in {"critical", "major", "minor"} for row in result.rows)
    finally:
        execute(admin_url, *case.mend)  # roles outlive the test's database
    assert not keys(audit(database_url, case.audit, **parameters))


def _planter(case: Defect) -> str:
    # New tables get Supabase's default privileges only from `postgres`; catalogue rows and roles need the superuser.
    superuser = any(
        word in " ".join(case.plant)
        for word in ("pg_index", "ROLE", "WRAPPER", "pg_write_all_data", "pg_execute_server_program")
    )
    return "supabase_admin" if superuser else "postgres"


def test_every_audit_has_a_defect() -> None:
    assert {case.values[0].audit for case in DEFECTS} == set(AUDITS)


def test_audits_can_be_united(admin_url: str) -> None:
    parts: list[str] = []
    values: dict[str, Any] = {}
    for name in AUDITS:
        file = sqlfiles.load("audits", name)
        prefix = name.replace("-", "_")
        given = file.arguments(SINCE if "since" in file.parameters else {})
        parts.append("(" + re.sub(r"%\((\w+)\)s", rf"%({prefix}_\1)s", file.statement) + "\n)")
        values |= {f"{prefix}_{key}": value for key, value in given.items()}
    connection = connect(admin_url)
    cursor = connection.execute("\nUNION ALL\n".join(parts).encode(), values)
    assert cursor.description is not None
    assert tuple(column.name for column in cursor.description) == COLUMNS
    assert {column.type_code for column in cursor.description} == {25}, "every column is text"
    connection.close()


def test_unique_index_audits_are_one_idea() -> None:
    names = [name for name in AUDITS if name.endswith("unique-index")]
    statements = {sqlfiles.load("audits", name).statement.replace(name, "ID") for name in names}
    assert len(names) == 3
    assert len(statements) == 1


def test_total_is_exact_while_rows_are_bounded(admin_url: str, database_url: str) -> None:
    execute(admin_url, *(event(f"nonce-{n:04}", n, str(uuid.UUID(int=n))) for n in range(1, 31)))
    result = audit(database_url, "cache-balance", sample=3)
    assert (result.total, len(result.rows)) == (30, 3)
    assert [row.object for row in result.rows] == [f"user {uuid.UUID(int=n)}" for n in (30, 29, 28)], "worst first"
    assert result.note is not None
    assert result.note.detail == "30 of 30 users differ (100.000 %), by 465 points in total"


def test_incremental_balance_looks_only_at_users_with_changes(admin_url: str, database_url: str) -> None:
    execute(admin_url, "ALTER TABLE public.points_events DISABLE TRIGGER USER", event("nonce-0001"))
    execute(
        admin_url,
        "UPDATE public.points_events SET updated_at = now() - interval '2 hours'",
        event("nonce-0002", 4, OTHER),
    )
    since = datetime.now(UTC) - timedelta(hours=1)
    assert keys(audit(database_url, "cache-balance-since", since=since)) == {OTHER}
    assert keys(audit(database_url, "cache-balance-since", since=since - timedelta(hours=2))) == {OTHER, USER}


def test_accepted_objects_are_left_out_by_name(admin_url: str, database_url: str) -> None:
    execute(admin_url, "CREATE POLICY open ON public.coupon_templates FOR SELECT TO authenticated USING (true)")
    assert keys(audit(database_url, "rls-policies")) == {"public.coupon_templates.open:USING"}
    assert not keys(audit(database_url, "rls-policies", accepted=["public.coupon_templates.open"]))


def test_code_is_never_shown(admin_url: str, database_url: str) -> None:
    execute(admin_url, NO_CHECK, "ALTER TABLE public.coupons DROP CONSTRAINT coupons_code_hash_key",
            COUPON.format(id=USER, hash="'SUMMER-26'"), COUPON.format(id=OTHER, hash="'SUMMER-26'"))  # fmt: skip
    for name in ("coupon-duplicates", "coupon-digest"):
        result = audit(database_url, name)
        assert result.total
        assert "SUMMER" not in repr(result)


@pytest.fixture
def reader_url(server: Server, database: str, admin_url: str) -> Iterator[str]:
    """A role that may read every table, and is bound by row level security as anybody."""
    execute(admin_url, "CREATE ROLE auditor LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor")
    yield server.cluster.url(database, "auditor")
    execute(admin_url, "DROP OWNED BY auditor", "DROP ROLE auditor")


ABOUT_ROWS = [name for name in AUDITS if any("unfiltered" in one for one in sqlfiles.load("audits", name).requires)]


@pytest.mark.parametrize("name", ABOUT_ROWS)
def test_role_that_sees_only_some_rows_is_an_error(reader_url: str, name: str) -> None:
    with pytest.raises(ContextMissingError, match=r"row level security hides rows of public\.\w+.* from auditor"):
        audit(reader_url, name, **(SINCE if name == "cache-balance-since" else {}))


@pytest.mark.parametrize("name", ABOUT_ROWS)
def test_role_that_may_not_read_is_an_error(reader_url: str, admin_url: str, name: str) -> None:
    execute(admin_url, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM auditor")
    with pytest.raises(PermissionMissingError, match=r"auditor may not read public\."):
        audit(reader_url, name, **(SINCE if name == "cache-balance-since" else {}))


TOLERANT = {"expected-tables", "search-path", "security-definer", "exposed-relations", "client-privileges", "rls-policies",
            "invalid-indexes", "duplicate-indexes"}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(AUDITS) - TOLERANT))
def test_database_without_the_tables_is_an_error(empty_database_url: str, name: str) -> None:
    with pytest.raises(ContextMissingError, match=r"not in this database: (table|unfiltered|column) "):
        audit(empty_database_url, name, **(SINCE if name == "cache-balance-since" else {}))


@pytest.mark.parametrize("name", [n for n in AUDITS if "clients" in sqlfiles.load("audits", n).parameters])
def test_unknown_client_role_is_an_error(database_url: str, name: str) -> None:
    with pytest.raises(ContextMissingError, match="role nobody_such"):
        audit(database_url, name, clients=["anon", "nobody_such"])


@pytest.mark.parametrize("name", [n for n in AUDITS if "schemas" in sqlfiles.load("audits", n).parameters])
def test_unknown_schema_is_an_error(database_url: str, name: str) -> None:
    with pytest.raises(ContextMissingError, match="schema api"):
        audit(database_url, name, schemas=["public", "api"])


def test_name_without_a_schema_is_refused(database_url: str) -> None:
    with pytest.raises(UsageError, match="'coupons' is not a full name"):
        audit(database_url, "rls-enabled", tables=["coupons"])
