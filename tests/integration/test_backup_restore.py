"""A backup restored into a database that stays: only an empty one, and proven afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.errors import BackupDamagedError, PointsctlError, RefusedError, UsageError
from pointsctl.model.configuration import Environment, LeftOut
from pointsctl.model.progress import NoProgress
from pointsctl.postgres.connection import connect
from pointsctl.postgres.given_database import GivenDatabase, occupied
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.create_backup import Created, create_backup
from pointsctl.workflow.interruption import Stoppable
from pointsctl.workflow.list_backups import list_backups
from pointsctl.workflow.restore_backup import Proposed, RestoredBackup, RestoreRequest, restore_backup
from pointsctl.workflow.restore_target import RestoreTarget, restore_target
from pointsctl.workflow.show_backup import show_backup
from tests.support.backup_requests import backup_request
from tests.support.servers import Server

NOTHING = LeftOut()


@pytest.fixture
def target(server: Server) -> Iterator[str]:
    """An empty database, as the superuser of its server."""
    with server.database("template0") as name:
        yield server.cluster.url(name)


def limit() -> Stoppable:
    return Stoppable(120, time.monotonic)


@pytest.fixture
def request_(tmp_path: Path, admin_url: str) -> BackupRequest:
    return backup_request(tmp_path, admin_url)


@pytest.fixture
def created(request_: BackupRequest) -> Created:
    return create_backup(request_, limit(), NoProgress())


def restore(request: BackupRequest, url: str, shown: list[Proposed] | None = None) -> RestoredBackup:
    wanted = RestoreRequest(request, "latest", RestoreTarget(url, "the target"))
    seen = shown if shown is not None else []
    return restore_backup(wanted, seen.append, limit(), NoProgress())


def test_it_is_what_was_backed_up_and_stays(request_: BackupRequest, created: Created, target: str) -> None:
    shown: list[Proposed] = []
    done = restore(request_, target, shown)
    assert (done.proof.differences, done.proof.holds) == ((), True)
    assert shown[0].manifest == created.manifest
    assert shown[0].protected is None
    with connect(request_.environment.database_url) as source, connect(target) as copy:
        count = "SELECT count(*) FROM public.coupons"
        assert source.execute(count).fetchone() == copy.execute(count).fetchone()
        # What checks the indexes is not left behind in a database that stays.
        assert not [one for one in occupied(copy, NOTHING) if "amcheck" in one]
    with pytest.raises(RefusedError, match="is not empty: "):
        restore(request_, target)
    page = show_backup(request_, "latest")
    assert page.summary["tables"] == done.proof.tables == page.parts_total
    assert list_backups(request_).backups[0].recorded is None


def test_a_database_that_holds_anything_is_refused_and_stays(
    request_: BackupRequest, created: Created, target: str
) -> None:
    with connect(target) as connection:
        connection.execute("CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    with pytest.raises(RefusedError, match=r"function public\.mine\(\)"):
        restore(request_, target)
    with connect(target) as connection:
        assert occupied(connection, NOTHING) == ("function public.mine()",)


def test_the_source_is_refused_by_its_identity(request_: BackupRequest, created: Created) -> None:
    with pytest.raises(RefusedError, match="the very database that was backed up"):
        restore(request_, request_.environment.database_url)


def test_a_damaged_backup_leaves_the_target_empty(request_: BackupRequest, created: Created, target: str) -> None:
    name = created.manifest.place_of(max(created.manifest.objects, key=lambda one: one.size))
    path = request_.loaded.directory / "store" / name
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(BackupDamagedError):
        restore(request_, target)
    with connect(target) as connection:
        assert occupied(connection, NOTHING) == ()


def test_what_a_failed_restore_leaves_is_told(
    request_: BackupRequest, created: Created, empty_database_url: str
) -> None:
    # The owner of a database is no superuser, and may not make what other roles own.
    with pytest.raises(PointsctlError) as failed:
        restore(request_, empty_database_url)
    assert "the target is still empty" in failed.value.hint or "half restored" in failed.value.hint


def test_the_name_of_a_protected_environment_is_asked_for(tmp_path: Path, admin_url: str, target: str) -> None:
    request = backup_request(tmp_path, admin_url)
    create_backup(request, limit(), NoProgress())
    environments = {"standby": Environment(database_url=target, protected=True)}
    checklist = request.loaded.checklist.model_copy(update={"environments": environments})
    object.__setattr__(request.loaded, "checklist", checklist)

    def refuse(proposed: Proposed) -> None:
        assert proposed.protected == "standby"
        raise RefusedError("no")

    with pytest.raises(RefusedError, match="no"):
        restore_backup(RestoreRequest(request, "latest", RestoreTarget(target, "x")), refuse, limit(), NoProgress())
    with connect(target) as connection:
        assert occupied(connection, NOTHING) == ()


THINGS = {
    "schema other": "CREATE SCHEMA other",
    "table public.t": "CREATE TABLE public.t (id int)",
    "view public.v": "CREATE VIEW public.v AS SELECT 1 AS one",
    "materialized view public.m": "CREATE MATERIALIZED VIEW public.m AS SELECT 1 AS one",
    "sequence public.s": "CREATE SEQUENCE public.s",
    'table "Odd Schema"."Odd"': 'CREATE SCHEMA "Odd Schema" CREATE TABLE "Odd" (a int)',
    "type public.c": "CREATE TYPE public.c AS (a int)",
    "type public.e": "CREATE TYPE public.e AS ENUM ('a')",
    "type public.d": "CREATE DOMAIN public.d AS int",
    "extension citext": "CREATE EXTENSION citext",
    "publication p": "CREATE PUBLICATION p",
    "foreign data wrapper w": "CREATE FOREIGN DATA WRAPPER w",
    "large object 4711": "SELECT lo_create(4711)",
    "function public.f(integer)": "CREATE FUNCTION public.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
}


def test_whatever_a_fresh_database_has_not_is_named(target: str) -> None:
    with connect(target) as connection:
        assert occupied(connection, NOTHING) == ()
        for what, statement in THINGS.items():
            with connection.transaction(force_rollback=True):
                connection.execute(statement.encode())
                assert what in occupied(connection, NOTHING), what
        assert occupied(connection, NOTHING) == ()


def test_what_the_platform_supplies_may_be_there(target: str) -> None:
    with connect(target) as connection:
        connection.execute("CREATE SCHEMA auth")
        connection.execute("CREATE TABLE auth.users (id int)")
        connection.execute("CREATE EXTENSION citext SCHEMA auth")
        supplied = LeftOut(schemas=("auth",), extensions=("citext",))
        assert occupied(connection, supplied) == ()
        assert occupied(connection, NOTHING) != ()
    GivenDatabase(target, supplied).require_empty()


def _find(name: str) -> tuple[str, Environment]:
    return name, Environment(database_url="postgresql://me@host/db")


def test_a_target_is_an_environment_a_variable_or_a_url(tmp_path: Path) -> None:
    variables = {"TARGET": "postgresql://me:hunter22@host:5433/db"}
    assert restore_target("staging", _find, {}).label == "staging (me@host/db)"
    assert restore_target("postgresql://me@host/db", _find, {}).label == "me@host/db"
    target = restore_target("env:TARGET", _find, variables)
    assert (target.url, target.label) == (variables["TARGET"], "me@host:5433/db")
    assert "hunter22" not in repr(target)
    with pytest.raises(UsageError, match="'OTHER' is not set"):
        restore_target("env:OTHER", _find, variables)


@pytest.mark.parametrize("text", ["postgresql://me:hunter22@host/db", "host=x password=hunter22", "postgresql://x/db?password=hunter22"])  # fmt: skip
def test_a_password_in_an_argument_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="holds a password") as refused:
        restore_target(text, _find, {})
    assert "hunter22" not in f"{refused.value.message} {refused.value.hint}"
