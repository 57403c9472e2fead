"""What every kind of check must keep, run by the contract test of each kind.

A test module subclasses `CheckContract`, names its kind, and gives the fixtures `clean`, `violating` and `broken` (each a
`Case`), and `secrets` when variables are involved. The class must be named `Test...` in the subclass so that it is collected.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pydantic
import pytest

from pointsctl import kinds
from pointsctl.checks.interface import Check, World
from pointsctl.errors import PointsctlError
from pointsctl.model.finding import Observation, Outcome
from tests.support.world import cancelled


@dataclass(frozen=True)
class Case:
    """What an item says under `with`, and the world that the check is to look at."""

    parameters: dict[str, Any]
    world: World

    def check(self, kind: str) -> Check:
        """The check that the kind makes of the parameters."""
        check: Check = kinds.load("checks", kind).model_validate(self.parameters)
        return check

    def look(self, kind: str) -> Observation:
        """One look at the case's world."""
        return self.check(kind).look(self.world)


@dataclass(frozen=True)
class Secrets:
    """Texts that must never be seen in anything that a check gives back."""

    values: tuple[str, ...] = field(default=())

    def assert_absent(self, *shown: object) -> None:
        """Fail when one of the values stands in what is shown."""
        text = "\n".join(repr(one) for one in shown)
        for value in self.values:
            assert value not in text, "a secret was shown"


class CheckContract:
    """The promises of a kind."""

    kind: ClassVar[str]

    @pytest.fixture
    def secrets(self) -> Secrets:
        """No secrets unless the kind has some."""
        return Secrets()

    def test_clean_world_passes_and_says_what_was_seen(self, clean: Case) -> None:
        observation = clean.look(self.kind)
        assert observation.outcome is Outcome.PASS, observation
        assert observation.observed
        assert _one_line(observation.summary)

    def test_violation_fails_and_says_what_to_do(self, violating: Case) -> None:
        observation = violating.look(self.kind)
        assert observation.outcome is Outcome.FAIL, observation
        assert observation.observed
        assert observation.expected
        assert observation.hint
        assert _one_line(observation.summary)

    def test_world_that_cannot_be_looked_at_is_an_error(self, broken: Case) -> None:
        with pytest.raises(PointsctlError) as raised:
            broken.look(self.kind)
        assert raised.value.hint
        assert _one_line(raised.value.message)

    def test_secrets_are_in_no_answer(self, clean: Case, violating: Case, broken: Case, secrets: Secrets) -> None:
        secrets.assert_absent(clean.look(self.kind), violating.look(self.kind), clean.check(self.kind).how())
        with pytest.raises(PointsctlError) as raised:
            broken.look(self.kind)
        secrets.assert_absent(*_chain(raised.value))

    def test_evidence_is_json(self, clean: Case, violating: Case) -> None:
        for case in (clean, violating):
            text = json.dumps(dict(case.look(self.kind).evidence), allow_nan=False)
            assert isinstance(json.loads(text), dict)

    def test_two_looks_agree(self, clean: Case, violating: Case) -> None:
        for case in (clean, violating):
            assert case.look(self.kind).outcome is case.look(self.kind).outcome

    def test_unknown_key_is_refused(self, clean: Case) -> None:
        with pytest.raises(pydantic.ValidationError, match="no_such_key"):
            Case({**clean.parameters, "no_such_key": 1}, clean.world).check(self.kind)

    def test_check_is_a_frozen_value(self, clean: Case) -> None:
        check = clean.check(self.kind)
        name = next(iter(type(check).model_fields))
        with pytest.raises(pydantic.ValidationError, match="frozen"):
            setattr(check, name, None)

    def test_every_parameter_is_described(self, clean: Case) -> None:
        for name, parameter in type(clean.check(self.kind)).model_fields.items():
            assert parameter.description, f"{self.kind}: parameter {name!r} has no description"

    def test_how_is_short_and_about_this_item(self, clean: Case) -> None:
        how = clean.check(self.kind).how()
        assert _one_line(how)
        assert len(how) <= 80

    def test_stopped_look_never_passes(self, clean: Case) -> None:
        stopped = replace(clean, world=cancelled(clean.world))
        with pytest.raises(PointsctlError):
            stopped.look(self.kind)


def _one_line(text: str) -> bool:
    return bool(text) and text.isprintable()


def _chain(error: BaseException | None) -> list[object]:
    # A cause or context is printed with a traceback, so a secret in it counts as shown.
    shown: list[object] = []
    while error is not None:
        shown += [str(error), error.args, getattr(error, "hint", "")]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return shown
