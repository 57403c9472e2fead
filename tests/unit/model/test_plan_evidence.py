"""Evidence of a plan: what is missing or stale is said, and never taken for fresh."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.backup_records import VerifiedBackup
from pointsctl.model.history import History
from pointsctl.model.ledger import Kind
from pointsctl.model.plan import Absent, Migration, ProofEvidence, RunEvidence
from pointsctl.model.plan_evidence import FreshFor, evidence_gaps, evidence_of, evidence_problems
from pointsctl.model.rehearsal import RehearsalData
from pointsctl.model.run_history import RecordedRun
from tests.support.approvals import CREATED, DATABASE, NOW, OLGA, planned, record
from tests.support.recorded_backups import created, history, manifest, pruned, refuted, verified
from tests.support.rehearsals import ADDED, recorded, rehearsal, rehearsed

HOUR = timedelta(hours=1)


def run(seq: int = 1, phase: str = "pre-deployment", checklist: str = "01" * 32) -> RecordedRun:
    return RecordedRun(f"run-{seq}", phase, "waiting", {"pass": 3}, checklist, record(seq, OLGA, "", Kind.RUN_FINISHED))


def problems(
    *runs: RecordedRun, now: Any = NOW, limit: timedelta = timedelta(days=1), **changed: Any
) -> tuple[str, ...]:
    plan = planned(**{"without": ("backup", "rehearsal", "functions"), **changed}).plan
    return evidence_problems(plan, History(now=now, runs=runs), now, FreshFor(limit, limit, limit))


def test_nothing_recorded_is_everything_missing() -> None:
    found = problems(without=())
    assert [one.partition(":")[0] for one in found] == [
        "no preflight run",
        "no verified backup",
        "no rehearsal",
        "no functions",
    ]


def test_an_environment_may_do_without() -> None:
    assert problems(run()) == ()
    assert problems(run(), without=("backup", "functions"))[0].startswith("no rehearsal")
    assert problems(run(), without=("rehearsal", "backup"), functions=()) == ()


def test_a_run_of_a_part_is_not_the_run() -> None:
    for phase in ("pre-deployment/backup", "pre-deployment (only a.b)", "checklist", "post-deployment"):
        assert "no preflight run" in problems(run(phase=phase))[0]
    assert isinstance(evidence_of(History(runs=(run(phase="x"),)), ()).run, Absent)


def test_the_newest_run_counts() -> None:
    found = evidence_of(History(runs=(run(1), run(2), run(3, "x"))), ()).run
    assert isinstance(found, RunEvidence)
    assert (found.run_id, found.seq, found.counts) == ("run-2", 2, {"pass": 3})


def test_a_run_with_another_checklist() -> None:
    assert problems(run(), run(2, checklist="02" * 32)) == (
        "the preflight run was made with another checklist than the plan's",
    )


def test_a_run_of_the_future_is_none() -> None:
    assert "in the future" in problems(run(), now=CREATED)[0]


@given(st.timedeltas(timedelta(0), timedelta(days=900)), st.timedeltas(timedelta(seconds=1), timedelta(days=900)))
def test_older_than_the_limit_is_stale_and_stays_so(age: timedelta, limit: timedelta) -> None:
    made = CREATED + timedelta(minutes=1)
    found = problems(run(), now=made + age, limit=limit)
    assert bool(found) == (age > limit)
    if found:
        assert "old, the limit is" in found[0]
        assert problems(run(), now=made + age + HOUR, limit=limit)


# ---------------------------------------------------------------------------------------------------------------------
# The backup
# ---------------------------------------------------------------------------------------------------------------------

DAY = timedelta(days=1)
FIRST, SECOND = manifest(1, taken_at=CREATED - HOUR), manifest(2, taken_at=CREATED)


def of_backups(*records: Any, now: Any = NOW, limit: timedelta = DAY, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    plan = planned(without=("rehearsal", "functions", *without)).plan
    known = replace(history(*records, now=now), runs=(run(),))
    return evidence_problems(plan, known, now, FreshFor(900 * DAY, limit, limit))


def test_a_verified_backup_is_the_plans_evidence_by_its_digest() -> None:
    found = evidence_of(history(created(FIRST), verified(FIRST)), ()).backup
    assert isinstance(found, ProofEvidence)
    assert (found.subject, found.since, found.seq) == (FIRST.digest, FIRST.taken_at, 2)
    assert found.counts_from == FIRST.taken_at
    assert found.summary == f"{FIRST.id} of 361 MB, restored in 38s, taken 2026-01-31 07:00Z"
    assert of_backups(created(FIRST), verified(FIRST)) == ()


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([], "none is recorded"),
        ([created(FIRST)], "is not verified; run `pointsctl backup verify`"),
        ([created(FIRST), refuted(FIRST)], "was refuted at 2026-01-31 08:02Z: table public.coupons has 900 rows"),
        ([created(FIRST), verified(FIRST), pruned(FIRST)], "was removed"),
        ([created(FIRST), verified(FIRST), created(SECOND), refuted(SECOND)], f"{SECOND.id} was refuted"),
    ],
)
def test_what_is_missing_of_a_backup_is_named(records: list[Any], why: str) -> None:
    (found,) = of_backups(*records)
    assert found.startswith("no verified backup: ")
    assert why in found
    assert not of_backups(*records, without=("backup",))


def test_a_newer_verified_backup_refreshes_the_evidence() -> None:
    records = [created(FIRST), verified(FIRST)]
    assert "old, the limit is" in of_backups(*records, limit=HOUR, now=NOW)[0]
    assert of_backups(*records, created(SECOND), verified(SECOND), limit=HOUR, now=NOW) == ()


def test_a_stale_backup_is_told_with_both_moments_and_what_is_newer() -> None:
    (found,) = of_backups(created(FIRST), verified(FIRST), created(SECOND), limit=HOUR)
    assert "is 2h old, the limit is 1h: taken 2026-01-31 07:00Z, verified 2026-01-31 08:02Z" in found
    assert found.endswith(f"backup {SECOND.id} is not verified")


@given(st.timedeltas(timedelta(0), timedelta(days=900)), st.timedeltas(timedelta(seconds=1), timedelta(days=900)))
def test_a_backup_is_as_old_as_the_moment_it_holds(age: timedelta, limit: timedelta) -> None:
    now = max(CREATED - HOUR + age, CREATED + timedelta(minutes=2))
    found = of_backups(created(FIRST), verified(FIRST), now=now, limit=limit)
    assert bool(found) == (now - FIRST.taken_at > limit)


@given(st.lists(st.sampled_from([verified(FIRST), refuted(FIRST), verified(SECOND), refuted(SECOND)]), max_size=6))
def test_no_order_of_drills_lets_a_refuted_backup_be_evidence(drills: list[Any]) -> None:
    found = evidence_of(history(created(FIRST), created(SECOND), *drills), ()).backup
    if isinstance(found, ProofEvidence):
        last = [one for one in drills if one.manifest == found.subject][-1]
        assert isinstance(last, VerifiedBackup)


def test_evidence_that_was_recorded_before_backups_had_digests_can_still_be_read() -> None:
    old = {"seq": 3, "hash": "01" * 32, "summary": "a proof", "recorded_at": "2026-01-31T08:00:00.000Z"}
    found = ProofEvidence.model_validate(old)
    assert (found.subject, found.counts_from) == (None, CREATED)


# ---------------------------------------------------------------------------------------------------------------------
# The rehearsal
# ---------------------------------------------------------------------------------------------------------------------

OLD = Migration(name="20260101000001_first.sql", sha256="0d" * 32, reverse=None, verify=None)
OTHER_BYTES = ADDED.model_copy(update={"sha256": "0e" * 32})
PROVEN = (created(FIRST), verified(FIRST))


def of_rehearsals(*records: Any, migrations: tuple[Migration, ...] = (OLD, ADDED), limit: timedelta = DAY) -> Any:
    plan = planned(without=("functions",), migrations=migrations).plan
    rows = [recorded(seq, one) if isinstance(one, RehearsalData) else one for seq, one in enumerate(records, 1)]
    known = replace(history(*rows, now=NOW), runs=(run(),))
    return evidence_problems(plan, known, NOW, FreshFor(900 * DAY, 900 * DAY, limit))


def test_a_rehearsal_of_these_bytes_on_the_proven_backup_is_evidence() -> None:
    assert of_rehearsals(*PROVEN, rehearsal(FIRST)) == ()
    found = evidence_of(history(*PROVEN, recorded(3, rehearsal(FIRST))), (OLD, ADDED)).rehearsal
    assert isinstance(found, ProofEvidence)
    assert (found.seq, found.subject, found.since) == (3, "0c" * 32, found.recorded_at)
    assert found.summary == f"1 migration on backup {FIRST.id} in 4.0s"


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (PROVEN, "none is recorded; run `pointsctl migrate rehearse`"),
        ((*PROVEN, rehearsal(FIRST, rehearsed(OTHER_BYTES))), "not of these bytes of 20260102000001_added.sql"),
        ((*PROVEN, rehearsal(FIRST, before=())), "not of these bytes of 20260101000001_first.sql"),
        ((*PROVEN, rehearsal(FIRST, problems=("line 3: it fails",))), "did not pass: line 3: it fails"),
        ((*PROVEN, rehearsal(FIRST), rehearsal(FIRST, problems=("it fails",))), "did not pass: it fails"),
        ((*PROVEN, rehearsal(FIRST, applied_again=False)), "did not pass: nothing was rehearsed"),
        ((*PROVEN, rehearsal(FIRST, catalogue=None)), "did not pass"),
        ((*PROVEN, rehearsal(FIRST, database=DATABASE.model_copy(update={"database_oid": 1}))), "another database"),
        ((rehearsal(FIRST),), "which the ledger does not know"),
        ((created(FIRST), rehearsal(FIRST)), "another than a proven backup"),
        ((*PROVEN, rehearsal(FIRST), refuted(FIRST)), "another than a proven backup"),
        ((*PROVEN, rehearsal(FIRST), pruned(FIRST)), "another than a proven backup"),
        ((*PROVEN, rehearsal(SECOND)), "which the ledger does not know"),
        ((*PROVEN, recorded(3, rehearsal(FIRST), "elsewhere")), "recorded for another environment"),
    ],
)
def test_what_is_missing_of_a_rehearsal_is_named(records: Any, why: str) -> None:
    (found,) = [one for one in of_rehearsals(*records) if "rehearsal" in one]
    assert found.startswith("no rehearsal: ")
    assert why in found


def test_a_rehearsal_grows_stale() -> None:
    (found,) = of_rehearsals(*PROVEN, rehearsal(FIRST), limit=timedelta(minutes=1))
    assert "the rehearsal is" in found
    assert "the limit is 1m" in found


def test_nothing_to_migrate_needs_no_rehearsal_and_everything_applied_is_seen_on_the_copy() -> None:
    assert of_rehearsals(*PROVEN, migrations=()) == ()
    none_left = rehearsal(FIRST).model_copy(update={"migrations": (), "applied_again": False})
    assert of_rehearsals(*PROVEN, none_left, migrations=(OLD,)) == ()
    assert "not of these bytes" in of_rehearsals(*PROVEN, none_left)[0]
    nothing_seen = none_left.model_copy(update={"before": ()})
    assert of_rehearsals(*PROVEN, nothing_seen, migrations=(OLD,))


def test_the_gap_names_the_command() -> None:
    plan = planned(without=("functions",), migrations=(ADDED,)).plan
    gaps = evidence_gaps(plan, history(*PROVEN), NOW, FreshFor(DAY, DAY, DAY))
    assert "pointsctl migrate rehearse --env production" in [one.command for one in gaps]
