"""Contract of the kind `sql_probe`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from pointsctl.checks.sql_probe import SqlProbe
from tests.contract.checks_contract import Case, CheckContract
from tests.support.audits import execute, opened
from tests.support.servers import Server
from tests.support.world import make_world


class TestSqlProbeContract(CheckContract):
    kind = "sql_probe"

    @pytest.fixture
    def clean(self, tmp_path: Path, database_url: str) -> Iterator[Case]:
        with opened(database_url) as database:
            yield Case(
                {"probes": ["client-insert", "own-rows-visible"]}, make_world(tmp_path, database=lambda: database)
            )

    @pytest.fixture
    def violating(self, tmp_path: Path, server: Server) -> Iterator[Case]:
        with server.database() as name:
            execute(
                server.cluster.url(name), "ALTER TABLE public.points_events DROP CONSTRAINT points_events_nonce_key"
            )
            with opened(server.cluster.url(name, "postgres")) as database:
                yield Case({"probes": ["duplicate-nonce"]}, make_world(tmp_path, database=lambda: database))

    @pytest.fixture
    def broken(self, tmp_path: Path, empty_database_url: str) -> Iterator[Case]:
        with opened(empty_database_url) as database:
            yield Case({"probes": ["client-insert"]}, make_world(tmp_path, database=lambda: database))

    def test_failure_says_who_did_what_and_what_was_expected(self, violating: Case) -> None:
        observation = violating.look(self.kind)
        assert observation.summary == (
            "1 of 1 attempts went otherwise; first public.points_events:"
            " as service_role: 1 row, expected sqlstate 23505 on nonce"
        )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "probes"),
        ({"probes": []}, "at least 1"),
        ({"probes": ["client-inset"]}, "did you mean 'client-insert'"),
        ({"probes": ["rows/coupons"]}, "no file"),
        ({"probes": ["client-insert", "client-insert"]}, "each probe once"),
        ({"probes": ["client-insert"], "tables": ["cupons"]}, "did you mean 'coupons'"),
        ({"probes": ["duplicate-nonce"], "tables": ["coupons"]}, "tries none of coupons"),
    ],
)
def test_nonsense_is_refused_when_the_checklist_is_loaded(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        SqlProbe.model_validate(parameters)
