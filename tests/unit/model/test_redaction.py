"""Secrets are taken out of texts in every form in which they are commonly written."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.redaction import MARK, is_secret_name, redact, redact_url, secret_values


@pytest.mark.parametrize(
    "name",
    ["COUPON_SECRET", "API_TOKEN", "DB_PASSWORD", "PGPASSWORD", "SUPABASE_SERVICE_ROLE_KEY", "APIKEY", "JWT", "DB_PWD", "SSH_PASSPHRASE"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)
    assert is_secret_name(name.lower())


@pytest.mark.parametrize(
    "name", ["PATH", "PWD", "OLDPWD", "HOME", "SSH_AUTH_SOCK", "SSH_KEY_FILE", "AWS_ACCESS_KEY_ID", "KEYBOARD", "AUTHOR", "TOKEN_LENGTH"]
)  # fmt: skip
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


def test_values_of_secret_variables_declared_ones_and_passwords_in_urls() -> None:
    variables = {
        "API_KEY": "key-123456",
        "PLAIN": "plain-text",
        "CODE": "code-4711",
        "DB_URL": "postgresql://u:p%40ss%2Fword@h/d",
    }
    assert secret_values(variables, ["CODE"]) == {"key-123456", "code-4711", "p%40ss%2Fword", "p@ss/word"}


def test_everyday_values_are_not_taken_out_of_every_text() -> None:
    assert secret_values({"USE_TOKEN": "true", "API_KEY": "1"}) == frozenset()


@given(
    st.text(min_size=4, max_size=60).filter(lambda text: text.strip() == text),
    st.text(max_size=40),
    st.text(max_size=40),
)
def test_secret_is_gone_in_every_form(secret: str, before: str, after: str) -> None:
    safe = secret.encode("utf-8", "replace").decode()
    forms = [secret, json.dumps(secret)[1:-1], quote(safe, safe=""), base64.b64encode(safe.encode()).decode()]
    for form in forms:
        assert form not in redact(f"{before} {form} {after}", [secret]).replace(MARK, "")


def test_secret_that_begins_like_another_leaves_no_end_behind() -> None:
    assert redact("x abcdefgh y", ["abcd", "abcdefgh"]) == f"x {MARK} y"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://owner:hunter22@db/points",
        "postgresql://owner:hun@ter22@db/points",
        "Authorization: Bearer hunter22hunter22",
        "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiaHVudGVyMjIifQ.hunter22",
        "sbp_hunter22hunter22hunter22",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter22\nhunter22",
    ],
)
def test_shapes_of_secrets_are_recognised_without_knowing_them(text: str) -> None:
    assert "ter22" not in redact(f"before {text} after")


@pytest.mark.parametrize(
    "unit", ["a.", "eyJaaaaaa.", "a:", "://a:", "bearer ", "a://", "-----BEGIN PRIVATE KEY", "sk_"]
)
def test_a_megabyte_of_almost_secrets_is_read_in_linear_time(unit: str) -> None:
    # Quadratic work on a megabyte would take hours: that this ends at all is the assertion.
    assert redact(unit * (1_000_000 // len(unit))) is not None


@pytest.mark.parametrize(
    "dsn", ["host=h password=hunter22 user=u", "password = 'hunter22 x'", "postgres://h/d?password=hunter22"]
)
def test_passwords_of_the_other_forms_of_an_address_are_secrets(dsn: str) -> None:
    assert "hunter22" not in redact(f"cannot connect to {dsn}")
    assert any(value.startswith("hunter22") for value in secret_values({"PRODUCTION": dsn}))


@pytest.mark.parametrize("before", ["", "u", "u:", "us:", "user:"])
def test_secret_inside_something_encoded_is_gone(before: str) -> None:
    secret = "Zq8vK2m7Xw4LpN9tRb3Yc6Ds"
    encoded = base64.b64encode(f"{before}{secret}:end".encode()).decode()
    assert len(redact(encoded, [secret]).replace(MARK, "")) < len(encoded) - 28
    assert secret.encode().hex() not in redact(f"{before}{secret}".encode().hex(), [secret])


@pytest.mark.parametrize("mark", ["", "…", "… (4 more characters)"])
def test_beginning_of_a_secret_at_the_end_of_a_cut_message_is_gone(mark: str) -> None:
    assert redact(f"token hunter22hun{mark}", ["hunter22hunter23"]) == f"token {MARK}{mark}"
    assert redact("token hunter22huX", ["hunter22hunter23"]) == "token hunter22huX"


def test_plain_texts_stay_as_they_are() -> None:
    text = "12 passed in 3.4s, see https://ci.example.org/run?id=5 and mail a@b.c: done"
    assert redact(text, ["other-secret"]) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@host:8443/a?key=v&empty&x=#top", f"https://host:8443/a?key={MARK}&empty={MARK}&x={MARK}"),
        ("https://host/", "https://host/"),
        ("https://[broken/", MARK),
    ],
)
def test_addresses_are_shown_without_user_query_and_fragment(url: str, shown: str) -> None:
    assert redact_url(url) == shown
