"""Comparing fingerprints: equal ones are equal, every difference is named, and what cannot be compared is no pass."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.canonical import canonical_text
from pointsctl.model.fingerprint import (
    FingerprintError,
    Fingerprints,
    LargeObjects,
    SequenceFingerprint,
    TableFingerprint,
    compare,
    read_fingerprints,
    shown_name,
)
from pointsctl.model.proof import Differs

NAMES = st.text('ab"Ü ;.', min_size=1, max_size=4)
DIGESTS = st.integers(-(2**90), 2**90).map(str)
LONGS = st.integers(-(2**63), 2**63 - 1)
TABLES = st.builds(TableFingerprint, in_schema=NAMES, name=NAMES, rows=st.integers(0, 2**50), digest=DIGESTS)
SEQUENCES = st.builds(
    SequenceFingerprint,
    in_schema=NAMES,
    name=NAMES,
    last_value=LONGS,
    is_called=st.booleans(),
    increment=LONGS.filter(bool),
    cycles=st.booleans(),
    data_end=st.none() | LONGS,
)


def _key(one: Any) -> tuple[str, str]:
    return (one.in_schema, one.name)


FINGERPRINTS = st.builds(
    Fingerprints,
    server_major=st.just(18),
    tables=st.lists(TABLES, unique_by=_key, max_size=5).map(tuple),
    sequences=st.lists(SEQUENCES, unique_by=_key, max_size=3).map(tuple),
    large_objects=st.builds(LargeObjects, count=st.integers(0, 9), bytes=st.integers(0, 9), content=DIGESTS),
)


def _sequence(last_value: int, *, called: bool = True, increment: int = 1, **more: Any) -> Fingerprints:
    one = SequenceFingerprint(
        in_schema="public",
        name="s",
        last_value=last_value,
        is_called=called,
        increment=increment,
        cycles=more.pop("cycles", False),
        **more,
    )
    return Fingerprints(server_major=18, tables=(), sequences=(one,))


@given(FINGERPRINTS)
def test_what_is_written_is_read_back_and_equal(found: Fingerprints) -> None:
    again = read_fingerprints(json.loads(canonical_text(found.as_json())))
    assert again == found
    assert compare(found, again) == ()


@given(FINGERPRINTS, FINGERPRINTS)
def test_nothing_differs_only_where_tables_and_large_objects_are_equal(one: Fingerprints, other: Fingerprints) -> None:
    equal = {*one.tables} == {*other.tables} and one.large_objects == other.large_objects
    same_sequences = {_key(s) for s in one.sequences} == {_key(s) for s in other.sequences}
    if not compare(one, other):
        assert equal
        assert same_sequences
    elif equal and one.sequences == other.sequences:
        raise AssertionError("a difference between equals")


@given(FINGERPRINTS, st.data())
def test_each_damaged_table_is_named(found: Fingerprints, data: st.DataObject) -> None:
    if not found.tables:
        return
    number = data.draw(st.integers(0, len(found.tables) - 1))
    table = found.tables[number]
    changes: list[tuple[dict[str, Any], Differs]] = [
        ({"rows": table.rows + 1}, Differs.ROWS),
        ({"digest": str(int(table.digest) + 1)}, Differs.CONTENT),
    ]
    change, expected = data.draw(st.sampled_from(changes))
    tables = list(found.tables)
    tables[number] = table.model_copy(update=change)
    damaged = found.model_copy(update={"tables": tuple(tables)})
    [difference] = compare(found, damaged)
    assert (difference.differs, difference.what) == (expected, f"table {table.shown}")
    without = found.model_copy(update={"tables": (*tables[:number], *tables[number + 1 :])})
    assert [one.differs for one in compare(found, without)] == [Differs.MISSING]
    assert [one.differs for one in compare(without, found)] == [Differs.EXTRA]


@given(LONGS.filter(lambda n: abs(n) < 2**62), st.integers(1, 1000), st.booleans())
def test_a_sequence_may_be_ahead_but_not_behind(value: int, ahead: int, rising: bool) -> None:
    step = 1 if rising else -1
    bound = _sequence(value, increment=step)
    assert compare(bound, _sequence(value + step * ahead, increment=step)) == ()
    [difference] = compare(bound, _sequence(value - step * ahead, increment=step))
    assert (difference.differs, difference.what) == (Differs.BEHIND, "sequence public.s")


def test_a_sequence_that_was_never_called_is_behind_one_that_was() -> None:
    assert [one.differs for one in compare(_sequence(1), _sequence(1, called=False))] == [Differs.BEHIND]
    assert compare(_sequence(1, called=False), _sequence(1)) == ()


def test_a_cycling_sequence_has_no_bound() -> None:
    assert compare(_sequence(9, cycles=True), _sequence(1, cycles=True)) == ()


def test_a_sequence_that_gives_used_numbers_is_behind_unless_the_source_was() -> None:
    sound, short = _sequence(5, data_end=5), _sequence(5, data_end=8)
    assert [(one.differs, one.expected) for one in compare(sound, short)] == [(Differs.BEHIND, "next value above 8")]
    assert compare(short, short) == ()
    falling = _sequence(-5, increment=-1, data_end=-5), _sequence(-5, increment=-1, data_end=-8)
    assert [one.expected for one in compare(*falling)] == ["next value below -8"]


def test_another_major_version_is_an_error_and_no_pass() -> None:
    found = _sequence(1)
    with pytest.raises(FingerprintError, match="PostgreSQL 18 and 16 cannot be compared"):
        compare(found, found.model_copy(update={"server_major": 16}))


GOOD = _sequence(2**62).as_json()
TABLE = {"in_schema": "public", "name": "t", "rows": 1, "digest": "5"}
SEQUENCE = GOOD["sequences"][0]


@pytest.mark.parametrize(
    "change",
    [
        {"method": "row-hash/2"},
        {"method": None},
        {"server_major": "18"},
        {"tables": [{**TABLE, "rows": -1}]},
        {"tables": [{**TABLE, "rows": "1"}]},
        {"tables": [{**TABLE, "rows": True}]},
        {"tables": [{**TABLE, "digest": "05"}]},
        {"tables": [{**TABLE, "digest": "5; drop"}]},
        {"tables": [{**TABLE, "more": 1}]},
        {"tables": [TABLE, {**TABLE, "rows": 2}]},
        {"sequences": [{**SEQUENCE, "last_value": "1e3"}]},
        {"sequences": [{**SEQUENCE, "last_value": 1.5}]},
        {"sequences": [{**SEQUENCE, "cycles": 0}]},
        {"large_objects": {"count": 1}, "sequences": None},
        {"unknown": 1},
    ],
)
def test_nothing_is_believed_of_what_is_read(change: dict[str, Any]) -> None:
    with pytest.raises(FingerprintError) as refused:
        read_fingerprints({**GOOD, **change})
    assert refused.value.hint


@pytest.mark.parametrize("value", [None, [], "x", 1, {"tables": float("nan")}])
def test_what_is_no_fingerprint_at_all_is_an_error(value: Any) -> None:
    with pytest.raises(FingerprintError):
        read_fingerprints(value)


def test_names_are_quoted_only_where_needed() -> None:
    assert shown_name("public", "coupons") == "public.coupons"
    assert shown_name("My schema", 'a"b') == '"My schema"."a""b"'
