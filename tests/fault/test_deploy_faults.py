"""Deployments under kill -9 and many operators: everything is applied exactly once, and one of them does it."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pointsctl.errors import PointsctlError, RefusedError
from pointsctl.model.ledger import Kind
from pointsctl.model.procedure import open_procedure
from pointsctl.postgres.connection import connect
from pointsctl.sandbox.databases import OWNER
from pointsctl.workflow.deploy import Deployed
from tests.support.backup_projects import Telling
from tests.support.deploy_child import run_child
from tests.support.deploy_projects import ALONE, MIGRATIONS, DeployProject
from tests.support.servers import Server

CAMPAIGN = os.environ.get("HYPOTHESIS_PROFILE") == "campaign"
KILLS = 30 if CAMPAIGN else 1
TIMES = 20 if CAMPAIGN else 1
ENGINES = ("native", "supabase")
OPERATORS = 20
# About as long as the child works, once its modules are there.
_LONGEST_S = {"native": 2.5, "supabase": 8.0}


@contextmanager
def fresh(server: Server, folder: Path, engine: str) -> Iterator[DeployProject]:
    """A project with a database of its own."""
    folder.mkdir()
    with server.database() as name:
        files = ALONE if engine == "supabase" else MIGRATIONS
        project = DeployProject(folder, server.cluster.url(name, OWNER), files=files, migrations={"engine": engine})
        if engine == "supabase":
            project.with_the_cli()
        project.look()
        yield project


def wait_for_the_dead(project: DeployProject) -> None:
    """Until the server has noticed that the killed process is gone: its sessions hold the locks until then."""
    ours = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    with connect(project.url) as connection:
        waits = 0
        while connection.execute(ours).fetchone() != (0,):
            waits += 1
            assert waits < 300, "a session of a killed run is still there"
            connection.execute("SELECT pg_sleep(0.1), pg_stat_clear_snapshot()")


def go_on(project: DeployProject) -> None:
    """As an operator does who finds the procedure as it is."""
    wait_for_the_dead(project)
    going_on = open_procedure(project.history().procedures) is not None
    project.deploy(resume=going_on)
    project.assert_deployed_once()
    assert open_procedure(project.history().procedures) is None
    assert all(not one.objection for one in project.history().procedures)


@pytest.mark.parametrize("engine", ENGINES)
def test_kill_9_at_any_event_and_resume_applies_everything_once(server: Server, tmp_path: Path, engine: str) -> None:
    with fresh(server, tmp_path / "whole", engine) as project:
        code, total = run_child(project)
        assert code == 0
        project.assert_deployed_once()
    assert total > KILLS
    for number in range(KILLS):
        moment = round((number + 1) * total / (KILLS + 1))
        with fresh(server, tmp_path / f"event-{moment}", engine) as project:
            run_child(project, moment)
            go_on(project)


@pytest.mark.parametrize("engine", ENGINES if CAMPAIGN else ENGINES[:1])
@pytest.mark.parametrize("number", range(TIMES))
def test_kill_9_at_any_time_twice_and_resume_applies_everything_once(
    server: Server, tmp_path: Path, engine: str, number: int
) -> None:
    chance = random.Random(f"{engine} {number}")  # noqa: S311
    with fresh(server, tmp_path / "project", engine) as project:
        run_child(project, seconds=chance.uniform(0.05, _LONGEST_S[engine]))
        wait_for_the_dead(project)
        run_child(project, seconds=chance.uniform(0.05, _LONGEST_S[engine]))
        go_on(project)


@pytest.mark.parametrize("operators", [2, OPERATORS])
def test_of_many_operators_at_once_exactly_one_deploys(tmp_path: Path, database_url: str, operators: int) -> None:
    project = DeployProject(tmp_path, database_url)
    project.look()
    begin, others_over = threading.Barrier(operators), threading.Semaphore(0)
    done: list[Deployed] = []
    refused: list[PointsctlError] = []

    def wait_for_the_others(stage: str) -> None:
        # Whoever has come this far holds the lock; all others must have been refused meanwhile.
        if stage == "migrate":
            for _ in range(operators - 1):
                assert others_over.acquire(timeout=120)

    def operate() -> None:
        begin.wait()
        try:
            done.append(project.deploy(Telling(begins=wait_for_the_others)))
        except PointsctlError as error:
            refused.append(error)
            others_over.release()

    threads = [threading.Thread(target=operate) for _ in range(operators)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(done), len(refused)) == (1, operators - 1)
    assert all(isinstance(one, RefusedError) and "pointsctl deploy ada" in one.message for one in refused)
    project.assert_deployed_once()
    assert project.kinds().count(Kind.PROCEDURE_STARTED) == 1
