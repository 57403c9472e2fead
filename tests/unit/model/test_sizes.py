"""Amounts and rates as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.progress import Unit
from pointsctl.model.sizes import amount, rate, size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (390_000_000, "390 MB"),
        (5 * 10**18, "5,000 PB"),
    ],
)
def test_bytes_have_three_digits_at_most(count: int, text: str) -> None:
    assert size(count) == text


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_more_bytes_never_read_as_fewer(one: int, other: int) -> None:
    units = ("B", "kB", "MB", "GB", "TB", "PB")

    def value(count: int) -> float:
        number, unit = size(count).split(" ")
        return float(number.replace(",", "")) * 1000.0 ** units.index(unit)

    smaller, larger = sorted((one, other))
    assert value(smaller) <= value(larger)


def test_rows_and_things_are_counted_in_full() -> None:
    assert amount(1, Unit.ROWS) == "1 row"
    assert amount(3_500_000, Unit.ROWS) == "3,500,000 rows"
    assert amount(12, Unit.THINGS) == "12"


def test_a_rate_needs_time_to_have_passed() -> None:
    assert rate(10, Unit.BYTES, 0) == ""
    assert rate(240_000_000, Unit.BYTES, 2) == "120 MB/s"
    assert rate(3000, Unit.ROWS, 1.5) == "2,000 rows/s"
