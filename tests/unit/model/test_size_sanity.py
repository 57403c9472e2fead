"""Sizes that cannot be right."""

from __future__ import annotations

from dataclasses import dataclass

from pointsctl.model.size_sanity import size_problems

GB = 1024**3


@dataclass(frozen=True)
class Backup:
    stored_size: int
    database_size: int


USUAL = Backup(GB, 2 * GB)


def test_a_usual_size_is_no_problem() -> None:
    assert size_problems(USUAL, None, None) == ()
    assert size_problems(USUAL, USUAL, 2 * GB) == ()
    assert size_problems(Backup(GB // 2, 2 * GB), USUAL, 4 * GB) == ()


def test_less_than_half_of_the_last_one_fails() -> None:
    (problem,) = size_problems(Backup(GB // 2 - 1, 2 * GB), USUAL, None)
    assert "less than half" in problem


def test_far_from_the_live_size_fails() -> None:
    assert "more than 2 times apart" in size_problems(USUAL, None, 4 * GB + 1)[0]
    assert "more than 2 times apart" in size_problems(USUAL, None, GB - 1)[0]
    assert size_problems(USUAL, None, 0) != ()


def test_nothing_fails() -> None:
    assert size_problems(Backup(0, 1000), None, None) == ("the backup has 0 bytes",)
    assert "of a database of" in size_problems(Backup(GB // 1001, GB), None, None)[0]


def test_small_databases_may_change_as_they_like() -> None:
    assert size_problems(Backup(1000, 8_000_000), Backup(100_000, 30_000_000), 20_000_000) == ()
