"""Contract of the kind `migration_objects`: each object missing or unusable is named, and nothing asked for is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from pointsctl.checks.migration_objects import MigrationObjects
from pointsctl.errors import ContextMissingError
from pointsctl.model.finding import Observation, Outcome
from tests.contract.checks_contract import Case, CheckContract
from tests.support.audits import execute, opened
from tests.support.world import make_world

EVERYTHING = {
    "tables": ["points_events", "user_points_cache", "coupon_templates", "coupons", "fraud_insights", "feature_flags"],
    "indexes": ["points_events_validated_by_user_idx", "coupons_code_hash_key", "fraud_insights_open_idx"],
    "constraints": ["points_events_nonce_key", "coupons.coupons_plaintext_code_check"],
    "functions": ["validate_points_event", "redeem_coupon"],
    "policies": ["points_events_select_own", "coupons.coupons_select_own"],
}


def look(url: str, parameters: dict[str, Any]) -> Observation:
    """One look in a snapshot of its own."""
    with opened(url) as database:
        return MigrationObjects.model_validate(parameters).look(make_world(Path("/"), database=lambda: database))


def problems(observation: Observation) -> list[tuple[str, str]]:
    """Object and detail of each row."""
    return [(row["object"].removeprefix("public."), row["detail"]) for row in observation.evidence["rows"]]


class TestMigrationObjectsContract(CheckContract):
    kind = "migration_objects"

    @pytest.fixture
    def clean(self, tmp_path: Path, database_url: str) -> Iterator[Case]:
        with opened(database_url) as database:
            yield Case(EVERYTHING, make_world(tmp_path, database=lambda: database))

    @pytest.fixture
    def violating(self, tmp_path: Path, empty_database_url: str) -> Iterator[Case]:
        with opened(empty_database_url) as database:
            yield Case(EVERYTHING, make_world(tmp_path, database=lambda: database))

    @pytest.fixture
    def broken(self, tmp_path: Path, empty_database_url: str) -> Iterator[Case]:
        with opened(empty_database_url) as database:
            yield Case({**EVERYTHING, "schema": "points"}, make_world(tmp_path, database=lambda: database))


SET_INDEX = "UPDATE pg_index SET {column} = {value} WHERE indexrelid = 'public.{name}'::regclass"


@pytest.mark.parametrize(
    ("plant", "mend", "found"),
    [
        ("ALTER TABLE public.coupons RENAME TO gone", "ALTER TABLE public.gone RENAME TO coupons",
         [("coupons", "table is missing"), ("coupons.coupons_plaintext_code_check", "constraint is missing"),
          ("coupons.coupons_select_own", "policy is missing")]),
        ("DROP INDEX public.points_events_validated_by_user_idx",
         "CREATE INDEX points_events_validated_by_user_idx ON public.points_events (user_id)",
         [("points_events_validated_by_user_idx", "index is missing")]),
        *((SET_INDEX.format(column=column, value="false", name="points_events_validated_by_user_idx"),
           SET_INDEX.format(column=column, value="true", name="points_events_validated_by_user_idx"),
           [("points_events_validated_by_user_idx", f"index {words}")])
          for column, words in (("indisvalid", "is not valid"), ("indisready", "is not kept up to date"), ("indislive", "is being dropped"))),
        (SET_INDEX.format(column="indisvalid", value="false", name="points_events_nonce_key"),
         SET_INDEX.format(column="indisvalid", value="true", name="points_events_nonce_key"),
         [("points_events_nonce_key", "constraint has an index that is not valid")]),
        ("UPDATE pg_constraint SET convalidated = false WHERE conname = 'coupons_plaintext_code_check'",
         "ALTER TABLE public.coupons VALIDATE CONSTRAINT coupons_plaintext_code_check",
         [("coupons.coupons_plaintext_code_check", "constraint is not validated")]),
        ("ALTER FUNCTION public.redeem_coupon RENAME TO redeem", "ALTER FUNCTION public.redeem RENAME TO redeem_coupon",
         [("redeem_coupon", "function is missing")]),
        ("ALTER TABLE public.coupons DISABLE ROW LEVEL SECURITY", "ALTER TABLE public.coupons ENABLE ROW LEVEL SECURITY",
         [("coupons.coupons_select_own", "policy is idle: row level security is off")]),
        ("ALTER POLICY points_events_select_own ON public.points_events RENAME TO other",
         "ALTER POLICY other ON public.points_events RENAME TO points_events_select_own",
         [("points_events_select_own", "policy is missing")]),
    ],
)  # fmt: skip
def test_defect_is_named_and_gone_once_mended(
    admin_url: str, database_url: str, plant: str, mend: str, found: list[tuple[str, str]]
) -> None:
    assert look(database_url, EVERYTHING).outcome is Outcome.PASS
    execute(admin_url, plant)
    assert problems(look(database_url, EVERYTHING)) == found
    execute(admin_url, mend)
    assert look(database_url, EVERYTHING).outcome is Outcome.PASS


def test_view_in_the_place_of_a_table_is_no_table(admin_url: str, database_url: str) -> None:
    execute(admin_url, "CREATE VIEW public.points_totals AS SELECT 1 AS one")
    assert problems(look(database_url, {"tables": ["points_totals"]})) == [("points_totals", "table is no table")]


def test_name_shared_by_two_tables_must_be_usable_on_both(admin_url: str, database_url: str) -> None:
    for table in ("coupons", "coupon_templates"):
        execute(admin_url, f"ALTER TABLE public.{table} ADD CONSTRAINT shared CHECK (true) NOT VALID")
    execute(admin_url, "ALTER TABLE public.coupons VALIDATE CONSTRAINT shared")
    assert look(database_url, {"constraints": ["coupons.shared"]}).outcome is Outcome.PASS
    assert problems(look(database_url, {"constraints": ["shared"]})) == [("shared", "constraint is not validated")]


def test_counts_tell_how_many_were_looked_for(empty_database_url: str) -> None:
    observation = look(empty_database_url, {"tables": ["a", "b"]})
    assert (observation.observed, observation.expected) == ("0 of 2 exist and are valid", "2 exist and are valid")


def test_missing_schema_is_an_error(database_url: str) -> None:
    with pytest.raises(ContextMissingError, match="schema points"):
        look(database_url, {"tables": ["coupons"], "schema": "points"})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "at least one of tables"),
        ({"tables": []}, "at least one of tables"),
        ({"schema": "public"}, "at least one of tables"),
        ({"tables": ["Coupons"]}, "pattern"),
        ({"tables": ["public.coupons"]}, "pattern"),
        ({"indexes": ["a b"]}, "pattern"),
        ({"constraints": ["a.b.c"]}, "pattern"),
        ({"tables": ["a"], "schema": ""}, "at least 1"),
    ],
)
def test_nonsense_is_refused_when_the_checklist_is_loaded(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        MigrationObjects.model_validate(parameters)
