"""Placeholders and weak secrets are recognised, random ones are not taken for them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.secret_strength import estimated_bits, placeholder_reason


@pytest.mark.parametrize(
    "value",
    [
        "changeme", "Change_Me!", "your-generated-secret-here", "YOUR_API_KEY", "your-project-ref", "xxx", "XXXXXXXX", "***", "____",
        "<secret>", "{{ secret }}", "${COUPON_SECRET}", "$COUPON_SECRET", "[LINK]", "...", "TODO", "tbd", "none", "null", "example",
        "placeholder", "secret", "password", "replace-this-value", "COUPON_SECRET", "coupon-secret-1", "https://example.com/x",
        "https://your-project.supabase.co", "postgresql://me@example.org/db", "not-a-real-secret",
    ],
)  # fmt: skip
def test_placeholders(value: str) -> None:
    assert placeholder_reason("COUPON_SECRET", value, secret=False)


@pytest.mark.parametrize(
    "value",
    ["aaaaaaaa", "abababab", "abcabcab", "1234567890", "abcdefghijklmnop", "qwertyuiop123456", "0987654321", "zyxwvuts",
     "deadbeefdeadbeef", "1qaz2wsx3edc4rfv"],
)  # fmt: skip
def test_monotonous_secrets(value: str) -> None:
    assert placeholder_reason("COUPON_SECRET", value, secret=True)


@pytest.mark.parametrize(
    "value",
    ["100", "production", "https://abc.supabase.co", "eu-west-1", "5432", "a", "on", "11111", "info@points.app"],
)
def test_ordinary_settings_are_no_placeholders(value: str) -> None:
    assert not placeholder_reason("SETTING", value, secret=False)


@given(st.binary(min_size=24, max_size=64))
def test_encoded_bytes_are_no_placeholder_unless_they_repeat(content: bytes) -> None:
    if len(set(content)) < len(content) * 3 // 4 or bytes(sorted(content)) == content:
        return
    for text in (content.hex(), base64.b64encode(content).decode()):
        assert not placeholder_reason("COUPON_SECRET", text, secret=True)


@pytest.mark.parametrize(
    ("value", "bits"),
    [("", 1), ("password" * 9, 20), ("a" * 500, 20), ("0123456789abcdef" * 4, 40), ("2025-01-25", 40), ("qwertyuiop" * 4, 40),
     ("coupon_secret" * 3, 60), ("Tr0ub4dor&3", 60)],
)  # fmt: skip
def test_easy_values_have_few_bits(value: str, bits: float) -> None:
    assert estimated_bits(value, ["COUPON_SECRET"]) < bits


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        ("9f8a6c01d4e27b35f0c1a2948e7d6b53", 90),
        ("3kZ8vQ1xLr7TnB0yWm5HcJ2dPfGsEaUo", 100),
        ("9f8a6c01d4e27b35f0c1a2948e7d6b53" * 4, 90),
    ],
)
def test_random_values_have_many(value: str, bits: float) -> None:
    assert estimated_bits(value) > bits


@given(st.text(max_size=400))
def test_any_value_has_an_estimate_not_above_its_length(value: str) -> None:
    assert 0 <= estimated_bits(value) <= 21 * min(len(value), 72)
