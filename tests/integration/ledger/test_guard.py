"""Who may change the ledger: neither the role that installed it nor, under the guard, its owner; what is not so is said."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pointsctl.ledger.condition import Condition
from pointsctl.ledger.store import Ledger
from tests.support.audits import execute
from tests.support.ledgers import install, installed, session

LATER = (
    "CREATE TRIGGER later BEFORE INSERT ON public.migration_audit FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with installed(database_url) as opened:
        yield opened


OWNERSHIP = [
    "ALTER TABLE public.migration_audit DISABLE TRIGGER ALL",
    "ALTER TABLE public.migration_audit DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE public.migration_audit DROP CONSTRAINT migration_audit_previous_hash_key",
    "ALTER TABLE public.migration_audit RENAME TO other",
    "ALTER TABLE public.migration_audit OWNER TO postgres",
    "CREATE OR REPLACE FUNCTION public.migration_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'begin return null; end'",
    "ALTER FUNCTION public.migration_audit_append() RENAME TO other",
    "DROP TRIGGER migration_audit_refuse ON public.migration_audit",
    "DROP POLICY migration_audit_read ON public.migration_audit",
    "ALTER POLICY migration_audit_read ON public.migration_audit USING (false)",
    "CREATE POLICY more ON public.migration_audit AS RESTRICTIVE FOR SELECT USING (false)",
    "CREATE RULE quiet AS ON INSERT TO public.migration_audit DO INSTEAD NOTHING",
    "CREATE TABLE public.more () INHERITS (public.migration_audit)",
    "COMMENT ON TABLE public.migration_audit IS 'x'",
    LATER,
    "CREATE UNIQUE INDEX more ON public.migration_audit (kind)",
]


def test_installing_role_is_no_longer_the_owner(ledger: Ledger, database_url: str) -> None:
    for statement in OWNERSHIP:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            execute(database_url, statement)
    assert ledger.state().condition is Condition.READY


def test_guard_refuses_the_owner_too(database_url: str, admin_url: str) -> None:
    done = install(admin_url)
    assert [one.in_place for one in done.protections] == [True] * 5
    drops = ("DROP TABLE public.migration_audit", "DROP FUNCTION public.migration_audit_append CASCADE")
    with session(admin_url) as admin:
        admin.execute(b"GRANT USAGE, CREATE ON SCHEMA public TO pointsctl_ledger")
        admin.execute(b"SET SESSION AUTHORIZATION pointsctl_ledger")
        for statement in (*OWNERSHIP, *drops):
            with pytest.raises(
                psycopg.errors.InsufficientPrivilege,
                match=r"is kept as it is|must be able to SET ROLE|permission denied",
            ):
                admin.execute(statement.encode())
    with Ledger(database_url) as ledger:
        assert ledger.state().condition is Condition.READY
        assert ledger.access().guarded


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE public.migration_audit",
        "DROP SCHEMA public CASCADE",
        "DROP EVENT TRIGGER migration_audit_guard_drop",
        "ALTER EVENT TRIGGER migration_audit_guard_change DISABLE",
        "DROP SCHEMA pointsctl_guard CASCADE",
        "CREATE OR REPLACE FUNCTION pointsctl_guard.migration_audit_guard() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end'",
    ],
)
def test_guard_refuses_the_owner_of_the_schema_and_lets_superusers_pass(
    database_url: str, admin_url: str, statement: str
) -> None:
    install(admin_url)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(database_url, statement)
    with Ledger(database_url) as ledger:
        assert ledger.access().guarded
    execute(admin_url, statement)


def test_guard_is_in_nobodys_way(admin_url: str, database_url: str) -> None:
    install(admin_url)
    execute(
        database_url,
        "CREATE TABLE public.other (a integer)",
        "ALTER TABLE public.other ADD COLUMN b text",
        "CREATE FUNCTION public.other() RETURNS integer LANGUAGE sql SET search_path = '' AS 'SELECT 1'",
        "CREATE INDEX ON public.other (a)",
        "DROP FUNCTION public.other()",
        "DROP TABLE public.other",
        "SET ROLE anon",
        "CREATE TEMP TABLE migration_audit (a integer)",
        "ALTER TABLE pg_temp.migration_audit ADD COLUMN b integer",
        "DROP TABLE pg_temp.migration_audit",
    )


@pytest.mark.parametrize(
    "change",
    ["ALTER EVENT TRIGGER migration_audit_guard_drop DISABLE", "DROP EVENT TRIGGER migration_audit_guard_change"],
)
def test_guard_that_is_gone_is_said_and_installed_again(admin_url: str, database_url: str, change: str) -> None:
    install(admin_url)
    execute(admin_url, change)
    by_operator = install(database_url)
    assert (by_operator.done, by_operator.protections[-1].in_place) == ((), False)
    by_superuser = install(admin_url)
    assert (len(by_superuser.done), by_superuser.protections[-1].in_place) == (1, True)


@pytest.mark.parametrize(
    ("change", "undo", "detail"),
    [
        ("GRANT pointsctl_ledger TO {role}", "REVOKE pointsctl_ledger FROM {role}", "members of pointsctl_ledger"),
        (
            "ALTER ROLE pointsctl_ledger LOGIN",
            "ALTER ROLE pointsctl_ledger NOLOGIN",
            "pointsctl_ledger owns it and can",
        ),
    ],
)
def test_owner_that_somebody_can_act_as_is_said(
    ledger: Ledger, admin_url: str, database_url: str, database: str, change: str, undo: str, detail: str
) -> None:
    role = f"member_{database}"
    execute(admin_url, f"CREATE ROLE {role} LOGIN", change.format(role=role))
    try:
        owner = install(database_url).protections[3]
    finally:
        execute(admin_url, undo.format(role=role), f"DROP ROLE {role}")
    assert not owner.in_place
    assert detail in owner.detail
