"""A verify script reads and nothing else, and only what says that it is true is a pass."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from pointsctl.model.sql_statements import split
from pointsctl.postgres.connection import connect
from pointsctl.postgres.verify_script import verify_problem
from pointsctl.workflow.cancellation import TimeLimit
from tests.support.audits import execute


def problem(url: str, text: str) -> str:
    return verify_problem(url, split(text.encode()), timedelta(seconds=1), TimeLimit(60, time.monotonic))


@pytest.fixture
def url(empty_database_url: str) -> str:
    execute(empty_database_url, "create table public.kept (id integer)")
    execute(empty_database_url, "insert into public.kept values (1), (2)")
    return empty_database_url


@pytest.mark.parametrize(
    "text",
    [
        "select true",
        "select id > 0, id from kept",
        "select 'a remark'; select count(*) = 2 from kept; select true where false;",
        "-- nothing but a remark\nselect true;\n-- the end",
    ],
)
def test_what_is_true_passes(url: str, text: str) -> None:
    assert problem(url, text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it says of nothing that it is true"),
        ("-- select true", "it says of nothing that it is true"),
        ("select 1", "it says of nothing that it is true"),
        ("select true where false", "it says of nothing that it is true"),
        ("select 'true'", "it says of nothing that it is true"),
        ("select false", "line 1: 1 of 1 rows are not true"),
        ("select true;\nselect null::boolean", "line 2: 1 of 1 rows are not true"),
        ("select true;\nselect id = 1 from kept", "line 2: 1 of 2 rows are not true"),
        ("select true;\nselect nothing from kept", "line 2: column"),
        ("select 1 / 0", "line 1: division by zero"),
        ("select pg_sleep(30)", "line 1: canceling statement"),
        (r"\i other.sql", "line 1"),
    ],
)
def test_everything_else_does_not(url: str, text: str, why: str) -> None:
    assert why in problem(url, text)


@pytest.mark.parametrize(
    "attack",
    [
        "delete from kept",
        "commit; delete from kept",
        "rollback; delete from kept",
        "set transaction read write; delete from kept",
        "set local transaction_read_only = off; delete from kept",
        "savepoint a; set transaction read write; delete from kept; release a",
        "set session characteristics as transaction read write; delete from kept",
        "with gone as (delete from kept returning true) select true from gone",
        "do $$ begin delete from public.kept; end $$",
        "do $$ begin commit; delete from public.kept; end $$",
        "set standard_conforming_strings = off; select 'a\\'; commit; delete from public.kept; --'",
        "truncate kept",
        "create table public.more (id integer)",
        "select true; drop table kept",
    ],
)
def test_nothing_is_ever_changed(url: str, attack: str) -> None:
    assert problem(url, attack)
    with connect(url) as connection:
        assert connection.execute("select count(*), to_regclass('public.more') from public.kept").fetchone() == (
            2,
            None,
        )
