"""`migrate apply`, killed at any moment: whatever was done is completed by the next one, and nothing is done twice."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pointsctl.errors import PointsctlError
from pointsctl.postgres.connection import connect
from tests.support.migrate_child import run_child
from tests.support.migrations import MigrationProject, query, records, versions
from tests.support.servers import Server, throw_away_server

CAMPAIGN = os.environ.get("HYPOTHESIS_PROFILE") == "campaign"
FILES = {
    "20250101000001_first.sql": "create table a (x int);\ninsert into a select generate_series(1, 2000);\n",
    "20250101000002_mixed.sql": (
        "alter table a add y int;\ncreate index concurrently a_x on a (x);\ninsert into a values (0);\n"
        "drop index concurrently a_x;\ncreate unique index concurrently a_u on a (x);\nvacuum a;\n"
    ),
    "20250101000003_index.sql": "create index concurrently if not exists a_y on a (y);\n",
    "20250101000004_last.sql": "begin;\ninsert into a values (-1);\ncommit;\n",
}


@contextmanager
def a_project(server: Server, folder: Path) -> Iterator[MigrationProject]:
    with server.database("template0") as name:
        project = MigrationProject(folder, server.cluster.url(name, "postgres"))
        for file, text in FILES.items():
            project.write(file, text)
        yield project


def assert_applied_exactly_once(project: MigrationProject) -> None:
    assert versions(project.url) == [name.partition("_")[0] for name in FILES]
    assert [one.data["file"] for one in records(project.url)] == list(FILES)
    assert query(project.url, "select count(*), count(distinct x) from a") == [(2002, 2002)]
    assert query(
        project.url,
        "select indexrelid::regclass::text, indisvalid from pg_index where indrelid = 'a'::regclass order by 1",
    ) == [
        ("a_u", True),
        ("a_y", True),
    ]


def test_a_run_that_is_not_killed(server: Server, tmp_path: Path) -> None:
    with a_project(server, tmp_path) as project:
        code, events = run_child(project, 0)
        assert code == 0
        assert events > 20
        assert_applied_exactly_once(project)


@pytest.mark.parametrize("event", range(1, 60) if CAMPAIGN else (3, 12, 18, 27))
def test_killed_at_an_event(server: Server, tmp_path: Path, event: int) -> None:
    with a_project(server, tmp_path) as project:
        run_child(project, event)
        project.apply()
        assert_applied_exactly_once(project)


@pytest.mark.parametrize("seed", range(50 if CAMPAIGN else 1))
def test_killed_at_a_random_moment_again_and_again(server: Server, tmp_path: Path, seed: int) -> None:
    with a_project(server, tmp_path) as project:
        times = random.Random(seed)  # noqa: S311
        for _ in range(4 if CAMPAIGN else 2):
            run_child(project, 0, seconds=times.uniform(0.3, 0.9))
        project.apply()
        assert_applied_exactly_once(project)


def restart_when_it_sleeps(server: Server) -> None:
    """Restart the server as soon as a session sleeps in it."""
    admin = server.cluster.url("postgres")
    sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and pid <> pg_backend_pid()"
    while query(admin, sleeping) != [(1,)]:
        query(admin, "select 1")
    server.cluster.restart()


def test_a_server_that_restarts_in_mid_file_has_the_file_before_and_nothing_of_this_one(tmp_path: Path) -> None:
    with throw_away_server() as server, server.database("template0") as name:
        project = MigrationProject(tmp_path, server.cluster.url(name, "postgres"))
        project.write("20250101000001_first.sql", "create table slow ();\n")
        project.write(
            "20250101000002_second.sql",
            "create table b (x int);\nselect pg_sleep(case when to_regclass('public.slow') is null then 0 else 90 end);\n",
        )
        restarting = threading.Thread(target=restart_when_it_sleeps, args=(server,))
        restarting.start()
        with pytest.raises(PointsctlError) as raised:
            project.apply()
        restarting.join()
        told = f"{raised.value.message}; {raised.value.hint}"
        assert "20250101000002_second.sql" in told
        assert "1 of 2" in told
        assert versions(project.url) == ["20250101000001"]
        assert query(project.url, "select to_regclass('public.b') is null") == [(True,)]
        with connect(project.url) as connection:
            connection.execute("drop table public.slow")
        project.apply()
        assert versions(project.url) == ["20250101000001", "20250101000002"]
        assert len(records(project.url)) == 2
