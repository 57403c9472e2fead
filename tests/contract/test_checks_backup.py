"""Kind `backup`: passes only for a backup that this ledger proved, for the bytes that are in the store now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pydantic
import pytest

from pointsctl.checks.backup import Backup
from pointsctl.checks.interface import Backups
from pointsctl.errors import CouldNotLookError, PointsctlError, StorageError
from pointsctl.model.backup_history import RecordedBackup
from pointsctl.model.finding import Observation, Outcome
from pointsctl.model.history import History
from pointsctl.model.posture_rules import posture_problems
from pointsctl.model.run_history import SeenFinding
from pointsctl.model.store_seen import StoreSeen
from pointsctl.postgres.database import Database
from tests.contract.checks_contract import Case, CheckContract
from tests.support.approvals import CREATED, NOW
from tests.support.recorded_backups import (
    FAILED,
    PROOF,
    WEEK,
    created,
    history,
    manifest,
    pruned,
    refuted,
    seen,
    verified,
)
from tests.support.world import make_item, make_world

DAY = timedelta(days=1)
KNOWN = (created(), verified())


def unreachable(_backup: RecordedBackup | None) -> StoreSeen:
    raise StorageError("the store does not answer", hint="look at it")


def case(
    folder: Path,
    proves: str,
    *records: Any,
    known: History | None = None,
    shown: StoreSeen | Callable[..., StoreSeen] | None = None,
    protected: bool = True,
    retention: timedelta = WEEK,
    now: datetime = NOW,
    database: Callable[[], Database] | None = None,
    **parameters: object,
) -> Case:
    shown = shown or seen(manifest())
    look = shown if callable(shown) else lambda _backup: shown
    backups = Backups(fresh_for=DAY, retention=retention, protected=protected, stored=look)
    found = known or history(*(records or KNOWN), now=now)
    world = make_world(folder, environment="production", item=make_item("backup"))
    world = replace(world, target="production", backups=backups, history=lambda: found)
    return Case({"proves": proves, **parameters}, replace(world, database=database) if database else world)


def look(folder: Path, proves: str, *records: Any, **others: Any) -> Observation:
    return case(folder, proves, *records, **others).look("backup")


class _OfTheLedger(CheckContract):
    kind = "backup"
    proves: str

    @pytest.fixture
    def clean(self, tmp_path: Path) -> Case:
        return case(tmp_path, self.proves)

    @pytest.fixture
    def violating(self, tmp_path: Path) -> Case:
        return case(tmp_path, self.proves, created(), verified(), refuted())

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Case:
        return case(tmp_path, self.proves, known=replace(history(*KNOWN), now=None))


class TestRestored(_OfTheLedger):
    proves = "restored"


class TestContent(_OfTheLedger):
    proves = "content"


class _OfTheStore(_OfTheLedger):
    @pytest.fixture
    def broken(self, tmp_path: Path) -> Case:
        return case(tmp_path, self.proves, shown=unreachable)


class TestTaken(_OfTheStore):
    proves = "taken"

    @pytest.fixture
    def violating(self, tmp_path: Path) -> Case:
        return case(tmp_path, self.proves, shown=seen(manifest(), missing=["objects/toc.dat is missing"]))


class TestStored(_OfTheStore):
    proves = "stored"

    @pytest.fixture
    def violating(self, tmp_path: Path) -> Case:
        return case(tmp_path, self.proves, shown=seen(manifest(), public=True))


class TestRetention(_OfTheStore):
    proves = "retention"

    @pytest.fixture
    def violating(self, tmp_path: Path) -> Case:
        return case(tmp_path, self.proves, shown=seen(expires_after=DAY))


class TestSize(CheckContract):
    kind = "backup"

    @pytest.fixture
    def database(self, database_url: str) -> Iterator[Callable[[], Database]]:
        opened = Database(database_url)
        yield lambda: opened
        opened.close()

    @pytest.fixture
    def clean(self, tmp_path: Path, database: Callable[[], Database]) -> Case:
        of = manifest(database_size=9_000_000)
        return case(tmp_path, "size", created(of, stored_size=4_000_000), database=database)

    @pytest.fixture
    def violating(self, tmp_path: Path, database: Callable[[], Database]) -> Case:
        before = manifest(1, taken_at=CREATED - DAY)
        return case(tmp_path, "size", created(before), created(stored_size=100_000_000), database=database)

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Case:
        def gone() -> Database:
            raise CouldNotLookError("the server is away", hint="start it")

        return case(tmp_path, "size", database=gone)

    def test_a_database_that_has_grown_since_is_no_longer_what_was_backed_up(
        self, tmp_path: Path, database: Callable[[], Database]
    ) -> None:
        found = look(tmp_path, "size", created(), database=database)
        assert (found.outcome, found.evidence["live_size"] > 0) == (Outcome.FAIL, True)
        assert "more than 2 times apart" in found.summary


PROVES = ("taken", "stored", "restored", "content")


@pytest.mark.parametrize("proves", PROVES)
def test_without_a_backup_it_waits_and_says_which_command_makes_one(tmp_path: Path, proves: str) -> None:
    nothing = case(tmp_path, proves, known=history())
    found = nothing.look("backup")
    assert (found.outcome, found.hint) == (Outcome.PENDING, "pointsctl backup create --env production")
    without_ledger = Case(nothing.parameters, replace(nothing.world, history=lambda: None)).look("backup")
    assert without_ledger.outcome is Outcome.PENDING
    assert without_ledger.hint.startswith("pointsctl init --env production")


@pytest.mark.parametrize("proves", PROVES)
def test_a_backup_that_was_removed_is_none(tmp_path: Path, proves: str) -> None:
    found = look(tmp_path, proves, created(), verified(), pruned())
    assert (found.outcome, "was removed" in found.summary) == (Outcome.PENDING, True)


@pytest.mark.parametrize("proves", ["taken", "restored", "content"])
def test_a_stale_backup_fails_and_names_both_times(tmp_path: Path, proves: str) -> None:
    now = CREATED + DAY + timedelta(minutes=1)
    found = look(tmp_path, proves, now=now)
    assert found.outcome is Outcome.FAIL
    assert (found.observed, found.expected) == (
        "taken 2026-01-31 08:00Z, it is 2026-02-01 08:01Z now",
        "at most 1d old",
    )
    assert look(tmp_path, proves, now=now, fresh_for="25h").outcome is Outcome.PASS


@pytest.mark.parametrize("proves", ["taken", "restored", "content"])
def test_a_backup_of_the_future_never_passes(tmp_path: Path, proves: str) -> None:
    assert look(tmp_path, proves, now=CREATED - timedelta(seconds=1)).outcome is Outcome.FAIL


@pytest.mark.parametrize("proves", ["restored", "content"])
def test_an_unverified_backup_waits_and_a_refuted_one_fails(tmp_path: Path, proves: str) -> None:
    waits = look(tmp_path, proves, created())
    assert waits.outcome is Outcome.PENDING
    assert waits.hint == f"pointsctl backup verify {manifest().id} --env production"
    fails = look(tmp_path, proves, created(), verified(), refuted())
    assert (fails.outcome, "was refuted" in fails.summary) == (Outcome.FAIL, True)
    assert fails.evidence["differences"][0]["what"] == "table public.coupons"


def test_the_drill_is_named_with_its_measured_time(tmp_path: Path) -> None:
    found = look(tmp_path, "restored")
    assert found.summary.endswith("was restored into a private server in 38s, with all 8 tables")
    assert found.evidence["restore_ms"] == 38_400


@pytest.mark.parametrize("proves", ["restored", "content"])
def test_a_copy_without_a_table_is_no_restored_database(tmp_path: Path, proves: str) -> None:
    """What a backup of the wrong database holds, or one that leaves every schema out."""
    empty = replace(PROOF, tables=0, rows=0, left_out=("schema public with 8 tables",))
    taken = created().model_copy(update={"summary": {"tables": 0}})
    found = look(tmp_path, proves, taken, verified(proof=empty))
    assert (found.outcome, found.observed) == (Outcome.FAIL, "0 tables")
    assert "schema public" in found.summary


def test_audits_and_indexes_of_the_copy_count_unless_the_item_says_otherwise(tmp_path: Path) -> None:
    bad_audit = (created(), verified(None, FAILED))
    assert "rls-policies" in look(tmp_path, "content", *bad_audit).summary
    assert look(tmp_path, "content", *bad_audit, audits="may-fail").outcome is Outcome.PASS
    unchecked = (created(), verified(proof=replace(PROOF, indexes_checked=None)))
    assert look(tmp_path, "content", *unchecked).outcome is Outcome.FAIL
    passed = look(tmp_path, "content", *unchecked, indexes="may-be-unchecked")
    assert (passed.outcome, "NO index checked" in passed.summary) == (Outcome.PASS, True)


def test_what_was_left_out_on_purpose_is_named_every_time(tmp_path: Path) -> None:
    proof = replace(PROOF, left_out=("schema vault", "extension pg_net"))
    assert "vault, extension pg_net" in look(tmp_path, "content", created(), verified(proof=proof)).summary


@pytest.mark.parametrize(
    "shown",
    [
        seen(None, missing=["its manifest is not there"]),
        seen(manifest(database_size=5)),
        seen(manifest(), missing=["objects/a is missing", "objects/b has 3 bytes, expected 4"]),
    ],
)
def test_a_backup_that_is_not_whole_in_the_store_is_not_taken(tmp_path: Path, shown: StoreSeen) -> None:
    found = look(tmp_path, "taken", shown=shown)
    assert (found.outcome, "is not whole in" in found.summary) == (Outcome.FAIL, True)


def test_another_store_than_the_one_it_was_put_into_is_named(tmp_path: Path) -> None:
    shown = replace(seen(None, missing=["its manifest is not there"]), address="s3://elsewhere")
    assert "it was put into s3://backups/points" in look(tmp_path, "taken", shown=shown).summary


def test_a_folder_will_do_only_where_nobody_is_hurt_or_somebody_says_so(tmp_path: Path) -> None:
    folder = seen(manifest(), kind="file", address="file:///var/backups", away=False)
    assert look(tmp_path, "stored", shown=folder).outcome is Outcome.FAIL
    for others in ({"protected": False}, {"folder_is_away": True}):
        found = look(tmp_path, "stored", shown=folder, **others)
        assert (found.outcome, "a folder, which will do" in found.summary) == (Outcome.PASS, True)


@pytest.mark.parametrize("proves", ["stored", "retention"])
@pytest.mark.parametrize("unknown", [{"public": None}, {"expiry_known": False}])
def test_what_nobody_could_say_is_not_good(tmp_path: Path, proves: str, unknown: dict[str, Any]) -> None:
    found = look(tmp_path, proves, shown=seen(manifest(), **unknown))
    assert (found.outcome, found.summary.startswith("nobody could say")) == (Outcome.FAIL, True)


def test_a_retention_below_seven_days_fails(tmp_path: Path) -> None:
    of = seen(manifest())
    short = replace(of, problems=posture_problems(of.posture, DAY))
    assert look(tmp_path, "retention", shown=short, retention=DAY).outcome is Outcome.FAIL


@pytest.mark.parametrize("proves", ["taken", "stored", "size", "restored", "content", "retention"])
def test_what_the_environment_does_without_is_skipped(tmp_path: Path, proves: str) -> None:
    made = case(tmp_path, proves)
    world = replace(made.world, without=("backup",), history=lambda: None)
    check = made.check("backup")
    found = check.look(world)
    assert (found.outcome, found.evidence) == (Outcome.SKIP, {"without": ["backup"]})
    assert check.from_the_ledger(world) == found


def test_another_environment_than_the_target_is_refused(tmp_path: Path) -> None:
    made = case(tmp_path, "taken")
    with pytest.raises(PointsctlError, match="'staging'; backups are of 'production'"):
        made.check("backup").look(replace(made.world, environment="staging"))


@pytest.mark.parametrize(
    "parameters",
    [
        {"proves": "taken", "audits": "may-fail"},
        {"proves": "restored", "indexes": "may-be-unchecked"},
        {"proves": "content", "folder_is_away": True},
        {"proves": "retention", "fresh_for": "1h"},
        {"proves": "nothing"},
        {},
    ],
)
def test_a_parameter_without_effect_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Backup.model_validate(parameters)


# ---------------------------------------------------------------------------------------------------------------------
# At the gate, which asks only the ledger
# ---------------------------------------------------------------------------------------------------------------------


def at_the_gate(made: Case, manifest_seen: str | None) -> Observation | None:
    evidence = {"backup": "some", "manifest": manifest_seen} if manifest_seen else {}
    document = {"outcome": "pass", "evidence": evidence}
    finding = SeenFinding("test.item", Outcome.PASS, document, "", "run", 9, NOW, timedelta(0))
    known = made.world.history() or History()
    known = replace(known, findings={"test.item": finding})
    return made.check("backup").from_the_ledger(replace(made.world, history=lambda: known))


def test_a_restore_is_asked_of_the_ledger_as_it_is_now(tmp_path: Path) -> None:
    for proves in ("restored", "content"):
        refuted_since = case(tmp_path, proves, created(), verified(), refuted(), shown=unreachable)
        found = at_the_gate(refuted_since, manifest().digest)
        assert found is not None
        assert found.outcome is Outcome.FAIL


@pytest.mark.parametrize("proves", ["taken", "stored", "size"])
def test_what_was_seen_of_another_backup_opens_no_gate(tmp_path: Path, proves: str) -> None:
    made = case(tmp_path, proves, shown=unreachable)
    assert at_the_gate(made, manifest().digest) is None, "the newest finding counts"
    for other in ("ab" * 32, None):
        found = at_the_gate(made, other)
        assert found is not None
        assert (found.outcome, found.hint) == (
            Outcome.ERROR,
            "look at it, and record it: pointsctl check run test.item --env production",
        )


def test_a_backup_that_was_removed_since_opens_no_gate(tmp_path: Path) -> None:
    made = case(tmp_path, "stored", created(), verified(), pruned(), shown=unreachable)
    found = at_the_gate(made, manifest().digest)
    assert found is not None
    assert found.outcome is Outcome.PENDING


def test_a_backup_that_has_grown_old_since_it_was_seen_opens_no_gate(tmp_path: Path) -> None:
    made = case(tmp_path, "taken", shown=unreachable, now=CREATED + 2 * DAY)
    found = at_the_gate(made, manifest().digest)
    assert found is not None
    assert (found.outcome, "old" in found.summary) == (Outcome.FAIL, True)
