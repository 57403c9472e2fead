"""What is not the ledger that was installed: somebody else's table, a newer one, a damaged one; each is named, none is used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pointsctl.errors import RefusedError
from pointsctl.ledger.condition import Condition, state_of
from pointsctl.ledger.store import Ledger
from tests.support.audits import execute, value
from tests.support.ledgers import install, installed, session


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with installed(database_url) as opened:
        yield opened


FOREIGN = (
    "CREATE TABLE public.migration_audit (id serial PRIMARY KEY, migration_name text, applied_by text, notes integer)"
)


def test_foreign_table_is_refused_with_what_differs_and_left_alone(database_url: str) -> None:
    execute(database_url, FOREIGN, "INSERT INTO public.migration_audit (notes) VALUES (7)")
    with pytest.raises(RefusedError) as refused:
        install(database_url)
    for part in (
        "is not pointsctl's ledger",
        "comment is missing",
        "column seq is missing",
        "column id is unexpected",
        "column notes: found integer, expected text",
        "constraint migration_audit_previous_hash_key is missing",
        "trigger migration_audit_append is missing",
    ):
        assert part in refused.value.message
    assert value(database_url, "SELECT notes FROM public.migration_audit") == 7
    for statement in ("CREATE SCHEMA kept", "ALTER TABLE public.migration_audit SET SCHEMA kept"):
        assert statement in refused.value.hint
        execute(database_url, statement)
    assert install(database_url).head.seq == 2


@pytest.mark.parametrize(
    "made",
    [
        "CREATE VIEW public.migration_audit AS SELECT 1 AS seq",
        "CREATE FUNCTION public.migration_audit_append() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'",
        "CREATE SEQUENCE public.migration_audit",
    ],
)
def test_anything_else_of_our_names_is_refused(database_url: str, made: str) -> None:
    execute(database_url, made)
    with pytest.raises(RefusedError, match="is not pointsctl's ledger"):
        install(database_url)


def test_newer_ledger_is_refused(ledger: Ledger, database_url: str, admin_url: str) -> None:
    execute(admin_url, "COMMENT ON TABLE public.migration_audit IS 'pointsctl ledger, format 2'")
    with pytest.raises(RefusedError, match="has format 2, this pointsctl writes 1"):
        install(database_url)


def test_ledger_without_its_comment_is_foreign(ledger: Ledger, database_url: str, admin_url: str) -> None:
    execute(admin_url, "COMMENT ON TABLE public.migration_audit IS NULL")
    with pytest.raises(RefusedError, match="comment is missing"):
        install(database_url)


DAMAGE = {
    "ALTER TABLE public.migration_audit DISABLE TRIGGER migration_audit_refuse": "disabled, expected",
    "ALTER TABLE public.migration_audit ENABLE TRIGGER migration_audit_append": "as origin",
    "ALTER TABLE public.migration_audit ENABLE REPLICA TRIGGER migration_audit_append": "as replica",
    "DROP TRIGGER migration_audit_refuse ON public.migration_audit": "trigger migration_audit_refuse is missing",
    "ALTER TABLE public.migration_audit DISABLE ROW LEVEL SECURITY": "found off, forced",
    "ALTER TABLE public.migration_audit NO FORCE ROW LEVEL SECURITY": "found on, not forced",
    "CREATE OR REPLACE FUNCTION public.migration_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'begin return null; end'": (
        "function migration_audit_refuse: found"
    ),
    "ALTER FUNCTION public.migration_audit_append() RESET search_path": "function migration_audit_append: found",
    "ALTER FUNCTION public.migration_audit_append() SECURITY INVOKER": "function migration_audit_append: found",
    "ALTER TABLE public.migration_audit DROP CONSTRAINT migration_audit_previous_hash_key": "is missing",
    "ALTER TABLE public.migration_audit DROP COLUMN notes": "column notes is missing",
    "ALTER TABLE public.migration_audit ADD COLUMN more text DEFAULT 'x'": "column more is unexpected",
    "ALTER TABLE public.migration_audit ALTER COLUMN body DROP NOT NULL": "column body: found text, expected",
    "ALTER TABLE public.migration_audit SET UNLOGGED": "relation: found unlogged table",
    "CREATE RULE quiet AS ON INSERT TO public.migration_audit DO INSTEAD NOTHING": "rule quiet is unexpected",
    "CREATE TABLE public.more () INHERITS (public.migration_audit)": "is unexpected: inherits",
    "CREATE TRIGGER later BEFORE INSERT ON public.migration_audit FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()": "trigger later is unexpected",
    "ALTER POLICY migration_audit_read ON public.migration_audit USING (seq > 1)": "policy migration_audit_read: found",
    "CREATE POLICY hide ON public.migration_audit AS RESTRICTIVE FOR SELECT USING (seq > 1)": "policy hide is unexpected",
    "GRANT SELECT ON public.migration_audit TO anon": "privilege of anon on public.migration_audit is unexpected: SELECT",
    "GRANT SELECT (notes) ON public.migration_audit TO PUBLIC": "privilege of PUBLIC",
    "GRANT UPDATE ON public.migration_audit TO service_role": "privilege of service_role",
    "GRANT EXECUTE ON FUNCTION public.migration_audit_append() TO authenticated": "privilege of authenticated",
    # Two functions of one name, the second with the body that the first should have.
    "ALTER FUNCTION public.migration_audit_refuse() SECURITY DEFINER; CREATE FUNCTION public.migration_audit_refuse(integer)"
    " RETURNS integer LANGUAGE sql AS 'select 1'": "function migration_audit_refuse(integer) is unexpected",
}


def test_every_damage_is_found_and_named(ledger: Ledger, admin_url: str) -> None:
    with session(admin_url) as admin:
        admin.execute(b"SET search_path = pg_catalog, pg_temp")
        for change, expected in DAMAGE.items():
            with admin.transaction(force_rollback=True):
                admin.execute(change.encode())
                state = state_of(admin)
            assert state.condition is Condition.DAMAGED, change
            assert expected in state.describe()
            assert all(one.of_roles for one in state.differences) == expected.startswith(("policy", "privilege"))
    assert ledger.state().condition is Condition.READY


@pytest.mark.parametrize("adopt", [False, True])
def test_damage_is_never_taken_for_installed(ledger: Ledger, database_url: str, admin_url: str, adopt: bool) -> None:
    execute(admin_url, "ALTER TABLE public.migration_audit DISABLE TRIGGER migration_audit_refuse")
    with pytest.raises(RefusedError, match="the ledger is damaged"):
        install(database_url, adopt=adopt)
    assert ledger.state().condition is Condition.DAMAGED


def test_privilege_that_an_operator_granted_to_read_is_no_damage(ledger: Ledger, admin_url: str, database: str) -> None:
    role = f"reader_{database}"
    execute(admin_url, f"CREATE ROLE {role}", f"GRANT SELECT ON public.migration_audit TO {role}")
    try:
        assert ledger.state().condition is Condition.READY
    finally:
        execute(admin_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
