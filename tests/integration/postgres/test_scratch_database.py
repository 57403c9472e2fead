"""Scratch databases on a server that others use: never the source's, and nothing but our own abandoned ones is dropped."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pointsctl.errors import RefusedError
from pointsctl.postgres.administration import create_database, database_exists, drop_database
from pointsctl.postgres.connection import connect
from pointsctl.postgres.identity import identify
from pointsctl.postgres.roles import Role, read_roles
from pointsctl.postgres.scratch_database import MARK, ScratchDatabase, drop_abandoned, scratch_database
from tests.support.servers import Server

OTHER = "7000000000000000001"
MAJOR = 18
HOLDER = """
import sys
from pointsctl.postgres.scratch_database import scratch_database
with scratch_database(sys.argv[1], "7000000000000000001", 18) as scratch:
    scratch.empty_database()
    print(scratch.name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url(server: Server) -> str:
    return server.cluster.url("postgres")


def names(url: str) -> set[str]:
    with connect(url) as connection:
        rows = connection.execute("select datname::text from pg_database where datname ~ '^pointsctl_drill'").fetchall()
    return {row[0] for row in rows}


def test_a_copy_is_made_in_a_database_of_its_own_that_goes_away(url: str) -> None:
    with scratch_database(url, OTHER, MAJOR) as scratch:
        copy = scratch.empty_database()
        with connect(copy) as connection:
            assert identify(connection) == scratch.identity()
            assert connection.info.dbname == scratch.name
        with connect(url) as connection:
            assert drop_abandoned(connection) == (), "somebody works in it"
    assert not database_exists(url, scratch.name)


@pytest.mark.parametrize(
    ("own", "recovery", "source", "major", "said"),
    [
        ("1", False, "1", 18, "is the server that the backup was taken of"),
        (None, False, "1", 18, "the scratch server hides"),
        ("1", False, None, 18, "the source hides"),
        ("2", True, "1", 18, "is a standby"),
        ("2", False, "1", 17, "of version 18, the backup of version 17"),
    ],
)
def test_a_server_that_is_or_may_be_the_source_is_refused(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    own: str | None,
    recovery: bool,
    source: str | None,
    major: int,
    said: str,
) -> None:
    with connect(url) as connection:
        seen = replace(identify(connection), system_identifier=own, in_recovery=recovery)
    monkeypatch.setattr("pointsctl.postgres.scratch_database.identify", lambda _: seen)
    before = names(url)
    with pytest.raises(RefusedError, match=said), scratch_database(url, source, major):
        pass
    assert names(url) == before


def test_the_real_source_is_refused_whatever_its_address(url: str, database_url: str) -> None:
    with connect(database_url) as connection:
        source = identify(connection)
    with pytest.raises(RefusedError, match="is the server"), scratch_database(url, source.system_identifier, MAJOR):
        pass


def test_what_a_killed_drill_has_left_goes_with_the_next_one(url: str) -> None:
    argv = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
    assert database_exists(url, left)
    with connect(url) as connection:
        # The server notices a moment later that the session's client is gone.
        connection.execute(
            "select pg_terminate_backend(pid, 10000) from pg_locks where locktype = 'advisory' and objsubid = 2"
            " and pid <> pg_backend_pid() and objid = hashtext(%s)::oid",
            (left,),
        )
    with scratch_database(url, OTHER, MAJOR):
        assert not database_exists(url, left)


@pytest.fixture
def lookalikes(url: str) -> Iterator[list[str]]:
    made = [f"pointsctl_drill_{'0' * 16}", f"pointsctl_drill_{'1' * 16}", "pointsctl_drill_mine"]
    for name in made:
        create_database(url, name)
    with connect(url) as connection:
        connection.execute(f"comment on database \"{made[1]}\" is 'kept by hand'")
        connection.execute(f"comment on database \"{made[2]}\" is '{MARK}, since ever'")
    yield made
    for name in made:
        drop_database(url, name)


def test_nothing_is_dropped_for_its_name_or_its_comment_alone(url: str, lookalikes: list[str]) -> None:
    with connect(url) as connection:
        drop_abandoned(connection)
    assert all(database_exists(url, name) for name in lookalikes)


def test_one_that_was_killed_before_its_comment_came_is_ours_too(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(url) as holder:
        scratch = ScratchDatabase(url, holder)
        scratch.empty_database()
        holder.execute(f"comment on database {scratch.name} is null")
    with connect(url) as connection:
        assert scratch.name in drop_abandoned(connection)


def test_roles_are_looked_for_and_never_made(server: Server, database_url: str, url: str) -> None:
    with connect(database_url) as connection:
        roles = read_roles(connection)
    stranger = replace_name(roles[0], 'nobody; "here"')
    with scratch_database(url, OTHER, MAJOR) as scratch:
        scratch.prepare_roles(roles)
        with pytest.raises(RefusedError, match="lacks the roles 'nobody; \"here\"'"):
            scratch.prepare_roles([*roles, stranger])
    with connect(url) as connection:
        connection.execute("drop role if exists drill_helper")
        connection.execute("create role drill_helper login createdb")
    try:
        as_helper = server.cluster.url("postgres", "drill_helper")
        with (
            scratch_database(as_helper, OTHER, MAJOR) as scratch,
            pytest.raises(RefusedError, match="does not let 'drill_helper' act as"),
        ):
            scratch.prepare_roles(roles)
    finally:
        with connect(url) as connection:
            connection.execute("drop role drill_helper")


def replace_name(role: Role, name: str) -> Role:
    return role.model_copy(
        update={"name": name, "bootstrap": False, "named": True, "owns_objects": False, "member_of": ()}
    )
