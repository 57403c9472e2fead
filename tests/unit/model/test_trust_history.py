"""Which trust is in force follows from the records alone: the fold, record by record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.ledger import Kind, Record
from pointsctl.model.pin import Origin, Pin
from pointsctl.model.policy import Policy, Trust
from pointsctl.model.signature import SignatureVerdict
from pointsctl.model.statement import DatabaseName, HeadName, PolicyStatement
from pointsctl.model.trust_history import TrustHistory, after
from tests.support.keys import make_key, signer_line

ADA, GRACE, HEDY = "ada@example.test", "grace@example.test", "hedy@example.test"
NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
DATABASE = DatabaseName(system_identifier="7", database_oid=5, database="points")
GOOD = SignatureVerdict(True, "SHA256:x", "")
BAD = SignatureVerdict(False, "SHA256:x", "other bytes were signed than these")


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("keys")
    return "".join(f"{signer_line(one, make_key(folder, one.partition('@')[0]))}\n" for one in (ADA, GRACE, HEDY))


def trust_with(signers: str, **changes: Any) -> Trust:
    roles = {"lead": {"principals": [ADA]}, "ops": {"principals": [GRACE]}, "security": {"principals": [HEDY]}}
    return Trust(Policy.model_validate({"roles": roles, "updates": ["lead", "ops"], **changes}), signers)


@pytest.fixture(scope="module")
def old(signers: str) -> Trust:
    return trust_with(signers)


@pytest.fixture(scope="module")
def new(signers: str) -> Trust:
    return trust_with(signers, waivers=["security"])


def record(seq: int, kind: Kind, data: dict[str, Any], applied_by: str = ADA, at: datetime = NOW) -> Record:
    nothing: dict[str, Any] = dict.fromkeys(("migration_name", "backup_taken", "notes", "plan", "run", "item"))
    texts: dict[str, Any] = {
        "environment": "production",
        "applied_by": applied_by,
        "role": "postgres",
        "hash": f"{seq:064x}",
    }
    return Record(seq=seq, recorded_at=at, kind=kind, data=data, signature=None, **texts, **nothing)


def pinned(seq: int, trust: Trust, digest: str = "") -> Record:
    return record(seq, Kind.POLICY_PINNED, {"trust": trust.as_json(), "policy": digest or trust.digest})


def placed(seq: int, copied_from: Origin | None = None, database: DatabaseName = DATABASE) -> Record:
    pin = Pin(name="production", database=database, protected=True, tool="1", copied_from=copied_from)
    return record(seq, Kind.ENVIRONMENT_PINNED, pin.model_dump(mode="json"))


def signed(seq: int, old: Trust, new: Trust, principal: str, **changes: Any) -> Record:
    """A signature for `new`; `applied_by` and `at` are the record's, everything else the statement's."""
    applied_by, at = changes.pop("applied_by", principal), changes.pop("at", NOW)
    values: dict[str, Any] = {
        "environment": "production",
        "database": DATABASE,
        "principal": principal,
        "not_before": NOW,
        "expires_at": NOW + timedelta(days=1),
        "head": HeadName(seq=1, hash="ab" * 32),
        "nonce": f"{seq:032x}",
        "replaces": old.digest,
        "policy": new.digest,
        **changes,
    }
    data = {"statement": PolicyStatement(**values).text(), "trust": new.as_json()}
    return record(seq, Kind.POLICY_SIGNED, data, applied_by, at)


def fold(*records: Record, verdict: SignatureVerdict | None = GOOD, head_known: bool = True) -> TrustHistory:
    history = TrustHistory()
    for one in records:
        history = after(history, one, verdict, head_known=head_known)
    return history


def test_all_roles_replace_the_policy(old: Trust, new: Trust) -> None:
    start = (placed(1), pinned(2, old))
    one = fold(*start, signed(3, old, new, ADA))
    assert one.trust == old
    assert one.missing(new.digest, NOW) == {"ops": 1}
    both = fold(*start, signed(3, old, new, ADA), signed(4, old, new, GRACE))
    assert (both.trust, both.since, dict(both.proposals), both.refused) == (new, 4, {}, ())


def test_one_person_does_not_sign_for_two(old: Trust, new: Trust) -> None:
    start = (placed(1), pinned(2, old), signed(3, old, new, ADA))
    again = fold(*start, signed(4, old, new, ADA))
    assert again.trust == old
    in_the_name_of_another = fold(*start, signed(4, old, new, GRACE, applied_by=ADA))
    assert in_the_name_of_another.trust == old
    assert "recorded for" in in_the_name_of_another.refused[0][1]


def test_a_role_that_does_not_replace_the_policy_has_no_say(old: Trust, new: Trust) -> None:
    history = fold(placed(1), pinned(2, old), signed(3, old, new, HEDY))
    assert history.proposals == {}
    assert "hedy" in history.refused[0][1]


def test_a_signature_that_expires_before_the_last_one_counts_no_more(old: Trust, new: Trust) -> None:
    late = NOW + timedelta(days=2)
    first = signed(3, old, new, ADA)
    second = signed(4, old, new, GRACE, at=late, not_before=late, expires_at=late + timedelta(days=1))
    history = fold(placed(1), pinned(2, old), first, second)
    assert history.trust == old
    assert history.missing(new.digest, late) == {"lead": 1}
    assert (
        fold(placed(1), pinned(2, old), first, second, signed(5, old, new, ADA, at=late, expires_at=None)).trust == new
    )


@pytest.mark.parametrize("verdict", [None, BAD])
def test_without_a_valid_signature_nothing_changes(old: Trust, new: Trust, verdict: SignatureVerdict | None) -> None:
    records = (placed(1), pinned(2, old), signed(3, old, new, ADA), signed(4, old, new, GRACE))
    assert fold(*records, verdict=verdict).trust == old
    assert fold(*records, head_known=False).trust == old


def test_a_pin_whose_digest_is_another_is_none(old: Trust, new: Trust) -> None:
    history = fold(placed(1), pinned(2, old, new.digest))
    assert history.trust is None
    assert "digest" in history.refused[0][1]


def test_the_first_pin_is_the_authority_until_a_copy_is_adopted(old: Trust, new: Trust) -> None:
    assert fold(placed(1), pinned(2, old), placed(3), pinned(4, new)).trust == old
    origin = Origin(name="staging", database=DATABASE)
    copy = DATABASE.model_copy(update={"database_oid": 6})
    assert fold(placed(1), pinned(2, old), placed(3, origin, copy)).trust is None
    assert fold(placed(1), pinned(2, old), placed(3, origin, copy), pinned(4, new)).trust == new


@pytest.mark.parametrize("changed", [{}, {"database": "renamed"}, {"system_identifier": None}])
def test_a_pin_of_the_same_database_replaces_no_policy(old: Trust, new: Trust, changed: dict[str, Any]) -> None:
    origin = Origin(name="staging", database=DATABASE)
    same = DATABASE.model_copy(update=changed)
    assert fold(placed(1), pinned(2, old), placed(3, origin, same), pinned(4, new)).trust == old


def test_a_pin_that_leads_away_and_back_replaces_no_policy(old: Trust, new: Trust) -> None:
    elsewhere = DATABASE.model_copy(update={"database_oid": 6})
    away = placed(3, Origin(name="production", database=DATABASE), elsewhere)
    back = placed(5, Origin(name="production", database=elsewhere))
    assert fold(placed(1), pinned(2, old), away, pinned(4, new), back).trust == old
    assert fold(placed(1), pinned(2, old), away, back, pinned(6, new)).trust == old


def test_a_nonce_that_was_used_before_a_replacement_is_used(old: Trust, new: Trust) -> None:
    there = (placed(1), pinned(2, old), signed(3, old, new, ADA), signed(4, old, new, GRACE))
    back = (signed(5, new, old, ADA), signed(6, new, old, GRACE))
    assert fold(*there, *back).trust == old
    again = fold(*there, *back, signed(7, old, new, ADA), signed(8, old, new, GRACE, nonce=f"{4:032x}"))
    assert again.trust == old
    assert "nonce" in again.refused[0][1]


@given(
    st.lists(st.sampled_from(["statement", "trust", "policy", "x"])), st.lists(st.text() | st.none() | st.integers())
)
def test_any_data_changes_nothing(old: Trust, keys: list[str], values: list[Any]) -> None:
    data = dict(zip(keys, values, strict=False))
    for kind in (Kind.POLICY_SIGNED, Kind.POLICY_PINNED, Kind.RUN_FINISHED):
        history = fold(placed(1), pinned(2, old), record(3, kind, data))
        assert history.trust == old
        assert all(why and why.isprintable() for _, why in history.refused)
