"""Backups of every major version that is promised, restored into a server of the same one."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pointsctl.backup_engines.interface import Restored
from pointsctl.errors import BackupDamagedError, RefusedError
from pointsctl.model.progress import NoProgress
from tests.support.backups import engine, limit, scratch_beside, source_of
from tests.support.other_servers import MAJORS, server_of

_SOURCE = """
CREATE TABLE public.t (id serial PRIMARY KEY, kind varchar CHECK (kind IN ('a', 'b')), doc jsonb);
INSERT INTO public.t (kind, doc) SELECT 'a', '{"n": 1}' FROM generate_series(1, 100);
ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.t USING (kind IN ('a', 'b'));
CREATE TABLE public.p (i integer) PARTITION BY LIST (i);
CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES IN (1);
CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
SELECT lo_create(4711);
ALTER DATABASE postgres SET work_mem = '8MB';
"""


@pytest.mark.parametrize("major", MAJORS)
def test_a_backup_comes_back_on_its_own_version(major: int, tmp_path: Path) -> None:
    with server_of(major) as cluster:
        url = cluster.url("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_SOURCE)
        taking = engine()
        source = source_of(url)
        taking.refuse(source)
        taken = taking.take(source, tmp_path, limit(), NoProgress())
        assert taken.tools["pg_dump"].startswith(f"{major}.")
        assert taken.tools["compression"].partition(":")[0] in ("zstd", "lz4", "gzip")
        with scratch_beside(url) as scratch:
            copy = taking.restore(taken.contents, tmp_path, scratch, limit(), NoProgress())
            proof = taking.prove(taken.contents, copy, scratch, limit(), NoProgress())
    assert proof.differences == ()
    assert (proof.rows, proof.sequences, proof.large_objects) == (100, 1, 1)
    assert "settings of the database itself: work_mem" in proof.left_out


def test_another_version_proves_nothing_and_is_refused(admin_url: str, tmp_path: Path) -> None:
    taking = engine()
    taken = taking.take(source_of(admin_url), tmp_path, limit(), NoProgress())
    with scratch_beside(admin_url) as scratch:
        scratch.major = 16
        with pytest.raises(RefusedError, match="on PostgreSQL 16, the backup is of 18"):
            taking.restore(taken.contents, tmp_path, scratch, limit(), NoProgress())
        with pytest.raises(RefusedError):
            taking.prove(taken.contents, Restored("", 1, folder=tmp_path), scratch, limit(), NoProgress())


def test_an_archive_without_its_end_is_damaged(admin_url: str, tmp_path: Path) -> None:
    taking = engine()
    taken = taking.take(source_of(admin_url), tmp_path, limit(), NoProgress())
    contents = tmp_path / "dump" / "toc.dat"
    with scratch_beside(admin_url) as scratch:
        copy = taking.restore(taken.contents, tmp_path, scratch, limit(), NoProgress())
        contents.write_bytes(contents.read_bytes()[:-1])
        with pytest.raises(BackupDamagedError):
            taking.prove(taken.contents, copy, scratch, limit(), NoProgress())


def test_what_is_left_out_on_purpose_is_left_out_and_named(admin_url: str, tmp_path: Path) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "odd ""one"; CREATE TABLE "odd ""one".t AS SELECT 1 AS n')
        connection.execute("CREATE EXTENSION citext")
    leave_out = {"schemas": ['odd "one'], "extensions": ["citext"]}
    taking = engine(leave_out=leave_out)
    taken = taking.take(source_of(admin_url), tmp_path, limit(), NoProgress())
    with scratch_beside(admin_url) as scratch:
        copy = taking.restore(taken.contents, tmp_path, scratch, limit(), NoProgress())
        proof = taking.prove(taken.contents, copy, scratch, limit(), NoProgress())
        with psycopg.connect(copy.url) as connection:
            there = connection.execute("SELECT FROM pg_namespace WHERE nspname LIKE 'odd%'").fetchall()
            there += connection.execute("SELECT FROM pg_extension WHERE extname = 'citext'").fetchall()
    assert (proof.differences, there) == ((), [])
    assert 'schema "odd ""one" with 1 tables' in proof.left_out
    assert "extension citext" in proof.left_out
