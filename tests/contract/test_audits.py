"""Every audit: a defect is planted, found, mended, and gone; and what an audit cannot see is an error, never a pass."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydantic
import pytest

from pointsctl.checks.sql_audit import SqlAudit
from pointsctl.errors import ContextMissingError, PermissionMissingError, PointsctlError, UsageError
from pointsctl.model.finding import Outcome
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.audits import COLUMNS
from pointsctl.postgres.connection import connect
from pointsctl.postgres.database import Database
from tests.contract.checks_contract import Case, CheckContract
from tests.support.audits import audit, execute, keys, opened
from tests.support.servers import Server
from tests.support.world import make_world

AUDITS = sqlfiles.names("audits")
SINCE = {"since": "2026-01-01T00:00:00Z"}
EVENT = (
    "INSERT INTO public.points_events (user_id, event_type, points_delta, validation_status, nonce, payload_hash,"
    " trust_score, validated_at) VALUES ('{user}', 'habit', {points}, 'validated', '{nonce}',"
    " encode(sha256('{nonce}'::bytea), 'hex'), 80, now())"
)
COUPON = (
    "INSERT INTO public.coupons (id, template_id, user_id, code_hash) VALUES ('{id}',"
    " '00000000-0000-4000-8000-000000000001', gen_random_uuid(), {hash})"
)
USER = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
COUPON_ID = "33333333-3333-4333-8333-333333333333"
NO_CHECK = "ALTER TABLE public.coupons DROP CONSTRAINT coupons_code_hash_check"


def _event(nonce: str, points: int = 5, user: str = USER) -> str:
    return EVENT.format(user=user, points=points, nonce=nonce)


@dataclass(frozen=True)
class Defect:
    """What plants a defect, what mends it, and the keys (without the audit's name) that must appear in between."""

    audit: str
    plant: tuple[str, ...]
    mend: tuple[str, ...]
    found: frozenset[str]


def defect(name: str, plant: str | tuple[str, ...], mend: str | tuple[str, ...], *found: str) -> Any:
    """A parameter set with a readable id."""
    plant = (plant,) if isinstance(plant, str) else plant
    mend = (mend,) if isinstance(mend, str) else mend
    return pytest.param(Defect(name, plant, mend, frozenset(found)), id=f"{name}-{len(plant[-1])}-{found[0][:40]}")


def _table(sql: str) -> tuple[str, ...]:
    return ("CREATE TABLE public.extra (id int, note text)", "REVOKE ALL ON public.extra FROM anon, authenticated", sql)


DROP_EXTRA = "DROP TABLE public.extra CASCADE"
SECURE_EXTRA = (
    "ALTER TABLE public.extra ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE public.extra FORCE ROW LEVEL SECURITY",
)
PARTITION = "public.fraud_insights_default"

RLS = [
    defect(
        "rls-enabled",
        "ALTER TABLE public.coupons DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE public.coupons ENABLE ROW LEVEL SECURITY",
        "public.coupons",
    ),
    defect(
        "rls-enabled",
        "ALTER TABLE public.coupons NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE public.coupons FORCE ROW LEVEL SECURITY",
        "public.coupons:force",
    ),
    defect("rls-enabled", _table("GRANT SELECT ON public.extra TO anon"), SECURE_EXTRA, "public.extra"),
    defect("rls-enabled", _table("GRANT INSERT ON public.extra TO authenticated"), DROP_EXTRA, "public.extra"),
    defect("rls-enabled", _table("GRANT TRUNCATE ON public.extra TO authenticated"), DROP_EXTRA, "public.extra"),
    defect("rls-enabled", _table("GRANT SELECT (note) ON public.extra TO anon"), DROP_EXTRA, "public.extra"),
    defect("rls-enabled", _table("GRANT SELECT ON public.extra TO PUBLIC"), DROP_EXTRA, "public.extra"),
    defect(
        "rls-enabled",
        (
            "CREATE TABLE public.extra (id int) PARTITION BY RANGE (id)",
            "REVOKE ALL ON public.extra FROM anon",
        ),
        "REVOKE ALL ON public.extra FROM authenticated",
        "public.extra",
    ),
    defect(
        "rls-partitions",
        f"ALTER TABLE {PARTITION} DISABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {PARTITION} ENABLE ROW LEVEL SECURITY",
        PARTITION,
    ),
    defect(
        "rls-partitions",
        f"ALTER TABLE {PARTITION} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {PARTITION} FORCE ROW LEVEL SECURITY",
        f"{PARTITION}:force",
    ),
    defect(
        "rls-partitions",
        (
            "CREATE TABLE public.far PARTITION OF public.fraud_insights FOR VALUES FROM ('2090-01-01') TO ('2091-01-01')"
            " PARTITION BY RANGE (created_at)",
            "ALTER TABLE public.far ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE public.far FORCE ROW LEVEL SECURITY",
            "CREATE TABLE public.deep PARTITION OF public.far DEFAULT",
            "REVOKE ALL ON public.deep, public.far FROM anon, authenticated",
        ),
        "DROP TABLE public.far",
        "public.deep",
    ),
    defect(
        "rls-partitions",
        (
            "CREATE TABLE public.extra (id int) PARTITION BY RANGE (id)",
            "CREATE TABLE public.extra_1 PARTITION OF public.extra DEFAULT",
            "REVOKE ALL ON public.extra, public.extra_1 FROM anon, authenticated",
            "GRANT DELETE ON public.extra_1 TO anon",
        ),
        "REVOKE ALL ON public.extra_1 FROM anon",
        "public.extra_1",
    ),
    defect(
        "rls-partitions",
        (
            "CREATE TABLE public.extra () INHERITS (public.coupons)",
            "REVOKE ALL ON public.extra FROM anon, authenticated",
        ),
        DROP_EXTRA,
        "public.extra",
    ),
    defect(
        "rls-policies",
        "CREATE POLICY open ON public.coupons FOR INSERT TO authenticated WITH CHECK (status = status)",
        "DROP POLICY open ON public.coupons",
        "public.coupons.open:WITH CHECK",
    ),
    defect(
        "rls-policies",
        "CREATE POLICY loose ON public.coupons FOR SELECT TO anon USING (user_id = auth.uid())",
        "ALTER POLICY loose ON public.coupons TO authenticated",
        "public.coupons.loose:TO",
    ),
    defect(
        "rls-policies",
        "CREATE POLICY loose ON public.coupons FOR SELECT USING (user_id = auth.uid())",
        "ALTER POLICY loose ON public.coupons TO authenticated",
        "public.coupons.loose:TO",
    ),
    defect(
        "rls-policies",
        (
            "CREATE ROLE probe_group NOLOGIN",
            "GRANT probe_group TO authenticated",
            "CREATE POLICY grouped ON public.coupons FOR SELECT TO probe_group USING (true)",
        ),
        ("DROP POLICY grouped ON public.coupons", "DROP ROLE probe_group"),
        "public.coupons.grouped:USING",
    ),
]

PRIVILEGES = [
    defect(
        "client-privileges",
        "GRANT INSERT, UPDATE ON public.coupons TO anon",
        "REVOKE INSERT, UPDATE ON public.coupons FROM anon",
        "anon:INSERT,UPDATE:public.coupons",
    ),
    defect(
        "client-privileges",
        "GRANT SELECT (code_hash) ON public.coupons TO authenticated",
        "REVOKE SELECT (code_hash) ON public.coupons FROM authenticated",
        "authenticated:SELECT:public.coupons(code_hash)",
    ),
    defect(
        "client-privileges",
        "GRANT TRUNCATE, REFERENCES, TRIGGER, MAINTAIN ON public.coupons TO authenticated",
        "REVOKE TRUNCATE, REFERENCES, TRIGGER, MAINTAIN ON public.coupons FROM authenticated",
        "authenticated:MAINTAIN,REFERENCES,TRIGGER,TRUNCATE:public.coupons",
    ),
    defect(
        "client-privileges",
        "GRANT DELETE ON public.coupons TO PUBLIC",
        "REVOKE DELETE ON public.coupons FROM PUBLIC",
        "anon:DELETE:public.coupons",
        "authenticated:DELETE:public.coupons",
    ),
    defect(
        "client-privileges",
        ("CREATE SEQUENCE public.counter", "REVOKE ALL ON SEQUENCE public.counter FROM anon"),
        "DROP SEQUENCE public.counter",
        "authenticated:SELECT,UPDATE,USAGE:public.counter",
    ),
    defect(
        "client-privileges",
        (
            "CREATE ROLE probe_group NOLOGIN",
            "GRANT probe_group TO anon",
            "GRANT UPDATE ON public.coupons TO probe_group",
        ),
        ("REVOKE UPDATE ON public.coupons FROM probe_group", "DROP ROLE probe_group"),
        "anon:UPDATE:public.coupons",
    ),
    defect(
        "client-privileges",
        "GRANT pg_write_all_data TO anon",
        "REVOKE pg_write_all_data FROM anon",
        "anon:MEMBER:pg_write_all_data",
    ),
    defect("client-privileges", "ALTER ROLE anon BYPASSRLS", "ALTER ROLE anon NOBYPASSRLS", "anon:MEMBER:anon"),
    defect(
        "client-privileges",
        "GRANT CREATE ON SCHEMA public TO authenticated",
        "REVOKE CREATE ON SCHEMA public FROM authenticated",
        "authenticated:CREATE:public",
    ),
    defect(
        "security-definer",
        ("CREATE VIEW public.totals AS SELECT count(*) FROM public.coupons", "REVOKE ALL ON public.totals FROM anon"),
        "ALTER VIEW public.totals SET (security_invoker = on)",
        "public.totals",
    ),
    defect(
        "security-definer",
        (
            "CREATE FUNCTION public.give(a int) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1'",
            "REVOKE EXECUTE ON FUNCTION public.give FROM anon, authenticated",
        ),
        "REVOKE EXECUTE ON FUNCTION public.give FROM PUBLIC",
        "public.give(integer)",
    ),
    defect(
        "search-path",
        "CREATE FUNCTION public.loose() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
        "ALTER FUNCTION public.loose SET search_path = ''",
        "public.loose()",
    ),
    defect(
        "exposed-relations",
        "CREATE MATERIALIZED VIEW public.everybody AS SELECT user_id FROM public.coupons",
        "REVOKE ALL ON public.everybody FROM anon, authenticated",
        "public.everybody",
    ),
    defect(
        "exposed-relations",
        (
            "CREATE FOREIGN DATA WRAPPER nothing",
            "CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing",
            "CREATE FOREIGN TABLE public.afar (id int) SERVER nowhere",
            "GRANT SELECT ON public.afar TO anon",
        ),
        "DROP FOREIGN TABLE public.afar",
        "public.afar",
    ),
]


def _unique(name: str, table: str, column: str) -> list[Any]:
    constraint = f"{table}_{column}_key"
    drop = f"ALTER TABLE public.{table} DROP CONSTRAINT {constraint}"
    restore = f"ALTER TABLE public.{table} ADD CONSTRAINT {constraint} UNIQUE ({column})"
    found = f"public.{table}.{column}"
    substitutes = {
        "nothing": "SELECT 1",
        "partial": f"CREATE UNIQUE INDEX weak ON public.{table} ({column}) WHERE user_id IS NOT NULL",
        "expression": f"CREATE UNIQUE INDEX weak ON public.{table} (lower({column}))",
        "wider": f"CREATE UNIQUE INDEX weak ON public.{table} ({column}, user_id)",
        "deferrable": f"ALTER TABLE public.{table} ADD CONSTRAINT weak UNIQUE ({column}) DEFERRABLE",
        "plain": f"CREATE INDEX weak ON public.{table} ({column})",
    }
    cases = [
        pytest.param(Defect(name, (drop, plant), (restore,), frozenset({found})), id=f"{name}-{way}")
        for way, plant in substitutes.items()
    ]
    invalid = f"UPDATE pg_index SET indisvalid = {{}} WHERE indexrelid = 'public.{constraint}'::regclass"
    cases.append(defect(name, invalid.format("false"), invalid.format("true"), found))
    nullable = f"ALTER TABLE public.{table} ALTER COLUMN {column} {{}} NOT NULL"
    cases.append(defect(name, nullable.format("DROP"), nullable.format("SET"), found))
    return cases


UNIQUE = [
    *_unique("coupon-unique-index", "coupons", "code_hash"),
    *_unique("nonce-unique-index", "points_events", "nonce"),
    *_unique("payload-hash-unique-index", "points_events", "payload_hash"),
]

CATALOGUE = [
    defect("expected-tables", "ALTER TABLE public.coupons RENAME TO gone", "ALTER TABLE public.gone RENAME TO coupons", "public.coupons"),
    defect(
        "expected-tables",
        ("ALTER TABLE public.coupons RENAME TO gone", "CREATE VIEW public.coupons AS SELECT * FROM public.gone"),
        ("DROP VIEW public.coupons", "ALTER TABLE public.gone RENAME TO coupons"),
        "public.coupons",
    ),
    defect(
        "invalid-indexes",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.coupons_user_issued_idx'::regclass",
        "REINDEX INDEX public.coupons_user_issued_idx",
        "public.coupons_user_issued_idx",
    ),
    defect(
        "invalid-indexes",
        ("CREATE TABLE public.extra (id int) PARTITION BY RANGE (id)", "CREATE TABLE public.extra_1 PARTITION OF public.extra DEFAULT",
         "CREATE INDEX halfway ON ONLY public.extra (id)"),
        "DROP INDEX public.halfway",
        "public.halfway",
    ),
    defect(
        "duplicate-indexes",
        "CREATE INDEX twin ON public.coupons (code_hash)",
        "DROP INDEX public.twin",
        "public.twin",
    ),
]  # fmt: skip

ROWS = [
    defect(
        "coupon-duplicates",
        (
            "ALTER TABLE public.coupons DROP CONSTRAINT coupons_code_hash_key",
            COUPON.format(id=COUPON_ID, hash="encode(sha256('twice'), 'hex')"),
            COUPON.format(id=USER, hash="encode(sha256('twice'), 'hex')"),
        ),
        f"DELETE FROM public.coupons WHERE id = '{USER}'",
        "523bea046894c7a2",
    ),
    defect(
        "coupon-plaintext",
        (
            "ALTER TABLE public.coupons DROP CONSTRAINT coupons_plaintext_code_check",
            COUPON.format(id=COUPON_ID, hash="encode(sha256('a'), 'hex')"),
            "UPDATE public.coupons SET plaintext_code = 'SUMMER-1'",
        ),
        "UPDATE public.coupons SET plaintext_code = NULL",
        COUPON_ID,
    ),
    *(
        defect(
            "coupon-digest",
            (NO_CHECK, "ALTER TABLE public.coupons ALTER COLUMN code_hash DROP NOT NULL", COUPON.format(id=COUPON_ID, hash=text)),
            "UPDATE public.coupons SET code_hash = encode(sha256('x'), 'hex')",
            COUPON_ID,
        )
        for text in (
            "'SUMMER-2026-XYZ'",
            "upper(encode(sha256('a'), 'hex'))",
            "encode(sha256('a'), 'hex') || '00'",
            "null",
            "lpad('4f3c2a19', 64, '0')",
            "repeat('abcdef01', 8)",
            "rpad(encode('SUMMER-2026', 'hex'), 64, '0')",
        )
    ),
    defect("cache-balance", _event("nonce-0001"), f"INSERT INTO public.user_points_cache VALUES ('{USER}', 5)", USER),
    defect(
        "cache-balance",
        (_event("nonce-0001"), f"INSERT INTO public.user_points_cache VALUES ('{USER}', 6)"),
        "UPDATE public.user_points_cache SET available_points = 5",
        USER,
    ),
    defect(
        "cache-balance",
        f"INSERT INTO public.user_points_cache VALUES ('{OTHER}', 3)",
        "UPDATE public.user_points_cache SET available_points = 0",
        OTHER,
    ),
    defect(
        "cache-balance",
        ("ALTER TABLE public.user_points_cache ALTER COLUMN available_points DROP NOT NULL",
         f"INSERT INTO public.user_points_cache VALUES ('{OTHER}', null)"),
        "UPDATE public.user_points_cache SET available_points = 0",
        OTHER,
    ),
    defect("cache-balance", (_event("nonce-0001"), _event("nonce-0002", -5)), f"INSERT INTO public.user_points_cache VALUES ('{USER}', 0)", USER),
    defect("cache-balance-since", _event("nonce-0001"), f"INSERT INTO public.user_points_cache VALUES ('{USER}', 5)", USER),
    defect(
        "cache-balance-since",
        f"INSERT INTO public.user_points_cache VALUES ('{OTHER}', 3)",
        "UPDATE public.user_points_cache SET available_points = 0",
        OTHER,
    ),
    defect(
        "worker-backlog",
        "INSERT INTO public.points_events (user_id, event_type, points_delta, nonce, payload_hash, created_at)"
        " SELECT gen_random_uuid(), 'habit', 1, 'nonce-' || n, encode(sha256(n::text::bytea), 'hex'), now() - interval '61 minutes'"
        " FROM generate_series(1001, 1100) AS n",
        "DELETE FROM public.points_events WHERE nonce = 'nonce-1001'",
        "public.points_events",
    ),
    defect(
        "event-rate",
        "UPDATE public.points_events SET created_at = now() - interval '61 minutes'",
        "INSERT INTO public.points_events (user_id, event_type, points_delta, nonce, payload_hash)"
        " VALUES (gen_random_uuid(), 'habit', 1, 'nonce-now', encode(sha256('n'), 'hex'))",
        "public.points_events",
    ),
]  # fmt: skip

DEFECTS = [*RLS, *PRIVILEGES, *UNIQUE, *CATALOGUE, *ROWS]


@pytest.mark.parametrize("case", DEFECTS)
def test_defect_is_found_and_gone_once_mended(admin_url: str, database_url: str, case: Defect) -> None:
    parameters = SINCE if case.audit == "cache-balance-since" else {}
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
    superuser = any(word in " ".join(case.plant) for word in ("pg_index", "ROLE", "WRAPPER", "pg_write_all_data"))
    return "supabase_admin" if superuser else "postgres"


def test_every_audit_has_a_defect() -> None:
    assert {case.values[0].audit for case in DEFECTS} == set(AUDITS)


ALWAYS_TRUE = """
true | (true) | 1=1 | 1 = 1 and true | 2 > 1 | 1 <> 2 | user_id = user_id | points_events.user_id = user_id
user_id::text = user_id::text | auth.role() = auth.role() | (auth.uid() is not null) or true | user_id = auth.uid() or true
true or user_id = auth.uid() | not false | not (not true) | null is null | coalesce(true, false)
coalesce(user_id = auth.uid(), true) | (select true) | user_id = (select user_id) | exists (select 1) | user_id in (user_id)
user_id = any (array[id, user_id]) | user_id is not null | not (user_id is null) | id is not distinct from id
case when true then true else false end | case when user_id = auth.uid() then true else true end
user_id = auth.uid() or not (user_id = auth.uid()) | nonce like '%' | validated_at is null or validated_at is not null
'x (y' = 'x (y' | (user_id = auth.uid() and false) or (1=1 and not false) | user_id = auth.uid() or points_delta >= points_delta
current_user = current_user | lower(nonce) = lower(nonce) | true is true | user_id between user_id and user_id | true = true
(select auth.uid()) = (select auth.uid()) | (metadata->>'a') = (metadata->>'a') | 1 in (1,2) | (user_id, id) = (user_id, id)
user_id = auth.uid() or 1 < 2 or trust_score > 5 | current_setting('a.b', true) = current_setting('a.b', true)
"""
SUSPICIOUS = """
auth.uid() is not null | (select auth.uid()) is not null | auth.role() = 'authenticated'
exists (select 1 from public.user_points_cache c where c.user_id = c.user_id and c.available_points > 0)
exists (select 1 from public.user_points_cache c where c.user_id = user_id)
user_id = auth.uid() and points_delta = points_delta and trust_score > 3
"""
SOUND = """
user_id = auth.uid() | user_id = (select auth.uid()) | (select auth.uid()) = user_id | user_id = auth.uid() and true
user_id = auth.uid() and 1=1 | validation_status = 'validated' | validation_status in ('validated','review') | false
user_id = auth.uid() or validation_status = 'review' | auth.uid() is not null and user_id = auth.uid() | not true | 1 = 2
exists (select 1 from public.user_points_cache c where c.user_id = points_events.user_id) | false or user_id = auth.uid()
coalesce(user_id = auth.uid(), false) | case when trust_score > 5 then true else false end | validated_at is not null
rejection_reason = 'x or true' | rejection_reason = '(true)' | rejection_reason = ') or (true' | rejection_reason like 'a%'
not (user_id <> auth.uid()) | points_delta > 0 | trust_score = 1 or trust_score = 2 | auth.jwt() ->> 'role' = 'admin'
(auth.jwt() -> 'app_metadata' ->> 'tenant') = (metadata ->> 'tenant') | user_id = auth.uid() and (select true)
case when validation_status = 'review' then user_id = auth.uid() else true end and user_id = auth.uid() | 'a' = 'b'
exists (select 1 from public.coupons c where c.event_id = id and c.user_id = auth.uid()) | user_id = auth.uid() and not false
(user_id = auth.uid()) is true | true and (false or user_id = auth.uid()) | current_setting('request.x', true) = 'y'
"""


def _expressions(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split(" | ")]


@pytest.fixture(scope="module")
def policies(server: Server) -> Iterator[Any]:
    """A connection in which each test makes a policy and rolls it back."""
    with server.database() as name:
        connection = connect(server.cluster.url(name), autocommit=False)
        connection.execute("SET search_path = pg_catalog, pg_temp")
        connection.commit()
        yield connection
        connection.close()


def _judge(connection: Any, expression: str, clause: str = "FOR SELECT TO authenticated USING") -> list[str]:
    file = sqlfiles.load("audits", "rls-policies")
    connection.execute(f"CREATE POLICY judged ON public.points_events {clause} ({expression})")
    rows = connection.execute(file.statement.encode(), file.arguments({})).fetchall()
    connection.rollback()
    return [row[1] for row in rows]


@pytest.mark.parametrize("expression", _expressions(ALWAYS_TRUE))
def test_policy_that_is_always_true_is_critical(policies: Any, expression: str) -> None:
    assert _judge(policies, expression) == ["critical"]
    assert _judge(policies, expression, "FOR INSERT TO authenticated WITH CHECK") == ["critical"]


@pytest.mark.parametrize("expression", _expressions(SUSPICIOUS))
def test_policy_that_is_nearly_always_true_is_reported(policies: Any, expression: str) -> None:
    assert _judge(policies, expression) == ["major"]


@pytest.mark.parametrize("expression", _expressions(SOUND))
def test_sound_policy_is_left_alone(policies: Any, expression: str) -> None:
    assert _judge(policies, expression) == []


@pytest.mark.parametrize(
    "clause", ["FOR SELECT TO service_role USING", "AS RESTRICTIVE FOR SELECT TO authenticated USING"]
)
def test_policy_that_opens_nothing_to_clients_is_left_alone(policies: Any, clause: str) -> None:
    assert _judge(policies, "true", clause) == []


def test_policy_nested_deeper_than_the_audit_looks_is_reported_not_passed(policies: Any) -> None:
    deep = "user_id = auth.uid()"
    for number in range(230):
        deep = f"(({deep} and trust_score = {number}) or points_delta > {number})"
    assert _judge(policies, deep) == ["major"]


def test_audits_can_be_united(admin_url: str) -> None:
    parts, values = [], {}
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
    execute(admin_url, *(_event(f"nonce-{n:04}", n, str(uuid.UUID(int=n))) for n in range(1, 31)))
    result = audit(database_url, "cache-balance", sample=3)
    assert (result.total, len(result.rows)) == (30, 3)
    assert [row.object for row in result.rows] == [f"user {uuid.UUID(int=n)}" for n in (30, 29, 28)], "worst first"
    assert result.note is not None
    assert result.note.detail == "30 of 30 users differ (100.000 %), by 465 points in total"


def test_incremental_balance_looks_only_at_users_with_changes(admin_url: str, database_url: str) -> None:
    execute(admin_url, "ALTER TABLE public.points_events DISABLE TRIGGER USER", _event("nonce-0001"))
    execute(
        admin_url,
        "UPDATE public.points_events SET updated_at = now() - interval '2 hours'",
        _event("nonce-0002", 4, OTHER),
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
    with pytest.raises(ContextMissingError, match="not in this database: (table|unfiltered|column) "):
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


class TestSqlAuditContract(CheckContract):
    kind = "sql_audit"

    @pytest.fixture
    def database_of(self, database_url: str) -> Iterator[Database]:
        with opened(database_url) as database:
            yield database

    @pytest.fixture
    def clean(self, tmp_path: Path, database_of: Database) -> Case:
        return Case({"audits": ["rls-enabled", "cache-balance"]}, make_world(tmp_path, database=lambda: database_of))

    @pytest.fixture
    def violating(self, tmp_path: Path, admin_url: str, database_of: Database) -> Case:
        execute(admin_url, "ALTER TABLE public.coupons DISABLE ROW LEVEL SECURITY")
        return Case({"audits": ["rls-enabled"], "sample": 1}, make_world(tmp_path, database=lambda: database_of))

    @pytest.fixture
    def broken(self, tmp_path: Path, empty_database_url: str) -> Iterator[Case]:
        with opened(empty_database_url) as database:
            yield Case({"audits": ["rls-enabled"]}, make_world(tmp_path, database=lambda: database))

    def test_failure_names_counts_object_and_remedy(self, violating: Case) -> None:
        observation = violating.look(self.kind)
        assert observation.summary == (
            "1 offending: 1 by rls-enabled; first public.coupons: row level security is off; clients hold a privilege on it"
        )
        assert observation.hint == "ALTER TABLE public.coupons ENABLE ROW LEVEL SECURITY;"
        (audited,) = observation.evidence["audits"]
        assert (audited["id"], audited["total"], len(audited["rows"])) == ("rls-enabled", 1, 1)
        assert tuple(audited["rows"][0]) == COLUMNS

    def test_pass_shows_the_line_about_the_whole(self, clean: Case) -> None:
        observation = clean.look(self.kind)
        assert observation.observed == "0 of 0 users differ (0.000 %), by 0 points in total"

    def test_one_bad_audit_is_enough(self, violating: Case) -> None:
        case = Case({"audits": ["coupon-digest", "rls-enabled", "event-rate"]}, violating.world)
        observation = case.look(self.kind)
        assert observation.outcome is Outcome.FAIL
        assert observation.summary.startswith("2 offending: 1 by rls-enabled, 1 by event-rate;")

    def test_one_audit_that_cannot_look_is_an_error_for_all(self, violating: Case) -> None:
        case = Case(
            {"audits": ["rls-enabled", "rls-policies"], "parameters": {"rls-policies": {"clients": ["ghost"]}}},
            violating.world,
        )
        with pytest.raises(PointsctlError, match="role ghost"):
            case.look(self.kind)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "audits"),
        ({"audits": []}, "at least 1"),
        ({"audits": ["rls-enable"]}, "did you mean 'rls-enabled'"),
        ({"audits": ["rls-enabled", "rls-enabled"]}, "each audit once"),
        ({"audits": ["../ledger"]}, "no file"),
        ({"audits": ["rls-enabled"], "parameters": {"cache-balance": {}}}, "none of this item's audits"),
        ({"audits": ["worker-backlog"], "parameters": {"worker-backlog": {"mx": 1}}}, "did you mean 'max'"),
        ({"audits": ["worker-backlog"], "parameters": {"worker-backlog": {"max": "1"}}}, "a whole number"),
        ({"audits": ["worker-backlog"], "parameters": {"worker-backlog": {"max": True}}}, "a whole number"),
        ({"audits": ["rls-enabled"], "parameters": {"rls-enabled": {"tables": "public.a"}}}, "a list of texts"),
        ({"audits": ["cache-balance-since"]}, "needs the parameter 'since'"),
        (
            {"audits": ["cache-balance-since"], "parameters": {"cache-balance-since": {"since": "2026-01-01"}}},
            "its zone",
        ),
        ({"audits": ["rls-enabled"], "sample": 0}, "greater than or equal to 1"),
    ],
)
def test_nonsense_is_refused_when_the_checklist_is_loaded(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        SqlAudit.model_validate(parameters)
