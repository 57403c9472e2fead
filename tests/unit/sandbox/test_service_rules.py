"""The service's decisions that need no server: tokens, limits, trust, codes, bodies."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

import jwt
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.sandbox.service import codes, tokens
from pointsctl.sandbox.service.rate_limit import RateLimiter
from pointsctl.sandbox.service.requests import RedeemCoupon, SubmitEvent, ValidateEvents
from pointsctl.sandbox.service.trust import judge, reviewed

SECRET = "s" * 64
USER = "6f1f1c1e-0000-4000-8000-000000000001"
HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def test_a_users_token_names_the_user() -> None:
    token = tokens.issue(SECRET, tokens.USER_ROLE, now=now(), lifetime=HOUR, user_id=USER)
    assert tokens.read(SECRET, token) == tokens.Caller("authenticated", USER)


def test_a_service_token_names_no_user() -> None:
    token = tokens.issue(SECRET, tokens.SERVICE_ROLE, now=now(), lifetime=HOUR)
    assert tokens.read(SECRET, token) == tokens.Caller("service_role", None)


def _forged() -> dict[str, str]:
    claims = {"role": "service_role", "exp": now() + HOUR}
    user = {"role": "authenticated", "aud": "authenticated", "sub": USER, "exp": now() + HOUR}
    return {
        "another secret": jwt.encode(claims, "x" * 64, "HS256"),
        "no signature": jwt.encode(claims, "", "none"),
        "another algorithm": jwt.encode(claims, SECRET, "HS512"),
        "expired": jwt.encode(claims | {"exp": now() - HOUR}, SECRET, "HS256"),
        "without expiry": jwt.encode({"role": "service_role"}, SECRET, "HS256"),
        "without role": jwt.encode({"exp": now() + HOUR}, SECRET, "HS256"),
        "unknown role": jwt.encode(claims | {"role": "postgres"}, SECRET, "HS256"),
        "another audience": jwt.encode(user | {"aud": "elsewhere"}, SECRET, "HS256"),
        "user without id": jwt.encode(user | {"sub": ""}, SECRET, "HS256"),
        "user with a strange id": jwt.encode(user | {"sub": "' or true --"}, SECRET, "HS256"),
        "no token": "nonsense",
    }


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("name", list(_forged()))
def test_a_forged_token_is_refused_and_not_quoted(name: str) -> None:
    token = _forged()[name]
    with pytest.raises(tokens.InvalidTokenError) as refusal:
        tokens.read(SECRET, token)
    assert token not in str(refusal.value)


def test_a_burst_is_allowed_and_then_one_request_at_a_time() -> None:
    limiter = RateLimiter(per_minute=60, burst=3)
    assert [limiter.seconds_to_wait("a", 0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert limiter.seconds_to_wait("b", 0.0) == 0
    assert [limiter.seconds_to_wait("a", 1.0), limiter.seconds_to_wait("a", 1.0)] == [0, 1]


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 120), st.integers(1, 20))
def test_no_pattern_of_requests_beats_the_limit(gaps: list[float], per_minute: int, burst: int) -> None:
    limiter, at, allowed = RateLimiter(per_minute=per_minute, burst=burst), 0.0, 0
    for gap in gaps:
        at += gap
        allowed += limiter.seconds_to_wait("a", at) == 0
    assert allowed <= burst + at * per_minute / 60 + 1e-6


@given(st.integers(1, 120), st.integers(1, 20), st.integers(1, 60))
def test_who_waits_as_told_is_let_in(per_minute: int, burst: int, requests: int) -> None:
    limiter = RateLimiter(per_minute=per_minute, burst=burst)
    waits = [limiter.seconds_to_wait("a", 0.0) for _ in range(requests)]
    assert limiter.seconds_to_wait("a", float(waits[-1]) if waits[-1] else 60.0) == 0


def test_memory_is_bounded_by_who_asked_lately() -> None:
    limiter = RateLimiter(per_minute=60, burst=1)
    for number in range(30_000):
        limiter.seconds_to_wait(str(number), float(number))
    assert len(limiter._buckets) < 10_100


@given(st.integers(0, 10_000))
def test_more_events_are_never_trusted_more(events: int) -> None:
    here, more = judge(events), judge(events + 1)
    assert 0 <= more.trust_score <= here.trust_score <= 100
    assert (here.status == "rejected") == (here.reason is not None)


def test_the_three_judgements() -> None:
    assert [judge(number).status for number in (0, 60, 61, 90, 91)] == [
        "validated",
        "validated",
        "review",
        "review",
        "rejected",
    ]
    assert reviewed("rejected").reason
    assert reviewed("validated").reason is None


def test_a_code_is_kept_as_its_hmac() -> None:
    code = codes.new_code()
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code)
    assert codes.code_hash("secret", code) == hmac.new(b"secret", code.encode(), hashlib.sha256).hexdigest()
    assert codes.code_hash("other", code) != codes.code_hash("secret", code)
    assert codes.new_code() != code


def test_the_same_claim_under_another_nonce_has_the_same_digest() -> None:
    claim = SubmitEvent(event_type="daily_login", nonce="nonce-00001", metadata={"b": 1, "a": 2})
    again = SubmitEvent(event_type="daily_login", nonce="nonce-00002", metadata={"a": 2, "b": 1})
    other = SubmitEvent(event_type="daily_login", nonce="nonce-00001", metadata={"a": 3, "b": 1})
    assert claim.payload_hash(USER) == again.payload_hash(USER)
    assert len({claim.payload_hash(USER), other.payload_hash(USER), claim.payload_hash("another user")}) == 3


def test_buying_twice_is_two_purchases() -> None:
    template = "00000000-0000-4000-8000-000000000001"
    first, second = (RedeemCoupon.model_validate({"template_id": template, "nonce": f"nonce-0000{n}"}) for n in (1, 2))
    assert first.payload_hash(USER) != second.payload_hash(USER)


def test_a_client_cannot_name_its_own_points() -> None:
    with pytest.raises(pydantic.ValidationError):
        SubmitEvent.model_validate({"event_type": "daily_login", "nonce": "nonce-00001", "points_delta": 1_000_000})


def test_a_decision_needs_its_event() -> None:
    with pytest.raises(pydantic.ValidationError, match="event_id"):
        ValidateEvents(decision="rejected")
