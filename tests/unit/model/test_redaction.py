"""Secrets leave no text, however they are written; everything else stays readable."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.redaction import MARK, is_secret_name, redact, redact_url, secret_values

secrets = st.text(st.characters(codec="utf-8"), min_size=4, max_size=40).filter(lambda text: text.strip() not in MARK)


@pytest.mark.parametrize(
    "name",
    ["COUPON_SECRET", "API_TOKEN", "DB_PASSWORD", "PGPASSWORD", "SUPABASE_SERVICE_ROLE_KEY", "JWT", "SENTRY_DSN", "X_AUTH"],
)
def test_names_that_mean_a_secret(name: str) -> None:
    assert is_secret_name(name)
    assert is_secret_name(name.lower())


@pytest.mark.parametrize("name", ["PATH", "SSH_KEY_FILE", "AWS_ACCESS_KEY_ID", "TOKEN_COUNT", "KEYBOARD", "SSH_AUTH_SOCK", ""])
def test_names_that_do_not(name: str) -> None:
    assert not is_secret_name(name)


@given(st.text(), secrets, st.text())
def test_a_secret_leaves_in_every_form(before: str, secret: str, after: str) -> None:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret), encoded):
        found = redact(f"before {form} after", [secret])
        assert found == f"before {MARK} after" or form not in found


@given(st.text(alphabet="abc XYZ.,:;-\n"))
def test_a_text_without_secrets_stays(text: str) -> None:
    assert redact(text, ["0123456789"]) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("at postgresql://me:hunter2@host:5432/db now", f"at postgresql://me:{MARK}@host:5432/db now"),
        ("redis://:p@ss@host", f"redis://:{MARK}@host"),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {MARK}"),
        ("token sbp_0123456789abcdef0123 used", f"token {MARK} used"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", MARK),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("at 12:30 @ noon", "at 12:30 @ noon"),
    ],
)
def test_shapes_that_only_secrets_have(text: str, found: str) -> None:
    assert redact(text) == found


def test_a_secret_that_begins_like_another_leaves_no_end_behind() -> None:
    assert redact("abcd1234efgh", ["abcd", "abcd1234efgh"]) == MARK


def test_values_come_from_names_urls_and_what_checks_call_secret() -> None:
    variables = {"A_SECRET": " value-of-a ", "URL": "postgresql://me:p%40ss1@h/d", "PLAIN": "shown", "NAMED": "hidden", "B_TOKEN": "abc"}
    assert secret_values(variables, ["NAMED"]) == {"value-of-a", "p%40ss1", "p@ss1", "hidden"}


def test_everyday_words_are_no_secrets() -> None:
    assert secret_values({"USE_TOKEN": "true", "A_SECRET": ""}) == frozenset()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://me:pw@host/path?key=abc&x=1#frag", f"https://host/path?key={MARK}&x={MARK}"),
        ("http://[::1", MARK),
        ("https://host/", "https://host/"),
    ],
)
def test_addresses_keep_only_what_tells_where(url: str, found: str) -> None:
    assert redact_url(url) == found
