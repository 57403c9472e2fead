"""What was noted outside the chain shows what the chain itself cannot: that it was computed anew, or cut off."""

from __future__ import annotations

from collections.abc import Sequence

from pointsctl.ledger.damage import Damage
from pointsctl.ledger.heads import NotedHead, compare
from pointsctl.model.ledger import EMPTY, Head, Row
from tests.support.ledger_rows import chain, relinked, rewritten

ROWS = chain(12)
REWRITTEN = relinked([*ROWS[:6], rewritten(ROWS[6], notes="other"), *ROWS[7:]])


def noted(*numbers: int) -> list[NotedHead]:
    return [NotedHead(Head(number, ROWS[number - 1].hash), f"anchor {number}") for number in numbers]


def found(heads: Sequence[NotedHead], rows: Sequence[Row]) -> list[Damage]:
    stored = {row.seq: row.hash for row in rows}
    return list(compare(heads, len(rows), stored.get))


def test_heads_that_are_there_prove_nothing_bad() -> None:
    assert found([*noted(3, 12), NotedHead(EMPTY, "a statement")], ROWS) == []


def test_a_chain_computed_anew_is_rewritten_between_the_last_head_that_fits_and_the_first_that_does_not() -> None:
    (damage,) = found(noted(10, 12, 4), REWRITTEN)
    assert (damage.what.value, damage.seq, damage.until) == ("rewritten", 5, 10)
    assert damage.expected == f"record 10 has hash {ROWS[9].hash}, says anchor 10 and 1 more"
    assert damage.found == f"hash {REWRITTEN[9].hash}"


def test_a_cut_tail() -> None:
    (damage,) = found(noted(4, 9, 12), ROWS[:8])
    assert (damage.what.value, damage.seq, damage.until) == ("truncated", 9, 12)
    assert (damage.expected, damage.found) == ("records up to 12, says anchor 9 and 1 more", "the last record is 8")


def test_a_record_that_is_missing_has_no_hash() -> None:
    stored = {row.seq: row.hash for row in ROWS if row.seq != 4}
    (damage,) = compare(noted(4), 12, stored.get)
    assert damage.found == "hash of nothing: the record is missing"


def test_a_head_before_the_first_record_has_one_hash_only() -> None:
    (damage,) = found([NotedHead(Head(0, "ab" * 32), "a statement")], ROWS)
    assert (damage.seq, damage.until) == (0, 0)


def test_an_empty_ledger_that_had_records_is_cut_off() -> None:
    (damage,) = found(noted(12), [])
    assert (damage.seq, damage.until) == (1, 12)
