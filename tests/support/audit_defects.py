"""One defect or more for every audit: what plants it, what mends it, and the keys that must appear in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

SINCE: dict[str, Any] = {"since": "2026-01-01T00:00:00Z"}
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


def event(nonce: str, points: int = 5, user: str = USER) -> str:
    """The statement that inserts a validated event."""
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
            (
                "CREATE TABLE public.far PARTITION OF public.fraud_insights"
                " FOR VALUES FROM ('2090-01-01') TO ('2091-01-01') PARTITION BY RANGE (created_at)"
            ),
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
    defect(
        "client-privileges",
        "GRANT pg_execute_server_program TO anon",
        "REVOKE pg_execute_server_program FROM anon",
        "anon:MEMBER:pg_execute_server_program",
    ),
    defect(
        "client-privileges",
        "ALTER ROLE authenticated CREATEROLE",
        "ALTER ROLE authenticated NOCREATEROLE",
        "authenticated:MEMBER:authenticated",
    ),
    defect(
        "client-privileges",
        (
            "CREATE ROLE probe_owner NOLOGIN",
            "ALTER TABLE public.coupons OWNER TO probe_owner",
            "REVOKE ALL ON public.coupons FROM probe_owner",
            "GRANT probe_owner TO authenticated",
        ),
        (
            "ALTER TABLE public.coupons OWNER TO postgres",
            "GRANT ALL ON public.coupons TO postgres",
            "DROP ROLE probe_owner",
        ),
        "authenticated:OWNER:public.coupons",
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
    heirs = f"CREATE TABLE public.heirs () INHERITS (public.{table})"
    cases.append(defect(name, heirs, "DROP TABLE public.heirs", found))
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

DEFECTS_IN_CATALOGUE = [*RLS, *PRIVILEGES, *UNIQUE, *CATALOGUE]
