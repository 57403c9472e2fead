"""Any value becomes JSON, and equal values have one digest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsctl.model.canonical import canonical_text, digest, jsonable, utc_text
from pointsctl.model.finding import Outcome

ANY_RUN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANY_TEXT = st.text(st.characters(codec=None), max_size=20)
ANY_KEY = ANY_TEXT | st.integers() | st.none() | st.booleans() | st.floats() | st.dates()
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.binary(max_size=9)
    | ANY_TEXT
    | st.datetimes(timezones=st.timezones() | st.none())
    | st.timedeltas()
    | st.uuids()
    | st.builds(object)
)
ANY_VALUE = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_KEY, inner, max_size=3), max_leaves=12
)


class _Level(IntEnum):
    LOW = 1


class _Secretive:
    def __repr__(self) -> str:
        return "password=hunter2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (1.0, 1),
        (1.5, 1.5),
        (True, True),
        (Decimal("1.10"), "1.10"),
        (Decimal("NaN"), "NaN"),
        (b"\x00\xff", "\\x00ff"),
        (memoryview(b"ab"), "\\x6162"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:00:00.000Z"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4), "03:04:00"),
        (timedelta(seconds=1.5), 1500),
        (Outcome.FAIL, "fail"),
        (_Level.LOW, 1),
        ((1, {2: None}), [1, {"2": None}]),
        ({"b", "a"}, ["a", "b"]),
        ("\ud800", "\ufffd"),
        (_Secretive(), "<_Secretive>"),
    ],
)
def test_what_json_cannot_hold(value: object, expected: object) -> None:
    assert jsonable(value) == expected
    assert type(jsonable(value)) is type(expected)


def test_integer_of_any_size() -> None:
    assert canonical_text(2**53 - 1) == "9007199254740991"
    assert canonical_text(2**53) == '"9007199254740992"', "readers that hold numbers as doubles would round it"
    assert json.loads(canonical_text(-(10**30))) == str(-(10**30))
    assert canonical_text(timedelta.max).startswith('"')
    assert canonical_text(1 << 20_000).startswith('"0x1000')


def test_the_examples_of_the_standard() -> None:
    """RFC 8785, section 3.2.2 and 3.2.3: numbers as ECMAScript writes them, keys in the order of UTF-16 code units."""
    assert canonical_text([333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001]) == (
        "[333333333.3333333,1e+30,4.5,0.002,1e-27]"
    )
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical_text(keys)).values()) == [2, 4, 6, 7, 1, 5, 3]


def test_a_value_that_holds_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "nested too deeply" in canonical_text(endless)


def test_moments() -> None:
    assert utc_text(datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)) == "2026-01-02T03:04:05.678Z"
    assert not utc_text(datetime(2026, 1, 2)).endswith("Z")  # noqa: DTZ001  (a moment without a zone is the case)
    assert utc_text(datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))).startswith("9999")


def test_digest_is_that_of_stock_tools() -> None:
    # As `printf '%s' '{"a":[1,"é"],"b":null}' | sha256sum`
    text = '{"a":[1,"é"],"b":null}'
    assert canonical_text({"b": None, "a": [1, "é"]}) == text
    assert digest({"b": None, "a": (1.0, "é")}) == hashlib.sha256(text.encode()).hexdigest()


@ANY_RUN
@given(ANY_VALUE)
def test_any_value_survives_json(value: object) -> None:
    text = canonical_text(value)
    assert json.loads(text) == jsonable(value)
    assert canonical_text(json.loads(text)) == text


@ANY_RUN
@given(st.dictionaries(ANY_TEXT, ANY_VALUE, max_size=4))
def test_order_of_keys_does_not_matter(value: Mapping[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(list(value.items())))) or _keys_merge(value)


def _keys_merge(value: Mapping[str, object]) -> bool:
    # Two keys that differ only in lone surrogates become one key; the last of them stays.
    return len(jsonable(value)) < len(value)
