"""Database URLs: read, described without their password, and refused when a password has spilled into what is shown."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import UsageError
from pointsctl.postgres.connection import describe, parse_url, password_of

_TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=6, max_size=24)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://role:secret@host:5432/points", "role@host:5432/points"),
        ("postgresql://role@host/points?sslmode=require", "role@host/points"),
        ("host=h user=u password=secret dbname=d", "u@h/d"),
        ("postgresql://role@/points?host=/run/x", "role@/run/x/points"),
        ("postgresql://a%40b:secret@host/points", "a@b@host/points"),
        ("postgresql://u@one:1,two:2/d", "u@one,two:1,2/d"),
    ],
)
def test_described_without_password_and_options(url: str, shown: str) -> None:
    assert describe(url) == shown


@pytest.mark.parametrize(
    "password", ["zqone@zqtwo", "zqone/zqtwo@zqx", "zqone@", "zqone/zqtwo", "zqone@zqtwo@zqx", "zqone/zqtwo@zqx/zqw"]
)
def test_a_password_that_is_not_escaped_is_refused_without_a_trace(password: str) -> None:
    with pytest.raises(UsageError) as caught:
        describe(f"postgresql://role:{password}@host.example:5432/points")
    assert "zq" not in f"{caught.value.message} {caught.value.hint} {caught.value.__cause__} {caught.value.__context__}"
    assert "%40" in caught.value.hint


@given(_TEXT)
def test_no_password_is_ever_described(password: str) -> None:
    """Escaped it is read back whole; not escaped it is kept out, or refused."""
    secret = f"Zq{password}Zq"
    assert password_of(f"postgresql://role:{quote(secret, safe='')}@host:5432/points") == secret
    try:
        shown = describe(f"postgresql://role:{secret}@host:5432/points")
    except UsageError as error:
        shown = error.message
    assert "Zq" not in shown


@pytest.mark.parametrize(
    "url", ["", " ", "mysql://x", "postgresql://h:notaport/d", "not a url", "postgresql://%zz@h/d"]
)
def test_nonsense_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        parse_url(url)
