"""What a statement is, told by its words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.statement_kind import ConcurrentIndex, statement_kind


@pytest.mark.parametrize(
    "text",
    [
        "create index concurrently i on t (a)",
        "-- c\n/* c /* c */ */ CREATE UNIQUE INDEX /* c */ CONCURRENTLY i ON t(a)",
        "drop index concurrently if exists i",
        "reindex table concurrently t",
        "reindex (verbose, concurrently) index i",
        "REINDEX (tablespace x) DATABASE d",
        "reindex schema public",
        "vacuum",
        "vacuum (analyze) t",
        "create database d",
        "drop database if exists d with (force)",
        "alter database d set tablespace x",
        "alter system set work_mem = '1MB'",
        "create tablespace x location '/x'",
        "drop tablespace x",
        "create subscription s connection '' publication p",
        "drop subscription s",
        "alter subscription s refresh publication",
        "alter table only public.t detach partition public.p concurrently",
        "discard all",
        "cluster",
        "cluster (verbose)",
        "commit prepared 'x'",
    ],
)
def test_what_runs_in_no_transaction(text: str) -> None:
    assert not statement_kind(text).runs_in_transaction


@pytest.mark.parametrize(
    "text",
    [
        "create index i on t (a)",
        "create index i on concurrently (a)".replace("on concurrently", 'on "concurrently"'),
        "drop index i",
        "reindex table t",
        "refresh materialized view concurrently m",
        "alter database d set work_mem = '1MB'",
        "alter table t detach partition p",
        "alter table t detach partition p finalize",
        'alter table t add column "concurrently" int, drop column detach',
        "alter type t add value 'x'",
        "cluster t using i",
        "cluster verbose t",
        "comment on index i is 'create index concurrently'",
        "select 'vacuum'",
        "$$vacuum$$",
        "alter subscription s disable",
        "discard plans",
    ],
)
def test_what_runs_in_one(text: str) -> None:
    assert statement_kind(text).runs_in_transaction


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("begin", "begin"),
        ("BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE", "begin"),
        ("start transaction", "begin"),
        ("commit work", "commit"),
        ("end", "commit"),
        ("commit prepared 'x'", "commit"),
        ("rollback", "rollback"),
        ("rollback work and chain", "rollback"),
        ("abort", "rollback"),
        ("rollback to savepoint a", "savepoint"),
        ("rollback transaction to a", "savepoint"),
        ("savepoint a", "savepoint"),
        ("release a", "release"),
        ("prepare transaction 'x'", "prepare"),
        ("prepare q as select 1", None),
        ("set transaction read only", None),
        ("do $$ begin end $$", None),
    ],
)
def test_what_it_does_to_the_transaction(text: str, control: str | None) -> None:
    assert statement_kind(text).control == control


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("create index concurrently I on T (a)", ConcurrentIndex("i", None, "t", if_not_exists=False, unique=False)),
        (
            'create unique index concurrently if not exists "I""x" on only "S".T using btree (a)',
            ConcurrentIndex('I"x', "S", "t", if_not_exists=True, unique=True),
        ),
        ("create index concurrently on t (a)", ConcurrentIndex(None, None, "t", if_not_exists=False, unique=False)),
        ("create index concurrently i on É.t (a)", ConcurrentIndex("i", "É", "t", if_not_exists=False, unique=False)),
        ("create index concurrently", None),
        ("create index concurrently i", None),
        ("create index concurrently i on 'x'", None),
        ("drop index concurrently i", None),
        ("create index i on t (a)", None),
    ],
)
def test_the_index_that_it_builds(text: str, index: ConcurrentIndex | None) -> None:
    assert statement_kind(text).concurrent_index == index


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("/* only */ -- this", ""),
        ("\ufeffselect 1", "SELECT"),
        ("create or replace function f()", "CREATE OR REPLACE FUNCTION"),
        ("create index concurrently i on t (a)", "CREATE INDEX CONCURRENTLY"),
        ("alter table t add column x int", "ALTER TABLE"),
        ("begin work", "BEGIN"),
        ("(select 1)", "("),
    ],
)
def test_its_words(text: str, words: str) -> None:
    kind = statement_kind(text)
    assert kind.words == words
    assert kind.empty == (words == "")


@given(st.text(max_size=80))
def test_anything_is_told(text: str) -> None:
    statement_kind(text)
    statement_kind(f"create index concurrently {text}")
    statement_kind(f"alter table {text}")
