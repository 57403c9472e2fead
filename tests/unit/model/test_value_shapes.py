"""Shapes of values: every way to be wrong has a reason, and no reason repeats the value."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.value_shapes import jwt_problems, postgres_url_problems, url_problems

NOW = datetime(2026, 3, 14, tzinfo=UTC)


def part(value: object) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(claims: object, header: object = {"alg": "HS256"}, signature: str = "c2ln") -> str:
    """A JWT-shaped text."""
    return f"{part(header)}.{part(claims)}.{signature}"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW.timestamp()}, "has expired"),
        ({"exp": float("nan")}, "exp is not a time"),
        ({"exp": float("inf")}, "exp is not a time"),
        ({"exp": "never"}, "exp is not a time"),
        ({"exp": True}, "exp is not a time"),
        ({"nbf": NOW.timestamp() + 1}, "not valid yet"),
        ({}, "role is not service_role"),
        ([], "not a JWT of three parts"),
    ],
)
def test_jwt_that_is_no_good(claims: Any, reason: str) -> None:
    assert any(reason in problem for problem in jwt_problems(jwt(claims), NOW, "service_role"))


@pytest.mark.parametrize(
    "token", [jwt({}, {"alg": "none"}), jwt({}, {}), jwt({}, signature=""), jwt({}, {"alg": "NONE"})]
)
def test_jwt_without_a_signature(token: str) -> None:
    assert "is a JWT without a signature" in list(jwt_problems(token, NOW))


def test_jwt_that_is_good() -> None:
    claims = {"role": "service_role", "exp": 10**400, "nbf": 0}
    assert list(jwt_problems(jwt(claims), NOW, "service_role")) == []


@pytest.mark.parametrize(
    "value",
    [
        "postgresql:///points?host=/run/postgresql",
        "postgres://h/d",
        "postgresql://u:p@[::1]:5432/d",
        "postgresql://h/?dbname=d",
    ],
)
def test_postgres_urls(value: str) -> None:
    assert list(postgres_url_problems(value)) == []


@pytest.mark.parametrize(
    "value", ["https://h/d", "postgresql:///d", "postgresql://h", "postgresql://h:port/d", "host=h dbname=d", ""]
)
def test_what_is_no_postgres_url(value: str) -> None:
    assert list(postgres_url_problems(value))


@pytest.mark.parametrize(
    "value", ["https://", "//host", "host", "https://h:99999", "https://[", "https://h x/", "javascript:alert(1)"]
)
def test_what_is_no_url(value: str) -> None:
    assert list(url_problems(value))


@given(st.text(min_size=12, max_size=80) | st.lists(st.binary(max_size=20), min_size=3, max_size=3).map(
    lambda parts: ".".join(base64.urlsafe_b64encode(part).decode() for part in parts)
))  # fmt: skip
def test_no_value_raises_or_is_repeated(value: str) -> None:
    reasons = [*url_problems(value), *postgres_url_problems(value), *jwt_problems(value, NOW, "service_role")]
    assert reasons
    assert not any(value in reason for reason in reasons)
