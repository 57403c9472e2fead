"""Kind `migration`: passes only for records of these migrations, in this environment, whose claims the ledger bears out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pointsctl.errors import RefusedError
from pointsctl.model.finding import Observation, Outcome
from pointsctl.model.history import History
from pointsctl.model.ledger import Kind, Record
from pointsctl.model.migration_records import AppliedData, RecordedMigration
from tests.contract.checks_contract import Case, CheckContract
from tests.support.approvals import NAME, NOW, OLGA, planned
from tests.support.approvals import record as any_record
from tests.support.recorded_backups import created, history, manifest, refuted, verified
from tests.support.world import make_item, make_world

MIGRATION = "20250725000001_points"
LATE = 50


def written(
    name: str | None = MIGRATION, *, seq: int = LATE, kind: Kind = Kind.MIGRATION_APPLIED, **changed: Any
) -> Record:
    values = {"environment": NAME, "migration_name": name, "backup_taken": True, **changed}
    return replace(any_record(seq, OLGA, "", kind), **values)


def applied(name: str = MIGRATION, *, backup: str | None = None, **changed: Any) -> RecordedMigration:
    data = AppliedData(
        version=name.partition("_")[0],
        file=f"{name}.sql",
        sha256="ab" * 32,
        engine="native",
        statements=3,
        duration_ms=12,
        tries=1,
        backup=backup or manifest().digest,
        procedure=None,
        tool="0",
    )
    return RecordedMigration(data, written(name, **changed))


def deployed(*migrations: RecordedMigration, backups: Any = None, **changed: Any) -> History:
    found = history(*(backups or (created(), verified())), now=NOW)
    return replace(found, plans=(planned(),), migrations=migrations, **changed)


def case(folder: Path, known: History | None, **parameters: Any) -> Case:
    world = make_world(folder, environment=NAME, item=make_item("migration"))
    return Case({"proves": "recorded", **parameters}, replace(world, target=NAME, history=lambda: known))


def look(folder: Path, known: History | None, **parameters: Any) -> Observation:
    return case(folder, known, **parameters).look("migration")


class TestRecorded(CheckContract):
    kind = "migration"

    @pytest.fixture
    def clean(self, tmp_path: Path) -> Case:
        return case(tmp_path, deployed(applied()))

    @pytest.fixture
    def violating(self, tmp_path: Path) -> Case:
        return case(tmp_path, deployed())

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Case:
        def raises() -> History:
            raise RefusedError("the ledger is damaged", hint="pointsctl ledger verify")

        one = case(tmp_path, None)
        return Case(one.parameters, replace(one.world, history=raises))


def test_a_record_typed_by_hand_counts_as_the_paper_asks(tmp_path: Path) -> None:
    noted = written(kind=Kind.MIGRATION_NOTED)
    assert look(tmp_path, deployed(noted=(noted,))).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (deployed(applied(backup_taken=False)), "says that no backup was taken"),
        (deployed(applied(backup_taken=None)), "says that no backup was taken"),
        (deployed(applied(environment="staging")), "has no audit record"),
        (deployed(applied("20250725000001_another")), "has no audit record"),
        (deployed(applied(backup="cd" * 32)), "none was proven"),
        (deployed(applied(), backups=(created(),)), "none was proven"),
        (deployed(applied(), backups=(created(), verified(), refuted())), "none was proven"),
        (deployed(applied(seq=1)), "none was proven"),
        (deployed(noted=(written(kind=Kind.MIGRATION_NOTED, seq=1),)), "none was proven"),
    ],
    ids=[
        "no-backup",
        "unknown",
        "elsewhere",
        "other-name",
        "other-backup",
        "unverified",
        "refuted",
        "before",
        "by-hand-before",
    ],
)
def test_a_claim_that_the_ledger_does_not_bear_out_fails(tmp_path: Path, known: History, why: str) -> None:
    found = look(tmp_path, known)
    assert found.outcome is Outcome.FAIL
    assert why in found.summary


def test_the_newest_record_decides(tmp_path: Path) -> None:
    older, newer = applied(), applied(seq=LATE + 1, backup_taken=False)
    assert look(tmp_path, deployed(older, newer)).outcome is Outcome.FAIL


def test_what_is_named_must_be_recorded_beside_what_is_planned(tmp_path: Path) -> None:
    known = deployed(applied())
    assert look(tmp_path, known, migrations=["20240101000000_before"]).outcome is Outcome.FAIL


@pytest.mark.parametrize("known", [None, replace(history(created(), verified(), now=NOW + timedelta(0)))])
def test_without_ledger_or_plan_nothing_passes(tmp_path: Path, known: History | None) -> None:
    assert look(tmp_path, known).outcome is Outcome.PENDING
