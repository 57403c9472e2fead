"""What pydantic says about a wrong value, as problems with a place, what was found, what was expected and the nearest name."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any

import pydantic

from pointsctl.model.document import Document
from pointsctl.model.problems import Path, Problem, shown
from pointsctl.model.redaction import is_secret_name

_MISSING = "missing"
_UNKNOWN_KEY = "extra_forbidden"
_KEY_STEP = "[key]"
_PREAMBLE = re.compile(
    r"^(Value error, |Assertion failed, )?(expected )?((Input|String|Value|Tuple|List|Dictionary|Object) should (be |have )?)?"
)

# pydantic speaks of Python's types; the file is YAML.
_IN_WORDS = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "text (in quotes, if it looks like something else)",
    "tuple_type": "a list",
}


def problems_of(
    error: pydantic.ValidationError, model: type[pydantic.BaseModel], document: Document, prefix: Path = ()
) -> list[Problem]:
    """One problem for each thing pydantic found wrong with `model` at `prefix` of the document.

    What was found is quoted from the document as it is written, so an expanded variable never appears.
    """
    return [_problem(details, model, document, prefix) for details in _details(error)]


def _details(error: pydantic.ValidationError) -> list[Any]:
    return list(error.errors(include_url=False, include_context=False, include_input=False))


def _problem(details: Any, model: type[pydantic.BaseModel], document: Document, prefix: Path) -> Problem:
    path = (*prefix, *_written(document, prefix, details["loc"]))
    name = str(path[-1]) if path else ""
    if details["type"] == _MISSING:
        parent = document.place(path[:-1])
        return Problem(parent, f"the key {shown(name)} is missing{_of(path[:-1])}")
    if details["type"] == _UNKNOWN_KEY:
        known = _keys_at(model, path[len(prefix) : -1])
        expected = f"one of {', '.join(known)}" if known and len(known) <= 14 else ""
        place = document.place(path, key=True)
        return Problem(place, f"unknown key {shown(name)}", "", expected, name, known)
    expected = _IN_WORDS.get(details["type"]) or _sentence(details["msg"])
    if details["loc"] and details["loc"][-1] == _KEY_STEP:
        return Problem(document.place(path, key=True), "wrong name", shown(name), expected)
    return Problem(document.place(path), f"wrong value for {shown(name)}", found_at(document, path), expected)


def _written(document: Document, prefix: Path, location: Sequence[str | int]) -> Path:
    """`location` without the steps that exist only inside pydantic (union branches, `[key]`)."""
    path: Path = ()
    for step in location:
        candidate = (*path, step)
        if (*prefix, *candidate) in document.values or step == location[-1]:
            path = candidate if step != _KEY_STEP else path
    return path


def found_at(document: Document, path: Path) -> str:
    """The value at `path` in a few words: `'abc'`, `a list`, `nothing`; what a secret's name stands for is never quoted."""
    value = document.data
    secret = any(isinstance(step, str) and is_secret_name(step) for step in path)
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return ""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    if secret:
        return "a value that is not shown"
    return shown(value) if isinstance(value, str) else str(value).lower()


def _of(path: Path) -> str:
    return f" in {'.'.join(str(step) for step in path if isinstance(step, str))}" if path else ""


def _sentence(message: str) -> str:
    text = re.sub("^match pattern ", "text that matches ", _PREAMBLE.sub("", message))
    return text[:1].lower() + text[1:]


def _keys_at(model: type[pydantic.BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that the model at `path` below `model` knows, by the names they have in a file."""
    current: Any = model
    for step in path:
        current = _step(current, step)
        if current is None:
            return ()
    found = _models(current)
    return tuple(field.alias or name for one in found for name, field in one.model_fields.items())


def _step(annotation: Any, step: str | int) -> Any:
    for model in _models(annotation):
        for name, field in model.model_fields.items():
            if step in (name, field.alias):
                return field.annotation
    return _element(annotation)


def _element(annotation: Any) -> Any:
    """What a list, tuple or mapping holds."""
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin in (list, tuple, Sequence, Iterable):
        return arguments[0]
    if origin is dict or (isinstance(origin, type) and issubclass(origin, typing.Mapping)):
        return arguments[1]
    return next((_element(a) for a in arguments if typing.get_origin(a)), None)


def _models(annotation: Any) -> tuple[type[pydantic.BaseModel], ...]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return (annotation,)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return tuple(model for argument in typing.get_args(annotation) for model in _models(argument))
    return ()
