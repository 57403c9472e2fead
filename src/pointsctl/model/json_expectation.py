"""What must stand at a place of a JSON document, the place written as a JSONPath (RFC 9535)."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pydantic
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError
from pydantic import AfterValidator, ConfigDict, StringConstraints

from pointsctl.model.patterns import Pattern, finds
from pointsctl.model.problems import shown

_ENVIRONMENT = JSONPathEnvironment()
# They search with a pattern of the document's own length and no time limit; `matches` has one.
for _function in ("match", "search"):
    del _ENVIRONMENT.function_extensions[_function]


def parse_json(body: bytes) -> Any:
    """The JSON value of a body. Raises ValueError for what is no JSON, and for names written twice, whose meaning is open."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"not JSON: {name}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("JSON with a name written twice in one object")
    return value


def _compiles(path: str) -> str:
    try:
        _ENVIRONMENT.compile(path)
    except (JSONPathError, RecursionError) as error:
        reason = str(error).partition(", line")[0]
        raise ValueError(f"expected a JSONPath such as $.status; {reason}") from None
    return path


class JsonExpectation(pydantic.BaseModel):
    """One place in a JSON document and what must be there: exactly one of `equals`, `exists` and `matches`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_compiles)] = pydantic.Field(
        description="JSONPath (RFC 9535) such as `$.status` or `$.items[*].id`, without the functions match and search"
    )
    equals: Any = pydantic.Field(None, description="the value that every place found must have, of the same JSON type")
    exists: bool | None = pydantic.Field(None, description="whether the path must be found")
    matches: Pattern | None = pydantic.Field(
        None, description="regular expression that must be found in every place, which must be text"
    )

    @pydantic.model_validator(mode="after")
    def _exactly_one(self) -> JsonExpectation:
        given = self.model_fields_set & {"equals", "exists", "matches"}
        if len(given) != 1 or (self.exists is None and "exists" in given) or (not self.matches and "matches" in given):
            raise ValueError("expected exactly one of `equals`, `exists` and `matches`")
        return self

    def expected(self) -> str:
        """What must be there, in a few words."""
        if "equals" in self.model_fields_set:
            return f"{self.path} to be {_brief(self.equals)}"
        if self.matches is not None:
            return f"{self.path} to match {shown(self.matches, 40)}"
        return f"{self.path} to be {'there' if self.exists else 'absent'}"

    def problem(self, document: Any) -> str:
        """What is wrong with `document` in a few words; empty when it is as expected. Not found is never as expected."""
        try:
            found = [node.value for node in _ENVIRONMENT.find(self.path, document)]
        except (JSONPathError, RecursionError):
            return f"{self.path} cannot be followed in so deep a document"
        if self.exists is not None:
            return "" if self.exists is bool(found) else f"{self.path} is {'there' if found else 'missing'}"
        if not found:
            return f"{self.path} is missing"
        wrong = [value for value in found if not self._holds(value)]
        return f"{self.path} is {_brief(wrong[0])}" if wrong else ""

    def _holds(self, value: Any) -> bool:
        if self.matches is not None:
            return isinstance(value, str) and finds(self.matches, value)
        return _same(value, self.equals)


def _same(found: Any, expected: Any) -> bool:
    """JSON equality: `true` is not 1, 1 is 1.0, and the order of names means nothing."""
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_same(found[name], expected[name]) for name in found)
    if isinstance(found, list) and isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(_same, found, expected))
    return bool(found == expected)


def _brief(value: Any) -> str:
    return shown(value, 60) if isinstance(value, str) else shown(json.dumps(value, default=str), 60)[1:-1]
