"""JSON that two readers could read differently is refused, and what is canonical has exactly one form."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.canonical import canonical_text, jsonable
from pointsctl.model.strict_json import JsonError, parse, parse_canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=9,
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"role": "a", "role": "b"}', "twice"),
        ('{"x": {"a": 1, "\\u0061": 2}}', "twice"),
        ('{"limit": NaN}', "NaN"),
        ("[Infinity]", "Infinity"),
        ("[-Infinity]", "Infinity"),
        ("[1e400]", "no double holds"),
        ("[-1e400]", "no double holds"),
        ("", "not JSON"),
        ("{} {}", "extra data"),
        ("[" * 100_000, "deeply"),
        ('{"a":' * 100_000, "deeply"),
        (b"\xff", "UTF-8"),
        ('"\ud800"', "UTF-8"),
    ],
)
def test_refused(text: str | bytes, why: str) -> None:
    with pytest.raises(JsonError, match=f"(?i){why}"):
        parse(text)


def test_nothing_of_a_hostile_text_is_quoted() -> None:
    with pytest.raises(JsonError) as refused:
        parse('{"\x1b[31mpassword": hunter2}')
    assert "hunter2" not in refused.value.message
    assert "\x1b" not in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"b":1,"a":2}',
        '{"a":1}\n',
        '{"a":1.0}',
        '{"a":"\\u0062"}',
        '{"a":1e3}',
        "\ufeff{}",
        '{"a":9007199254740993}',
    ],
)
def test_what_is_not_canonical(text: str) -> None:
    with pytest.raises(JsonError):
        parse_canonical(text)


@given(VALUES)
def test_what_is_canonical_is_read_back(value: object) -> None:
    text = canonical_text(value)
    assert parse_canonical(text) == parse_canonical(text.encode()) == jsonable(value)


@given(VALUES, st.data())
def test_one_other_byte_is_another_value_or_refused(value: object, data: st.DataObject) -> None:
    text = canonical_text(value).encode()
    place = data.draw(st.integers(0, len(text) - 1))
    other = bytearray(text)
    other[place] ^= data.draw(st.integers(1, 255))
    try:
        read = parse_canonical(bytes(other))
    except JsonError:
        return
    assert canonical_text(read) != text.decode()


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value = parse(text)
    except JsonError:
        return
    assert json.dumps(value) is not None
