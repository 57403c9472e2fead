"""A ledger belongs to one environment in one database: copies, restores and wrong URLs are recognised before anything is done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.errors import ContextMissingError, PermissionMissingError, PointsctlError, RefusedError
from pointsctl.ledger.reading import read_trust_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.ledger import Kind
from pointsctl.model.pin import Pin, PinError
from pointsctl.postgres import administration
from pointsctl.postgres.binaries import Account, embedded_binaries
from pointsctl.workflow.open_ledger import open_ledger
from tests.support.audits import execute
from tests.support.keys import trust_folder
from tests.support.ledgers import ADA, assert_chained, draft, install
from tests.support.servers import Server, throw_away_server

_PATIENCE_S = 60


def opened(url: str, name: str, *, damaged_too: bool = False) -> Pin:
    """The pin that a command meets at this URL."""
    environment = Environment(database_url=url, protected=name == "production")
    ledger = open_ledger(name, environment, damaged_too=damaged_too)
    try:
        pin = ledger.pin()
        assert pin is not None
        return pin
    finally:
        ledger.close()


@pytest.fixture
def production(database_url: str) -> str:
    install(database_url, "production", protected=True)
    return database_url


@pytest.fixture
def copy(server: Server, database: str, production: str) -> Iterator[str]:
    """The production database, copied as a whole to another one on the same server."""
    with server.database(database) as name:
        yield server.cluster.url(name, "postgres")


@pytest.fixture(scope="module")
def other_server() -> Iterator[Server]:
    with throw_away_server() as running:
        yield running


@pytest.fixture
def restored(other_server: Server, production: str) -> Iterator[str]:
    """The production database, dumped and restored into another server."""
    binaries = embedded_binaries(Account.of_this_process())
    with other_server.database("template0") as name:
        url = other_server.cluster.url(name, "postgres")
        admin = other_server.cluster.url(name)
        dump = [str(binaries.program("pg_dump")), "--schema=public", production]
        dumped = subprocess.run(dump, check=True, capture_output=True, timeout=_PATIENCE_S).stdout
        execute(admin, "DROP SCHEMA public", "CREATE SCHEMA auth", "GRANT USAGE ON SCHEMA auth TO postgres")
        execute(admin, "CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'")
        subprocess.run(
            [binaries.program("psql"), "-q", url], input=dumped, capture_output=True, timeout=_PATIENCE_S, check=True
        )
        yield url


def test_command_opens_the_ledger_of_its_environment(production: str) -> None:
    pin = opened(production, "production")
    assert (pin.name, pin.protected, pin.copied_from) == ("production", True, None)


def test_staging_that_leads_to_production_is_refused_with_both_named(production: str) -> None:
    with pytest.raises(RefusedError) as refused:
        opened(production, "staging")
    with Ledger(production) as ledger:
        database = ledger.database()
    for part in (
        "'production'",
        "'staging'",
        database.database,
        str(database.database_oid),
        str(database.system_identifier),
    ):
        assert part in refused.value.message
    assert "the database of 'production' itself and no copy" in refused.value.hint


def test_copy_is_not_production(production: str, copy: str) -> None:
    with pytest.raises(RefusedError) as refused:
        opened(copy, "production")
    assert "if this is a copy" in refused.value.hint
    with Ledger(copy) as here, Ledger(production) as there:
        for one in (here, there):
            assert f"database {one.database().database!r}, oid {one.database().database_oid}" in refused.value.message
    with pytest.raises(RefusedError):
        opened(copy, "staging")


def test_restored_dump_is_not_production(restored: str) -> None:
    for name in ("production", "staging"):
        with pytest.raises(RefusedError, match=r"the ledger here is that of 'production'|the ledger is damaged"):
            opened(restored, name)
        with pytest.raises(RefusedError, match="the ledger here is that of 'production'"):
            opened(restored, name, damaged_too=True)
    with pytest.raises(RefusedError):
        install(restored, "production")


@pytest.mark.parametrize("kind", ["copy", "restored"])
def test_copy_becomes_staging_when_it_is_adopted(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> None:
    url: str = request.getfixturevalue(kind)
    with pytest.raises(RefusedError):
        install(url, "staging")
    confirmed: list[str] = []
    done = install(url, "staging", adopt=True, confirmed=confirmed, trust=trust_folder(tmp_path, {"lead": [ADA]}))
    assert any("policies and privileges again" in text for text in done.done) == (kind == "restored")
    assert confirmed == []  # staging is not protected, and this is another database than production
    pin = opened(url, "staging")
    assert pin.copied_from is not None
    assert (pin.copied_from.name, done.policy is not None) == ("production", True)
    with Ledger(url) as ledger:
        assert ledger.pin() == pin
        pinned = ledger.last(Kind.ENVIRONMENT_PINNED)
        assert pinned is not None
        assert ledger.adopted_at() == pinned.seq
        ledger.append(draft())
        assert_chained(list(ledger.rows()))
    assert install(url, "staging", adopt=True).done == ()
    with pytest.raises(RefusedError):
        opened(url, "production")


def test_policy_of_the_original_is_not_that_of_the_copy(
    server: Server, database_url: str, database: str, tmp_path: Path
) -> None:
    install(database_url, "production", trust=trust_folder(tmp_path, {"lead": [ADA]}))
    with server.database(database) as name:
        assert install(server.cluster.url(name, "postgres"), "staging", adopt=True).policy is None


def test_another_name_and_back_is_no_way_around_the_signatures_of_the_policy(
    server: Server, database_url: str, database: str, tmp_path: Path
) -> None:
    variables = {"PATH": os.environ["PATH"]}
    done = install(database_url, "production", trust=trust_folder(tmp_path, {"lead": [ADA]}))
    mallory = trust_folder(tmp_path / "mallory", {"lead": ["mallory@example.test"]})
    admin, new = server.cluster.url("postgres"), f"{database}_new"
    for name in ("elsewhere", "production"):
        assert install(database_url, name, adopt=True, trust=mallory).policy == done.policy
        assert install(database_url, name, trust=mallory).done == ()
    administration.rename_database(admin, database, new)
    try:
        assert (
            install(server.cluster.url(new, "postgres"), "production", adopt=True, trust=mallory).policy == done.policy
        )
    finally:
        administration.rename_database(admin, new, database)
    with Ledger(database_url) as ledger:
        trust = read_trust_history(ledger, variables).trust
    assert trust is not None
    assert trust.digest == done.policy


def test_production_that_is_to_be_called_otherwise_is_confirmed_by_its_own_name(production: str) -> None:
    with pytest.raises(RefusedError):
        install(production, "staging")
    confirmed: list[str] = []
    install(production, "staging", adopt=True, confirmed=confirmed)
    assert confirmed == ["production"]


def test_refused_confirmation_leaves_everything_as_it_was(production: str) -> None:
    from pointsctl.workflow.install_ledger import Request, install_ledger

    def refuse(_name: str, _protected: bool) -> None:
        raise RefusedError("no")

    environment = Environment(database_url=production)
    request = Request("staging", environment, Path("/nonexistent"), "0", ADA, adopt=True)
    with pytest.raises(RefusedError, match="no"):
        install_ledger(request, refuse)
    assert opened(production, "production").name == "production"


def test_protection_is_not_lowered_without_the_name(production: str) -> None:
    confirmed: list[str] = []
    done = install(production, "production", protected=False, confirmed=confirmed)
    assert (confirmed, done.pin.protected, done.pin.copied_from) == (["production"], False, None)


def test_nothing_to_open_is_said_with_the_next_command(database_url: str) -> None:
    with pytest.raises(ContextMissingError, match="environment 'staging' has no ledger") as missing:
        opened(database_url, "staging")
    assert "pointsctl init --env staging" in missing.value.hint


def test_ledger_without_a_pin_is_not_acted_on(database_url: str, admin_url: str) -> None:
    install(database_url)
    execute(
        admin_url,
        "ALTER TABLE public.migration_audit DISABLE TRIGGER USER",
        "DELETE FROM public.migration_audit",
        "ALTER TABLE public.migration_audit ENABLE ALWAYS TRIGGER migration_audit_append",
        "ALTER TABLE public.migration_audit ENABLE ALWAYS TRIGGER migration_audit_refuse",
    )
    with pytest.raises(ContextMissingError, match="is not pinned"):
        opened(database_url, "staging")


def test_damaged_ledger_is_opened_only_to_look(production: str, admin_url: str) -> None:
    execute(admin_url, "ALTER TABLE public.migration_audit DISABLE TRIGGER migration_audit_refuse")
    with pytest.raises(RefusedError, match="the ledger is damaged"):
        opened(production, "production")
    assert opened(production, "production", damaged_too=True).name == "production"


def test_foreign_table_is_opened_by_nobody(database_url: str) -> None:
    execute(database_url, "CREATE TABLE public.migration_audit (seq bigint)")
    for damaged_too in (False, True):
        with pytest.raises(RefusedError, match="is not pointsctl's ledger"):
            opened(database_url, "staging", damaged_too=damaged_too)


def test_pin_that_cannot_be_read_is_no_pin(production: str) -> None:
    with Ledger(production) as ledger:
        ledger.append(draft(Kind.ENVIRONMENT_PINNED, name="production"))
    with pytest.raises(PinError):
        opened(production, "production")
    with pytest.raises(PinError):
        install(production, "production")


HIDE = "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC"
SHOW = "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO PUBLIC"


def test_identifier_that_may_not_be_read_is_pinned_as_unknown(database_url: str, admin_url: str) -> None:
    execute(admin_url, HIDE)
    install(database_url, "staging")
    assert opened(database_url, "staging").database.system_identifier is None
    execute(admin_url, SHOW)
    with pytest.raises(RefusedError, match="system identifier unknown"):
        opened(database_url, "staging")


def test_identifier_that_is_pinned_and_may_no_longer_be_read_proves_nothing(production: str, admin_url: str) -> None:
    execute(admin_url, HIDE)
    with pytest.raises(RefusedError, match="system identifier unknown"):
        opened(production, "production")


def test_renamed_database_is_another_one_until_it_is_adopted(server: Server, production: str, database: str) -> None:
    admin = server.cluster.url("postgres")
    new = f"{database}_new"
    administration.rename_database(admin, database, new)
    try:
        with pytest.raises(RefusedError, match=new):
            opened(server.cluster.url(new, "postgres"), "production")
    finally:
        administration.rename_database(admin, new, database)
    assert opened(production, "production").name == "production"


def test_role_from_which_records_are_hidden_opens_nothing(production: str, admin_url: str, database: str) -> None:
    role = f"reader_{database}"
    execute(admin_url, f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON public.migration_audit TO {role}")
    try:
        with pytest.raises(PermissionMissingError):
            opened(admin_url.replace("supabase_admin", role), "production")
    finally:
        execute(admin_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_server_that_does_not_answer_is_an_error_of_ours() -> None:
    with pytest.raises(PointsctlError):
        opened("postgresql://postgres@/x?host=/nonexistent", "production")
