"""Restoring into a server of our own: every role, owner and kind of object comes back, and what cannot is named."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pointsctl.errors import (
    ChecklistError,
    ContextMissingError,
    PointsctlError,
    RefusedError,
    RestoreFailedError,
    ToolMissingError,
)
from pointsctl.postgres.administration import create_database, run_script
from pointsctl.postgres.cluster import PrivateCluster
from pointsctl.postgres.roles import Role
from pointsctl.sandbox.databases import sql_text
from tests.support.copies import archive_of, copied, own_server, recipe_for, rows
from tests.support.ledgers import install
from tests.support.other_servers import MAJORS, binaries_of, server_of

OBJECTS = """
create role "weird; ""x"" role" nologin bypassrls;
create role "grüße 'all'" nologin noinherit createdb;
grant "weird; ""x"" role" to "grüße 'all'" with admin option;
create schema "odd "" schema" authorization "grüße 'all'";
create table "odd "" schema"."a; b" (id bigint generated always as identity primary key, t text default 'x''y');
alter table "odd "" schema"."a; b" owner to "grüße 'all'";
insert into "odd "" schema"."a; b" (t) select repeat('ö', n) from generate_series(1, 50) n;
create policy "p; q" on "odd "" schema"."a; b" to "weird; ""x"" role" using (id > 1);
alter table "odd "" schema"."a; b" enable row level security, force row level security;
create unlogged table public.fleeting (n int);
insert into public.fleeting values (1), (2);
create table public.child (id int primary key, parent int);
create table public.aaa_parent (id int primary key);
alter table public.child add foreign key (parent) references public.aaa_parent;
insert into public.aaa_parent values (1);
insert into public.child values (1, 1);
create table public.parted (k int, v text) partition by range (k);
create table public.parted_1 partition of public.parted for values from (0) to (10);
create index on public.parted (v);
insert into public.parted values (3, 'three');
create materialized view public.counted as select count(*) as n from public.parted;
create function public.noted() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger noting on ddl_command_end execute function public.noted();
alter default privileges for role "weird; ""x"" role" in schema public grant select on tables to "grüße 'all'";
"""
LEDGER_OWNERS = "select tableowner::text from pg_tables where tablename = 'migration_audit'"


@pytest.fixture(params=MAJORS)
def source(request: pytest.FixtureRequest) -> Iterator[tuple[int, PrivateCluster]]:
    """A server of each promised version with a database `old shop` that is full of what tools stumble over."""
    with server_of(request.param) as cluster:
        run_script(cluster.url("postgres"), sql_text("sandbox/roles.sql"), what="making roles")
        create_database(cluster.url("postgres"), "old shop", owner="postgres")
        run_script(cluster.url("old shop"), OBJECTS, what="making objects")
        yield request.param, cluster


def test_everything_comes_back_in_a_server_of_each_version(
    source: tuple[int, PrivateCluster], open_path: Path, tmp_path: Path
) -> None:
    major, cluster = source
    url, programs = cluster.url("old shop"), binaries_of(major)
    run_script(url, sql_text("sandbox/database.sql"), what="making the auth schema")
    archive = archive_of(url, tmp_path, programs)
    with own_server(open_path, major) as server:
        copy = copied(archive, server, recipe_for(url, programs))
        for statement in SAME:
            assert rows(copy.url, statement) == rows(url, statement), statement
        assert server.identity().role == cluster.superuser
        assert copy.seconds > 0
        assert rows(copy.url, "select count(*) from pg_roles where rolname like 'pointsctl%'") == [(0,)]
    assert list(open_path.iterdir()) == []


ATTRIBUTES = "rolname::text, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolinherit, rolreplication"
SAME = (
    'select count(*), sum(length(t)) from "odd "" schema"."a; b"',
    "select n from public.fleeting order by n",
    "select id, parent from public.child",
    "select k, v from public.parted",
    "select n from public.counted",
    "select evtname::text, evtowner::regrole::text from pg_event_trigger order by 1",
    """select relname::text, relowner::regrole::text, relrowsecurity, relforcerowsecurity from pg_class
    where relnamespace > 16383 or relnamespace = 'public'::regnamespace order by 1""",
    "select polname::text, polroles::regrole[]::text from pg_policy order by 1",
    "select defaclrole::regrole::text, a::text from pg_default_acl, unnest(defaclacl) a order by 1, 2",
    "select datdba::regrole::text from pg_database where datname = current_database()",
    "select nspname::text, nspowner::regrole::text from pg_namespace where nspname !~ '^pg_' order by 1",
    f"select {ATTRIBUTES} from pg_roles where rolname ~ '(weird|grüße|^postgres$)' order by 1",
    """select roleid::regrole::text, member::regrole::text, admin_option from pg_auth_members
    where member::regrole::text ~ 'grüße' order by 1, 2""",
)


def test_the_ledger_comes_back(admin_url: str, database_url: str, open_path: Path, tmp_path: Path) -> None:
    install(admin_url)
    programs = binaries_of(18)
    archive = archive_of(admin_url, tmp_path, programs)
    with own_server(open_path, 18) as server:
        copy = copied(archive, server, recipe_for(admin_url, programs))
        assert rows(copy.url, LEDGER_OWNERS) == rows(admin_url, LEDGER_OWNERS)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(copy.url, "delete from public.migration_audit")


@pytest.fixture
def small(empty_database_url: str, server_admin: str, tmp_path: Path) -> tuple[str, Path]:
    """A database with one table and one extension, and its archive."""
    run_script(server_admin, "create extension citext; create table public.t as select 1 as n", what="making a table")
    return server_admin, archive_of(server_admin, tmp_path, binaries_of(18))


@pytest.fixture
def server_admin(empty_database_url: str) -> str:
    return empty_database_url.replace("://postgres@", "://supabase_admin@")


def test_extensions_are_left_out_by_name_only(small: tuple[str, Path], open_path: Path) -> None:
    url, archive = small
    with own_server(open_path, 18) as server:
        copy = copied(archive, server, recipe_for(url, binaries_of(18), without_extensions=("citext",)))
        assert copy.left_out == ("extension citext",)
        assert rows(copy.url, "select extname::text from pg_extension") == [("plpgsql",)]
        assert rows(copy.url, "select n from public.t") == [(1,)]


def test_the_prelude_runs_first_and_is_named_with_its_line(small: tuple[str, Path], open_path: Path) -> None:
    url, archive = small
    prelude = open_path / "platform's own.sql"
    prelude.write_text("create schema platform;\ncreate table platform.t (n int);\n")
    recipe = recipe_for(url, binaries_of(18), prelude=(prelude,))
    with own_server(open_path, 18) as server:
        copy = copied(archive, server, recipe)
        assert rows(copy.url, "select count(*) from platform.t") == [(0,)]
    prelude.write_text("create schema platform;\n\nselect from nowhere;\n")
    with own_server(open_path, 18) as server, pytest.raises(ChecklistError, match=r"line 3 \(select from nowhere;\)"):
        copied(archive, server, recipe)


def test_a_backup_that_cannot_be_restored_is_told_from_a_place_that_is_no_good(
    small: tuple[str, Path], open_path: Path
) -> None:
    url, archive = small
    recipe = recipe_for(url, binaries_of(18))
    rows_file = next(archive.glob("*.dat.gz"))
    rows_file.write_bytes(gzip.compress(b"no number: s3cret-row\n\\.\n\n\n"))
    with own_server(open_path, 18) as server, pytest.raises(RestoreFailedError) as failed:
        copied(archive, server, recipe)
    assert "invalid input syntax for type integer" in failed.value.message
    assert 'table "t"' in failed.value.message
    assert "CONTEXT" not in failed.value.message


def test_an_extension_that_the_place_lacks_does_not_refute_the_backup(open_path: Path, tmp_path: Path) -> None:
    with server_of(15) as cluster:
        run_script(cluster.url("postgres"), "create extension adminpack", what="making an extension")
        archive = archive_of(cluster.url("postgres"), tmp_path, binaries_of(15))
        recipe = recipe_for(cluster.url("postgres"), binaries_of(18), roles=())
    with own_server(open_path, 18) as server, pytest.raises(ContextMissingError, match="adminpack"):
        copied(archive, server, recipe)


def test_a_pg_restore_that_is_too_new_for_the_server_does_not_refute_the_backup(
    small: tuple[str, Path], open_path: Path
) -> None:
    url, archive = small
    with own_server(open_path, 16) as server, pytest.raises(ToolMissingError, match="transaction_timeout"):
        copied(archive, server, recipe_for(url, binaries_of(18), roles=()))


def test_a_predefined_role_of_another_version_is_refused_by_name(open_path: Path) -> None:
    flags = dict.fromkeys(
        (
            "bootstrap",
            "owns_database",
            "named",
            "owns_objects",
            "superuser",
            "bypassrls",
            "createdb",
            "createrole",
            "inherit",
            "replication",
        ),
        False,
    )
    with own_server(open_path, 18) as server, pytest.raises(RefusedError, match="'pg_of_the_future'"):
        server.prepare_roles([Role.model_validate({"name": "pg_of_the_future", **flags})])


def test_a_server_that_is_lost_does_not_refute_the_backup(small: tuple[str, Path], open_path: Path) -> None:
    url, archive = small
    with own_server(open_path, 18) as server:
        server.prepare_roles(())
        recipe = recipe_for(url, binaries_of(18), prelude=(open_path / "stop.sql",))
        (open_path / "stop.sql").write_text("select pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());\n")
        with pytest.raises(PointsctlError) as failed:
            copied(archive, server, recipe)
    assert not isinstance(failed.value, RestoreFailedError)
