"""Kind `env`: variables are set, and their values look like what they should be; no value is ever shown."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import combinations, pairwise
from typing import Annotated, Any

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.checks.interface import Check, World
from pointsctl.model.finding import JsonValue, Observation
from pointsctl.model.patterns import WholePattern, matches_whole
from pointsctl.model.secret_strength import estimated_bits, placeholder_reason
from pointsctl.model.time_limit import stop_if_over
from pointsctl.model.value_shapes import jwt_problems, postgres_url_problems, url_problems

_LENGTH_CLASSES = (8, 16, 32, 64, 128, 256, 1024)
_LONGEST = 65_536

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=120)]


class Shape(StrEnum):
    """What kind of text a value is."""

    TEXT = "text"
    URL = "url"
    POSTGRES_URL = "postgres_url"
    JWT = "jwt"


class Rule(pydantic.BaseModel):
    """What one variable must be. Without any key: set, not empty, and not a placeholder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: bool = pydantic.Field(
        False,
        description="a secret: repetitions and keyboard runs are refused, and it must differ from the item's other secrets",
    )
    min_length: int | None = pydantic.Field(None, ge=1, le=_LONGEST, description="characters at least")
    max_length: int | None = pydantic.Field(None, ge=1, le=_LONGEST, description="characters at most")
    pattern: WholePattern | None = pydantic.Field(
        None, description="regular expression that the whole value must match"
    )
    not_placeholder: bool = pydantic.Field(
        True, description="refuse `changeme`, `your-...-here`, `<...>`, `xxx`, the variable's own name, and the like"
    )
    min_entropy_bits: float | None = pydantic.Field(
        None,
        gt=0,
        le=1024,
        description="how hard it must be to guess, in bits, estimated low: 32 random hex characters count about 95, 64 about"
        " 200; words, dates, repetitions and sequences count next to nothing",
    )
    optional: bool = pydantic.Field(False, description="may be unset; when it is set, the rest must hold")
    one_of: tuple[str, ...] | None = pydantic.Field(None, min_length=1, description="the only values allowed")
    kind: Shape = pydantic.Field(
        Shape.TEXT, description="`url` (http or https), `postgres_url`, or `jwt` (signed, and not expired)"
    )
    jwt_role: str | None = pydantic.Field(
        None, min_length=1, max_length=60, description="the `role` that the JWT must claim, such as `service_role`"
    )

    @pydantic.model_validator(mode="after")
    def _sensible(self) -> Rule:
        if self.min_length and self.max_length and self.min_length > self.max_length:
            raise ValueError("expected `min_length` to be at most `max_length`")
        if self.jwt_role and self.kind is not Shape.JWT:
            raise ValueError("expected `kind: jwt` beside `jwt_role`")
        if self.optional and not self.not_placeholder and not self.model_fields_set - {"optional", "not_placeholder"}:
            raise ValueError("expected something that an optional variable must be, because this can never fail")
        return self

    def problems(self, name: str, value: str, world: World) -> Iterator[str]:
        """Reasons why `value` is not good enough, none of which repeats it."""
        yield from self._wrong_length(value)
        if self.not_placeholder:
            yield from filter(None, [placeholder_reason(name, value, secret=self.secret)])
        if self.secret or self.kind is not Shape.TEXT:
            yield from _wrapping(value)
        if self.one_of is not None and value not in self.one_of:
            yield "is none of the allowed values"
        if self.pattern is not None and not matches_whole(self.pattern, value):
            yield "does not match the pattern"
        yield from self._wrong_shape(value, world)
        if self.min_entropy_bits is not None and estimated_bits(value, [name]) < self.min_entropy_bits:
            yield f"is easier to guess than {self.min_entropy_bits:g} bits"

    def _wrong_length(self, value: str) -> Iterator[str]:
        if self.min_length is not None and len(value) < self.min_length:
            yield f"is shorter than {self.min_length} characters"
        if len(value) > (self.max_length or _LONGEST):
            yield f"is longer than {self.max_length or _LONGEST} characters"

    def _wrong_shape(self, value: str, world: World) -> Iterator[str]:
        if self.kind is Shape.URL:
            yield from url_problems(value)
        elif self.kind is Shape.POSTGRES_URL:
            yield from postgres_url_problems(value)
        elif self.kind is Shape.JWT:
            yield from jwt_problems(value, world.now, self.jwt_role)


class Env(Check):
    """Looks at the variables of the environment (its `variables`, then those of the process).

    An empty value counts as unset. What is reported are names, a class of length such as "32 to 63 characters", and reasons.
    """

    variables: dict[VariableName, Rule] = pydantic.Field(
        min_length=1,
        max_length=200,
        description="each variable's name with what it must be; `{}` when being set is enough",
    )

    @pydantic.field_validator("variables", mode="before")
    @classmethod
    def _nothing_is_the_default_rule(cls, value: Any) -> Any:
        return (
            {name: {} if rule is None else rule for name, rule in value.items()} if isinstance(value, dict) else value
        )

    def how(self) -> str:
        """The names of the variables."""
        names = list(self.variables)
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        return f"variables {', '.join(name[:28] for name in names[:2])}{more}"

    def secret_variables(self) -> tuple[str, ...]:
        """The variables whose rule says `secret`, and every JWT and database URL."""
        return tuple(name for name, rule in self.variables.items() if _is_secret(rule))

    def look(self, world: World) -> Observation:
        """Judge every variable. Raises TookTooLongError for a pattern that does not come to an end."""
        problems: dict[str, list[str]] = {}
        for name, rule in self.variables.items():
            stop_if_over(world.cancellation, "judging the variables")
            problems[name] = list(self._problems(name, rule, world))
        for name, other in self._equal_secrets(world.variables):
            problems[name].append(f"has the same value as {other}")
        return self._observation(problems, world.variables)

    def _problems(self, name: str, rule: Rule, world: World) -> Iterator[str]:
        value = world.variables.get(name, "")
        if value.strip():
            yield from rule.problems(name, value, world)
        elif value:
            yield "holds only white space"
        elif not rule.optional:
            yield "is not set" if name not in world.variables else "is empty"

    def _equal_secrets(self, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        secrets = [name for name, rule in self.variables.items() if rule.secret and variables.get(name, "").strip()]
        for first, second in combinations(secrets, 2):
            if hmac.compare_digest(_bytes(variables[first]), _bytes(variables[second])):
                yield second, first

    def _observation(self, problems: dict[str, list[str]], variables: Mapping[str, str]) -> Observation:
        rows = [{"object": name, "detail": reason} for name, reasons in problems.items() for reason in reasons]
        present = sum(1 for name in problems if variables.get(name))
        evidence: dict[str, JsonValue] = {
            "variables": [_row(name, variables.get(name, ""), reasons) for name, reasons in problems.items()],
            "rows": rows,
        }
        if rows:
            bad = sum(1 for reasons in problems.values() if reasons)
            return Observation.failed(
                f"{rows[0]['object']} {rows[0]['detail']}" + (f"; {len(rows) - 1} more" if len(rows) > 1 else ""),
                observed=f"{bad} of {len(problems)} not as they should be",
                expected="all as they should be",
                hint="set them where the deployment takes its variables from, and run the item again",
                evidence=evidence,
            )
        if not present:
            return Observation.skipped("none of the optional variables is set, so there was nothing to judge")
        observed = f"{present} of {len(problems)} set"
        return Observation.passed(
            f"{observed}, all as they should be", observed=observed, expected="all", evidence=evidence
        )


def _is_secret(rule: Rule) -> bool:
    return rule.secret or rule.kind in (Shape.JWT, Shape.POSTGRES_URL)


def _wrapping(value: str) -> Iterator[str]:
    # Both come from copying a value by hand, and both make every comparison on the other side fail.
    if value != value.strip():
        yield "begins or ends with white space"
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"`":
        yield "has quotation marks around it"


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _row(name: str, value: str, reasons: list[str]) -> dict[str, JsonValue]:
    return {"name": name, "set": bool(value), "length": _length_class(value), "problems": reasons}


def _length_class(value: str) -> str:
    """A range of lengths, because the exact length helps a guesser."""
    if not value:
        return "empty"
    limits = (1, *_LENGTH_CLASSES)
    for low, high in pairwise(limits):
        if len(value) < high:
            return f"{low} to {high - 1} characters"
    return f"{limits[-1]} characters or more"
