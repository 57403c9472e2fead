"""What the ledger says of backups: only what was proven counts, for the very bytes and the very database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.backup_history import BackupState, RecordedBackup, before, in_question, newest, proven
from pointsctl.model.backup_records import (
    BACKUP_KINDS,
    BackupRecordError,
    VerifiedBackup,
    audits_pass,
    draft_of,
    read_backup_record,
    seen_proof,
)
from pointsctl.model.history import History, Signed, fold
from pointsctl.model.ledger import Kind, Record
from pointsctl.model.pin import Origin
from pointsctl.model.statement import DatabaseName
from tests.support.approvals import CREATED, DATABASE, NAME, NOW, OLGA
from tests.support.recorded_backups import (
    FAILED,
    LOST,
    PASSED,
    PIN,
    PROOF,
    created,
    history,
    manifest,
    pruned,
    recorded,
    refuted,
    verified,
)

DAY = timedelta(days=1)
FIRST, SECOND = manifest(1, taken_at=CREATED - DAY), manifest(2, taken_at=CREATED)


def only(found: History) -> RecordedBackup:
    (backup,) = found.backups
    return backup


@pytest.mark.parametrize(
    ("after", "state"),
    [
        ([], BackupState.UNVERIFIED),
        ([verified()], BackupState.VERIFIED),
        ([refuted()], BackupState.REFUTED),
        ([verified(), refuted()], BackupState.REFUTED),
        ([refuted(), verified()], BackupState.VERIFIED),
        ([verified(), pruned()], BackupState.PRUNED),
        ([pruned(), verified()], BackupState.PRUNED),
        ([created()], BackupState.UNVERIFIED),
    ],
)
def test_the_newest_drill_decides_and_what_was_removed_is_gone(after: list[Any], state: BackupState) -> None:
    found = only(history(created(), *after))
    assert found.state is state
    assert (found.verification is not None) == (state is BackupState.VERIFIED)
    assert found.id in found.in_a_sentence


def test_what_was_never_recorded_as_taken_is_no_backup() -> None:
    assert history(verified(), pruned(), refuted()).backups == ()


def test_a_drill_that_was_recorded_before_the_backup_proves_nothing() -> None:
    assert only(history(verified(), created())).state is BackupState.UNVERIFIED


def test_a_drill_of_other_bytes_under_the_same_id_proves_nothing() -> None:
    other = manifest(database_size=5)
    assert other.id == manifest().id
    assert only(history(created(), verified(other))).state is BackupState.UNVERIFIED


def test_a_drill_of_another_moment_proves_nothing() -> None:
    drill = verified(taken_at=CREATED + timedelta(seconds=1))
    assert only(history(created(), drill)).state is BackupState.UNVERIFIED


@pytest.mark.parametrize("count", [{"tables": 7}, {"rows": 1}, {"objects": 1}, {"sequences": 1}, {"large_objects": 3}])
def test_a_drill_of_another_content_than_was_taken_proves_nothing(count: dict[str, Any]) -> None:
    summary = {"tables": 8, "rows": 3_500_000, "objects": 120, "sequences": 2, "large_objects": 0, "pages": 5}
    taken = created().model_copy(update={"summary": summary})
    assert only(history(taken, verified())).state is BackupState.VERIFIED
    hollow = verified(proof=replace(PROOF, **count))
    assert only(history(taken, hollow)).state is BackupState.UNVERIFIED
    assert only(history(taken, refuted(), hollow)).state is BackupState.REFUTED


def test_one_id_with_two_manifests_is_neither() -> None:
    other = manifest(database_size=5)
    found = history(created(), verified(), created(other), verified(other))
    assert [one.state for one in found.backups] == [BackupState.REJECTED] * 2
    assert "two things" in found.backups[0].in_a_sentence


@pytest.mark.parametrize(
    "database",
    [
        DATABASE.model_copy(update={"system_identifier": "7430"}),
        DATABASE.model_copy(update={"database_oid": 5}),
        DATABASE.model_copy(update={"system_identifier": None}),
        DATABASE.model_copy(update={"database": "other"}),
    ],
)
def test_a_backup_of_another_database_counts_for_nothing(database: DatabaseName) -> None:
    of = manifest(database=database)
    found = only(history(created(of), verified(of)))
    assert found.state is BackupState.REJECTED
    assert "another database" in found.objection


def test_nothing_counts_without_a_pin_or_for_another_environment() -> None:
    assert only(history(created(), verified(), pin=None)).state is BackupState.REJECTED
    staging = recorded(1, created(), "staging")
    assert only(history(staging, recorded(2, verified()))).state is BackupState.REJECTED
    assert only(history(created(), recorded(2, verified(), "staging"))).state is BackupState.UNVERIFIED


def test_a_backup_of_the_future_counts_for_nothing() -> None:
    of = manifest(taken_at=CREATED + timedelta(minutes=1, seconds=1))
    assert only(history(created(of), verified(of))).state is BackupState.REJECTED


def test_what_was_recorded_before_a_copy_was_adopted_is_forgotten() -> None:
    copied = PIN.model_copy(update={"copied_from": Origin(name=NAME, database=DATABASE)})
    pin = replace(recorded(2, pruned()), kind=Kind.ENVIRONMENT_PINNED, data=copied.model_dump(mode="json"))
    assert history(created(), pin, recorded(3, verified())).backups == ()


@pytest.mark.parametrize(
    "change",
    [
        {"proof": {}},
        {"audits_pass": False},
        {"audits": [FAILED.model_dump(mode="json")]},
        {"restore_ms": "38"},
        {"restore_ms": True},
        {"restore_ms": -1},
        {"manifest": "x"},
        {"backup": "../../x"},
        {"more": 1},
        {"proof": seen_proof(PROOF).model_dump(mode="json") | {"holds": False}},
        {"proof": seen_proof(replace(PROOF, differences=(LOST,))).model_dump(mode="json")},
        {"proof": seen_proof(replace(PROOF, differences=(LOST,))).model_dump(mode="json") | {"holds": True}},
        {"proof": seen_proof(replace(PROOF, objects=0)).model_dump(mode="json")},
    ],
)
def test_a_record_that_says_two_things_is_unreadable_and_named(change: dict[str, Any]) -> None:
    row = recorded(2, verified())
    found = history(created(), replace(row, data={**row.data, **change}))
    assert only(found).state is BackupState.UNVERIFIED
    ((seq, why),) = found.unreadable
    assert (seq, "backup.verified" in why) == (2, True)


@pytest.mark.parametrize("data", [created(), verified(), refuted(), pruned()])
def test_every_record_comes_back_as_it_was_written(data: Any) -> None:
    row = recorded(1, data)
    assert row.kind in BACKUP_KINDS
    assert read_backup_record(row) == data
    assert draft_of(data, NAME, OLGA).backup_taken is (True if row.kind == Kind.BACKUP_CREATED else None)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(BACKUP_KINDS)), st.dictionaries(st.text(max_size=12), json), st.data())
def test_no_record_breaks_the_fold(kind: str, noise: dict[str, Any], data: st.DataObject) -> None:
    known: dict[str, Any] = {"backup.created": created(), "backup.pruned": pruned()}
    row = recorded(1, known.get(kind, verified()))
    keys = data.draw(st.sets(st.sampled_from(sorted(row.data))))
    broken: Record = replace(row, kind=kind, data={**row.data, **{key: data.draw(json) for key in keys}, **noise})
    found = fold(History(now=NOW, pin=PIN), [Signed(broken, None, None)])
    try:
        read_backup_record(broken)
    except BackupRecordError:
        assert len(found.unreadable) == 1


def test_a_proof_is_recorded_with_its_differences_shortened() -> None:
    long = replace(LOST, what="x" * 9_999)
    proof = seen_proof(replace(PROOF, differences=(long,) * 150))
    assert (len(proof.differences), proof.differences_total, len(proof.differences[0].what)) == (100, 150, 2000)
    assert not proof.holds


def test_audits_pass_only_when_one_looked_and_none_found_anything() -> None:
    skipped = PASSED.model_copy(update={"outcome": "skip"})
    assert audits_pass((PASSED,))
    assert not audits_pass(())
    assert not audits_pass((PASSED, FAILED))
    assert isinstance(verified(None, PASSED, skipped), VerifiedBackup)


# ---------------------------------------------------------------------------------------------------------------------
# Which backup is meant
# ---------------------------------------------------------------------------------------------------------------------


def test_a_newer_backup_that_nobody_proved_does_not_take_the_place_of_a_fresh_proven_one() -> None:
    found = history(created(FIRST), verified(FIRST), created(SECOND)).backups
    assert newest(found) is found[1]
    assert proven(found) is found[0]
    assert in_question(found, NOW, 2 * DAY) is found[0]
    assert in_question(found, NOW, DAY) is found[1], "the proven one is stale"


def test_a_newer_backup_that_was_refuted_is_what_is_asked_about() -> None:
    found = history(created(FIRST), verified(FIRST), created(SECOND), refuted(SECOND)).backups
    assert proven(found) is found[1]
    assert in_question(found, NOW, 2 * DAY) is found[1]


def test_an_older_refuted_one_does_not_matter() -> None:
    found = history(created(FIRST), refuted(FIRST), created(SECOND), verified(SECOND)).backups
    assert proven(found) is found[1]
    assert before(found, found[1].taken_at) is found[0]
    assert before(found, found[0].taken_at) is None


def test_the_size_is_compared_with_the_last_one_that_was_proven() -> None:
    found = history(created(FIRST), verified(FIRST), created(SECOND)).backups
    assert before(found, SECOND.taken_at + DAY) is found[0]
    nobody_proved = history(created(FIRST), created(SECOND)).backups
    assert before(nobody_proved, SECOND.taken_at + DAY) is nobody_proved[1]


def test_removing_a_refuted_backup_does_not_bring_an_older_one_back() -> None:
    found = history(created(FIRST), verified(FIRST), created(SECOND), refuted(SECOND), pruned(SECOND)).backups
    assert proven(found) is found[1]
    assert proven(found).verification is None  # type: ignore[union-attr]


def test_what_is_gone_or_does_not_count_is_never_meant() -> None:
    gone = history(created(FIRST), verified(FIRST), pruned(FIRST)).backups
    assert (newest(gone), proven(gone), in_question(gone, NOW, 9 * DAY)) == (None, None, None)


events = st.lists(st.tuples(st.sampled_from(["verified", "refuted", "pruned"]), st.booleans()), max_size=8)


@given(events)
def test_proven_is_never_what_its_newest_drill_refuted(drills: list[tuple[str, bool]]) -> None:
    make: dict[str, Any] = {"verified": verified, "refuted": refuted, "pruned": pruned}
    found = history(
        created(FIRST), created(SECOND), *(make[what](SECOND if second else FIRST) for what, second in drills)
    ).backups
    meant = proven(found)
    last = {id_: [what for what, second in drills if second == (id_ == SECOND.id)] for id_ in (FIRST.id, SECOND.id)}
    if meant is not None and meant.verification is not None:
        told = [what for what in last[meant.id] if what != "pruned"]
        assert told[-1] == "verified"
        assert "pruned" not in last[meant.id]
    if meant is not None and meant.id == FIRST.id:
        drilled = [what for what in last[SECOND.id] if what != "pruned"]
        gone = "pruned" in last[SECOND.id]
        assert not drilled or (gone and drilled[-1] == "verified"), "a newer drill decides"
