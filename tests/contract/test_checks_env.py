"""Contract of the kind `env`: values are judged and never shown."""

from __future__ import annotations

import base64
import inspect
import json
import secrets as random_secrets
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.checks import env
from pointsctl.checks.env import Env
from pointsctl.errors import TookTooLongError
from pointsctl.model import secret_strength
from pointsctl.model.finding import Observation, Outcome
from tests.contract.checks_contract import Case, CheckContract, Secrets
from tests.support.world import NOW, make_world

GOOD = "9f8a6c01d4e27b35f0c1a2948e7d6b53c8f1e0a97b4d2563"
WEAK = "correct-horse-battery"
SLOW = "a" * 60 + "!"


def jwt(**claims: Any) -> str:
    """A JWT-shaped text with these claims."""
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def look(rule: dict[str, Any] | None, value: str | None, name: str = "COUPON_SECRET") -> Observation:
    """What one variable's rule says about a value."""
    variables = {} if value is None else {name: value}
    return Env.model_validate({"variables": {name: rule}}).look(make_world(Path("/"), variables=variables))


def details(observation: Observation) -> list[str]:
    """The reasons given."""
    return [str(row["detail"]) for row in observation.evidence["rows"]]


class TestEnvContract(CheckContract):
    kind = "env"

    @pytest.fixture
    def clean(self, tmp_path: Path) -> Case:
        rule = {"secret": True, "min_length": 32, "min_entropy_bits": 100}
        return Case({"variables": {"COUPON_SECRET": rule}}, make_world(tmp_path, variables={"COUPON_SECRET": GOOD}))

    @pytest.fixture
    def violating(self, tmp_path: Path) -> Case:
        rule = {"secret": True, "min_length": 32, "min_entropy_bits": 100, "pattern": "[0-9a-f]+", "one_of": ["a"]}
        return Case({"variables": {"COUPON_SECRET": rule}}, make_world(tmp_path, variables={"COUPON_SECRET": WEAK}))

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Case:
        # Nothing but time can keep this kind from looking: here a pattern that never comes to an end.
        parameters = {"variables": {"COUPON_SECRET": {"pattern": "(a|aa)+$", "not_placeholder": False}}}
        return Case(parameters, make_world(tmp_path, variables={"COUPON_SECRET": SLOW}))

    @pytest.fixture
    def secrets(self) -> Secrets:
        return Secrets((GOOD, WEAK, SLOW))


@pytest.mark.parametrize(
    ("rule", "value", "reason"),
    [
        (None, None, "is not set"),
        (None, "", "is empty"),
        (None, " \t", "holds only white space"),
        (None, "your-generated-secret-here", "is a placeholder"),
        ({"min_length": 33}, GOOD[:32], "is shorter than 33 characters"),
        ({"max_length": 31}, GOOD[:32], "is longer than 31 characters"),
        ({"pattern": "[0-9]+"}, "12345x", "does not match the pattern"),
        ({"pattern": "[0-9]+"}, "12\n34", "does not match the pattern"),
        ({"one_of": ["on", "off"]}, "maybe", "is none of the allowed values"),
        ({"secret": True}, f"{GOOD}\n", "begins or ends with white space"),
        ({"secret": True}, f'"{GOOD}"', "has quotation marks around it"),
        ({"secret": True}, "deadbeef" * 8, "repeats a few characters"),
        ({"min_entropy_bits": 100}, "Tr0ub4dor&3-Tr0ub4dor&3-Tr0ub4dor&3", "is easier to guess than 100 bits"),
        ({"kind": "url"}, "ftp://host/", "is not a URL that begins with https:// or http://"),
        ({"kind": "postgres_url"}, "postgresql://user@/", "names no host"),
        ({"kind": "jwt", "jwt_role": "service_role"}, jwt(role="anon"), "is a JWT whose role is not service_role"),
        ({"kind": "jwt"}, jwt(exp=NOW.timestamp() - 1), "is a JWT that has expired"),
        ({"kind": "jwt"}, GOOD, "is not a JWT of three parts"),
    ],
)
def test_each_defect_is_named_without_the_value(rule: dict[str, Any] | None, value: str | None, reason: str) -> None:
    observation = look(rule, value)
    assert observation.outcome is Outcome.FAIL
    assert reason in details(observation)
    if value and len(value.strip()) > 4:
        Secrets((value.strip(),)).assert_absent(observation)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"kind": "jwt", "jwt_role": "service_role"}, jwt(role="service_role", exp=NOW.timestamp() + 60)),
        ({"kind": "postgres_url"}, "postgresql://owner:x%40y@db.internal:5432/points?sslmode=require"),
        ({"kind": "url"}, "https://abcdefghijklmnopqrst.supabase.co"),
        ({"one_of": ["on", "off"]}, "on"),
        (None, "100"),
    ],
)
def test_good_values_pass(rule: dict[str, Any] | None, value: str) -> None:
    assert look(rule, value).outcome is Outcome.PASS


def test_two_secrets_with_one_value_fail() -> None:
    check = Env.model_validate({"variables": {"FIRST": {"secret": True}, "SECOND": {"secret": True}, "THIRD": {}}})
    observation = check.look(make_world(Path("/"), variables=dict.fromkeys(("FIRST", "SECOND", "THIRD"), GOOD)))
    assert observation.outcome is Outcome.FAIL
    assert details(observation) == ["has the same value as FIRST"]


def test_optional_variables_that_are_all_unset_are_no_pass() -> None:
    assert look({"optional": True}, None).outcome is Outcome.SKIP
    assert look({"optional": True}, "changeme").outcome is Outcome.FAIL
    assert look({"optional": True}, GOOD).outcome is Outcome.PASS


def test_only_a_class_of_length_is_told() -> None:
    row = look({"secret": True}, GOOD).evidence["variables"][0]
    assert row == {"name": "COUPON_SECRET", "set": True, "length": "32 to 63 characters", "problems": []}


def test_process_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUPON_SECRET", GOOD)
    assert look({"secret": True}, None).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"variables": {}},
        {"variables": {"not a name": {}}},
        {"variables": {"A": {"min_length": 9, "max_length": 8}}},
        {"variables": {"A": {"jwt_role": "service_role"}}},
        {"variables": {"A": {"optional": True, "not_placeholder": False}}},
        {"variables": {"A": {"one_of": []}}},
        {"variables": {"A": {"pattern": "("}}},
        {"variables": {"A": {"min_lenght": 3}}},
        {"variables": {"A": {"min_entropy_bits": 0}}},
    ],
)
def test_nonsense_is_refused_when_it_is_loaded(parameters: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Env.model_validate(parameters)


def test_a_pattern_without_an_end_is_an_error() -> None:
    with pytest.raises(TookTooLongError, match="regular expression"):
        look({"pattern": "(a|aa)+$"}, SLOW)


# Generated values are also taken from the constants of the sources: what messages say by themselves is no secret.
OWN_WORDS = inspect.getsource(env) + inspect.getsource(secret_strength)


@given(st.text(min_size=5, max_size=300), st.sampled_from(["text", "url", "postgres_url", "jwt"]), st.booleans())
def test_no_value_is_shown_or_raises(value: str, kind: str, secret: bool) -> None:
    observation = look({"kind": kind, "secret": secret, "min_entropy_bits": 64}, value, name="V")
    marker = value.strip()
    if len(marker) > 4 and marker not in OWN_WORDS and marker not in repr(look({"kind": kind}, None, name="V")):
        Secrets((marker,)).assert_absent(observation.observed, observation.summary, observation.evidence["variables"])


@given(st.integers(min_value=24, max_value=64))
def test_random_secrets_are_never_called_placeholders(size: int) -> None:
    for secret in (random_secrets.token_hex(size), random_secrets.token_urlsafe(size)):
        assert look({"secret": True, "min_entropy_bits": 100}, secret).outcome is Outcome.PASS
