"""Kind `sql_audit`: when it does not apply, when there was nothing to check, and that neither is ever a pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsctl.checks.sql_audit import SqlAudit
from pointsctl.errors import ContextMissingError
from pointsctl.model.finding import Observation, Outcome
from pointsctl.postgres import administration
from pointsctl.postgres.database import Database
from tests.support.world import make_world

EVENTS = "public.points_events"


def look(tmp_path: Path, url: str, **parameters: object) -> Observation:
    database = Database(url)
    try:
        check = SqlAudit.model_validate({"audits": ["cache-balance"], **parameters})
        return check.look(make_world(tmp_path, database=lambda: database))
    finally:
        database.close()


def use(url: str) -> None:
    """One validated event, booked."""
    administration.run_script(
        url,
        "insert into public.points_events (user_id, event_type, points_delta, validation_status, nonce, payload_hash,"
        " trust_score, validated_at) values (gen_random_uuid(), 'habit_completed', 5, 'validated', 'nonce-0123456789abcdef',"
        " repeat('0a', 32), 90, now());"
        " insert into public.user_points_cache (user_id, available_points, lifetime_points)"
        " select user_id, 5, 5 from public.points_events",
        what="using the points system",
    )


def test_without_conditions_an_empty_database_is_compared_and_says_that_it_was_empty(
    tmp_path: Path, database_url: str
) -> None:
    assert look(tmp_path, database_url).observed.startswith("0 of 0 users")


@pytest.mark.parametrize("condition", ["when_installed", "when_used"])
def test_skipped_with_the_reason_while_the_table_does_not_exist(
    tmp_path: Path, empty_database_url: str, condition: str
) -> None:
    observation = look(tmp_path, empty_database_url, **{condition: EVENTS})
    assert observation.outcome is Outcome.SKIP
    assert f"{EVENTS} does not exist" in observation.summary


def test_a_missing_table_without_a_condition_raises(tmp_path: Path, empty_database_url: str) -> None:
    with pytest.raises(ContextMissingError, match="points_events"):
        look(tmp_path, empty_database_url)


def test_when_used_skips_an_empty_table_and_looks_at_a_used_one(tmp_path: Path, database_url: str) -> None:
    assert look(tmp_path, database_url, when_used=EVENTS).outcome is Outcome.SKIP
    use(database_url)
    assert look(tmp_path, database_url, when_used=EVENTS).observed.startswith("0 of 1 users")


def test_when_installed_looks_at_an_empty_table(tmp_path: Path, database_url: str) -> None:
    assert look(tmp_path, database_url, when_installed=EVENTS).outcome is Outcome.PASS


def test_not_empty_waits_until_there_is_something_to_check(tmp_path: Path, database_url: str) -> None:
    waiting = look(tmp_path, database_url, not_empty=[EVENTS])
    assert waiting.outcome is Outcome.PENDING
    assert EVENTS in waiting.summary
    use(database_url)
    assert look(tmp_path, database_url, not_empty=[EVENTS]).outcome is Outcome.PASS


def test_a_failure_counts_more_than_emptiness(tmp_path: Path, database_url: str) -> None:
    administration.run_script(
        database_url, "insert into public.user_points_cache values (gen_random_uuid(), 7, 7)", what="a drifted balance"
    )
    assert look(tmp_path, database_url, not_empty=[EVENTS]).outcome is Outcome.FAIL


@pytest.mark.parametrize("name", ["points_events", "public.points_events; drop table x", 'public."Points"', ""])
def test_a_table_name_is_a_full_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="when_used"):
        SqlAudit.model_validate({"audits": ["cache-balance"], "when_used": name})
