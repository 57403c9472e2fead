"""Whoever may switch the triggers off can do anything to the rows. Each deed is named, once, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.ledger.chain import Chain
from pointsctl.ledger.damage import KEPT, Damages
from pointsctl.model.ledger import EMPTY, Head, Row, chain_hash
from tests.support.ledger_rows import body, chain, follow, relinked, rewritten, seen

ROWS = chain(12)
HASH = "ab" * 32


def found(rows: Sequence[Row], since: Head = EMPTY) -> list[tuple[str, int, int]]:
    """What is named: what, and from which record to which."""
    damages = Damages()
    walk = Chain(damages, since)
    for row in seen(rows):
        walk.check(row)
    walk.finish()
    return [(one.what.value, one.seq, one.until) for one in damages]


def changed(index: int, row: Row, rows: Sequence[Row] = ROWS) -> list[Row]:
    return [*rows[:index], row, *rows[index + 1 :]]


def test_a_whole_chain_has_no_damage_and_its_head_is_the_last_record() -> None:
    damages = Damages()
    walk = Chain(damages)
    for row in ROWS:
        walk.check(row)
    walk.finish()
    assert (len(damages), walk.head) == (0, Head(12, ROWS[-1].hash))


def test_nothing_has_no_damage() -> None:
    assert found([]) == []


@pytest.mark.parametrize("index", range(12))
def test_a_body_that_was_changed(index: int) -> None:
    assert found(changed(index, ROWS[index]._replace(body=body(index + 1, notes="other")))) == [
        ("altered", index + 1, index + 1)
    ]


@pytest.mark.parametrize("index", range(11))
def test_a_body_that_was_changed_together_with_its_hash(index: int) -> None:
    # Of the last record nobody in the chain knows: what was noted elsewhere does.
    assert found(changed(index, rewritten(ROWS[index], notes="other"))) == [("rewritten", index + 1, index + 1)]


@pytest.mark.parametrize("index", range(12))
def test_a_plain_column_that_was_changed(index: int) -> None:
    assert found(changed(index, ROWS[index]._replace(consistent=False))) == [("columns-differ", index + 1, index + 1)]


@pytest.mark.parametrize("index", range(12))
@pytest.mark.parametrize("column", ["hash", "previous_hash"])
def test_a_hash_that_was_changed_alone(index: int, column: str) -> None:
    row = ROWS[index]._replace(hash=HASH) if column == "hash" else ROWS[index]._replace(previous_hash=HASH)
    assert found(changed(index, row)) == [("altered", index + 1, index + 1)]


def test_a_changed_previous_hash_is_called_so() -> None:
    damages = Damages()
    walk = Chain(damages)
    for row in changed(4, ROWS[4]._replace(previous_hash=HASH)):
        walk.check(row)
    (damage,) = damages
    assert damage.found == f"its previous_hash was altered to {HASH}"


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 3), (5, 5), (5, 8), (11, 11)])
def test_removed_records(first: int, last: int) -> None:
    assert found([row for row in ROWS if not first <= row.seq <= last]) == [("removed", first, last)]


def test_removed_records_with_the_link_over_the_gap_mended() -> None:
    kept = [row for row in ROWS if row.seq != 5]
    assert found(relinked(kept)) == [("removed", 5, 5)]


@pytest.mark.parametrize(("one", "other"), [(5, 7), (5, 6), (1, 12), (1, 2), (11, 12)])
def test_two_records_that_changed_places(one: int, other: int) -> None:
    swapped = changed(one - 1, ROWS[other - 1]._replace(seq=one))
    swapped[other - 1] = ROWS[one - 1]._replace(seq=other)
    assert found(swapped) == [("reordered", one, one), ("reordered", other, other)]


def test_a_copy_under_another_number() -> None:
    assert found([*ROWS, ROWS[4]._replace(seq=13)]) == [("reordered", 13, 13)]


@pytest.mark.parametrize("index", [0, 4, 11])
def test_a_second_record_of_one_number_once_the_key_was_dropped(index: int) -> None:
    false = follow(Head(index, ROWS[index].previous_hash), body(index + 1, notes="false"))
    for pair in ([ROWS[index], false], [false, ROWS[index]]):
        assert found([*ROWS[:index], *pair, *ROWS[index + 1 :]])[0] == ("inserted", index + 1, index + 1)


def test_a_record_before_the_first() -> None:
    assert found([follow(Head(-1, EMPTY.hash), body(0)), *ROWS]) == [("inserted", 0, 0)]


@pytest.mark.parametrize("index", [0, 1, 5, 10])
def test_a_record_put_in_between_with_a_hash_that_fits_moves_all_others(index: int) -> None:
    false = follow(Head(index, ROWS[index].previous_hash), body(index + 1, notes="false"))
    moved = [row._replace(seq=row.seq + 1) for row in ROWS[index:]]
    assert found([*ROWS[:index], false, *moved]) == [("inserted", index + 1, index + 1), ("reordered", index + 2, 13)]


def test_numbers_closed_up_over_a_removed_record() -> None:
    moved = [row._replace(seq=row.seq - 1) for row in ROWS[5:]]
    assert found([*ROWS[:4], *moved]) == [("reordered", 5, 11)]


def test_a_record_that_is_chained_to_something_else_at_the_beginning() -> None:
    assert found(relinked(ROWS, Head(0, HASH))) == [("rewritten", 1, 1)]
    assert found(ROWS[5:], Head(5, ROWS[4].hash)) == []
    assert found(ROWS[5:], Head(5, HASH)) == [("rewritten", 6, 6)]


def test_a_chain_computed_anew_is_whole_which_is_why_heads_are_noted_elsewhere() -> None:
    assert found(relinked(changed(3, rewritten(ROWS[3], notes="other")))) == []


def test_two_deeds_are_two_damages() -> None:
    both = changed(2, ROWS[2]._replace(body=body(3, notes="other")))
    both = changed(8, both[8]._replace(body=body(9, notes="other")), both)
    assert found(both) == [("altered", 3, 3), ("altered", 9, 9)]


def test_damage_everywhere_is_counted_in_bounded_memory() -> None:
    rows = chain(3 * KEPT)
    damages = Damages()
    walk = Chain(damages)
    for row in rows:
        walk.check(row._replace(body="{}") if row.seq % 2 else row)
    walk.finish()
    assert (len(list(damages)), damages.more, len(damages)) == (KEPT, KEPT // 2, KEPT * 3 // 2)
    gaps = Damages()
    walk = Chain(gaps)
    for row in rows:
        if row.seq % 2:
            walk.check(row)
    walk.finish()
    assert (len(list(gaps)), gaps.more) == (KEPT, KEPT // 2 - 1)


deeds = st.sampled_from(["body", "column", "hash", "link", "remove", "swap", "double"])


@given(deeds, st.integers(0, 10), st.data())
def test_no_single_deed_goes_unnoticed_or_is_told_at_length(deed: str, index: int, data: st.DataObject) -> None:
    row = ROWS[index]
    rows = list(ROWS)
    if deed == "remove":
        del rows[index]
    elif deed == "double":
        rows.insert(data.draw(st.integers(0, 12)), row)
    elif deed == "swap":
        other = data.draw(st.integers(0, 11).filter(lambda one: one != index))
        rows[index], rows[other] = ROWS[other]._replace(seq=row.seq), row._replace(seq=ROWS[other].seq)
    else:
        notes = data.draw(st.text(max_size=5).filter(lambda text: text != f"note {row.seq}"))
        written = body(row.seq, notes=notes)
        false = {
            "body": row._replace(body=written),
            "column": row._replace(consistent=False),
            "hash": row._replace(body=written, hash=chain_hash(row.previous_hash, written)),
            "link": row._replace(previous_hash=HASH, hash=chain_hash(HASH, row.body)),
        }
        rows[index] = false[deed]
    names = found(rows)
    assert 1 <= len(names) <= 2
