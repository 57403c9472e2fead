"""Damage that no row count sees: a page of an index, or of a table, that is not what was written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.model.progress import NoProgress
from pointsctl.model.proof import Differs
from pointsctl.postgres.administration import run_script
from pointsctl.postgres.amcheck import Amcheck, check_indexes
from pointsctl.postgres.cluster import PrivateCluster
from tests.support.backups import limit
from tests.support.copies import rows
from tests.support.other_servers import WITH_AMCHECK, binaries_of, server_of

ROWS = """
create schema "odd; one";
create table "odd; one".t as select n, 'customer ' || n as name from generate_series(1, 20000) n;
create index "a ""good"" name" on "odd; one".t (name);
create index on "odd; one".t using hash (n);
"""

# What keeps people from altering a database by hand, and comes back with a restore.
NO_DDL = """
create function public.refuse() returns event_trigger language plpgsql as $$ begin raise 'not by hand'; end $$;
create event trigger refuse on ddl_command_start execute function public.refuse();
"""


def check(url: str, major: int, folder: Path) -> Amcheck | str:
    program = binaries_of(major).root / "bin/pg_amcheck"
    given = {"folder": folder, "search_path": os.defpath, "cancellation": limit(), "progress": NoProgress()}
    return check_indexes(url, program, jobs=2, **given)  # type: ignore[arg-type]


@pytest.fixture(params=WITH_AMCHECK)
def filled(request: pytest.FixtureRequest) -> Iterator[tuple[int, PrivateCluster]]:
    with server_of(request.param) as cluster:
        run_script(cluster.url("postgres"), ROWS, what="making rows")
        yield request.param, cluster


def overwrite(cluster: PrivateCluster, relation: str, page: int, old: bytes, new: bytes) -> None:
    """Change bytes on a page of a stopped server's file."""
    url = cluster.url("postgres")
    path = cluster.data_directory / rows(url, f"select pg_relation_filepath('{relation}')")[0][0]
    cluster.stop()
    with path.open("r+b") as file:
        file.seek(page * 8192)
        content = file.read(8192)
        assert old in content
        file.seek(page * 8192)
        file.write(content.replace(old, new, 1))
    cluster.start()


def test_a_sound_copy_passes_and_keeps_nothing_of_the_check(filled: tuple[int, PrivateCluster], tmp_path: Path) -> None:
    major, cluster = filled
    url = cluster.url("postgres")
    run_script(url, NO_DDL, what="refusing what is done by hand")
    seen = check(url, major, tmp_path)
    assert isinstance(seen, Amcheck)
    assert seen.differences == ()
    assert seen.indexes > 100
    assert seen.tables > 50
    assert seen.other_indexes == 1
    assert rows(url, "select count(*) from pg_extension where extname = 'amcheck'") == [(0,)]
    assert rows(url, "select count(*) from pg_namespace where nspname ~ 'amcheck'") == [(0,)]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_index_is_named(filled: tuple[int, PrivateCluster], tmp_path: Path) -> None:
    major, cluster = filled
    overwrite(cluster, '"odd; one"."a ""good"" name"', 3, b"customer 1", b"customer 9")
    seen = check(cluster.url("postgres"), major, tmp_path)
    assert isinstance(seen, Amcheck)
    assert {one.differs for one in seen.differences} == {Differs.CORRUPT}
    assert {one.what for one in seen.differences} == {'index odd; one.a "good" name'}
    assert seen.differences[0].found


def test_without_the_extension_or_the_program_nobody_claims_to_have_looked(tmp_path: Path, admin_url: str) -> None:
    given = {"folder": tmp_path, "search_path": os.defpath, "cancellation": limit(), "progress": NoProgress()}
    assert check_indexes(admin_url, None, jobs=1, **given) == "no pg_amcheck was found here"  # type: ignore[arg-type]
    with server_of(16) as cluster:
        assert check(cluster.url("postgres"), 18, tmp_path) == "the server has no extension amcheck"
