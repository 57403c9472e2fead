"""Contract of the kind `sql_audit`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from pointsctl.checks.sql_audit import SqlAudit
from pointsctl.errors import PointsctlError
from pointsctl.model.finding import Outcome
from pointsctl.postgres.audits import COLUMNS
from pointsctl.postgres.database import Database
from tests.contract.checks_contract import Case, CheckContract
from tests.support.audits import execute, opened
from tests.support.world import make_world


class TestSqlAuditContract(CheckContract):
    kind = "sql_audit"

    @pytest.fixture
    def database_of(self, database_url: str) -> Iterator[Database]:
        with opened(database_url) as database:
            yield database

    @pytest.fixture
    def clean(self, tmp_path: Path, database_of: Database) -> Case:
        return Case({"audits": ["rls-enabled", "cache-balance"]}, make_world(tmp_path, database=lambda: database_of))

    @pytest.fixture
    def violating(self, tmp_path: Path, admin_url: str, database_of: Database) -> Case:
        execute(admin_url, "ALTER TABLE public.coupons DISABLE ROW LEVEL SECURITY")
        return Case({"audits": ["rls-enabled"], "sample": 1}, make_world(tmp_path, database=lambda: database_of))

    @pytest.fixture
    def broken(self, tmp_path: Path, empty_database_url: str) -> Iterator[Case]:
        with opened(empty_database_url) as database:
            yield Case({"audits": ["rls-enabled"]}, make_world(tmp_path, database=lambda: database))

    def test_failure_names_counts_object_and_remedy(self, violating: Case) -> None:
        observation = violating.look(self.kind)
        assert observation.summary == (
            "1 found; first public.coupons: row level security is off; clients hold a privilege on it"
        )
        assert observation.hint == "ALTER TABLE public.coupons ENABLE ROW LEVEL SECURITY;"
        (audited,) = observation.evidence["audits"]
        assert (audited["id"], audited["total"], len(audited["rows"])) == ("rls-enabled", 1, 1)
        assert tuple(audited["rows"][0]) == COLUMNS

    def test_hostile_name_stays_one_printable_line(self, clean: Case, admin_url: str) -> None:
        execute(
            admin_url, 'CREATE POLICY "a\x1b[2J\n::error::b" ON public.coupons FOR SELECT TO authenticated USING (true)'
        )
        observation = Case({"audits": ["rls-policies"]}, clean.world).look(self.kind)
        assert observation.outcome is Outcome.FAIL
        assert observation.summary.isprintable()
        assert observation.hint.isprintable()

    def test_pass_shows_the_line_about_the_whole(self, clean: Case) -> None:
        observation = clean.look(self.kind)
        assert observation.observed == "0 of 0 users differ (0.000 %), by 0 points in total"

    def test_one_bad_audit_is_enough(self, violating: Case) -> None:
        case = Case({"audits": ["coupon-digest", "rls-enabled", "event-rate"]}, violating.world)
        observation = case.look(self.kind)
        assert observation.outcome is Outcome.FAIL
        assert observation.summary.startswith("2 found: 1 by rls-enabled, 1 by event-rate; first ")

    def test_one_audit_that_cannot_look_is_an_error_for_all(self, violating: Case) -> None:
        case = Case(
            {"audits": ["rls-enabled", "rls-policies"], "parameters": {"rls-policies": {"clients": ["ghost"]}}},
            violating.world,
        )
        with pytest.raises(PointsctlError, match="role ghost"):
            case.look(self.kind)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "audits"),
        ({"audits": []}, "at least 1"),
        ({"audits": ["rls-enable"]}, "did you mean 'rls-enabled'"),
        ({"audits": ["rls-enabled", "rls-enabled"]}, "each audit once"),
        ({"audits": ["../ledger"]}, "no file"),
        ({"audits": ["rls-enabled"], "parameters": {"cache-balance": {}}}, "none of this item's audits"),
        ({"audits": ["worker-backlog"], "parameters": {"worker-backlog": {"mx": 1}}}, "did you mean 'max'"),
        ({"audits": ["worker-backlog"], "parameters": {"worker-backlog": {"max": "1"}}}, "a whole number"),
        ({"audits": ["worker-backlog"], "parameters": {"worker-backlog": {"max": True}}}, "a whole number"),
        ({"audits": ["rls-enabled"], "parameters": {"rls-enabled": {"tables": "public.a"}}}, "a list of texts"),
        ({"audits": ["cache-balance-since"]}, "needs the parameter 'since'"),
        (
            {"audits": ["cache-balance-since"], "parameters": {"cache-balance-since": {"since": "2026-01-01"}}},
            "its zone",
        ),
        ({"audits": ["rls-enabled"], "sample": 0}, "greater than or equal to 1"),
    ],
)
def test_nonsense_is_refused_when_the_checklist_is_loaded(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        SqlAudit.model_validate(parameters)
