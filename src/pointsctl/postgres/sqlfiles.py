"""Reads the SQL files that ship with pointsctl: a header of comments, then exactly one statement."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from pointsctl.errors import UsageError
from pointsctl.model.problems import nearest

_HEADER = re.compile(r"-- ([a-z][a-z0-9_ -]*): *(.*)")
_CONTINUATION = re.compile(r"--\s{2,}(\S.*)")
_PARAMETER = re.compile(r"(?P<type>\S+)(?: = (?P<default>.+?))?; (?P<description>.+)")
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|%)")
_REFERENCE = re.compile(r"\{(\w+)\}")
# Quoted text, quoted names, comments and dollar-quoted text: a semicolon in one of them ends no statement.
_OPAQUE = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_REQUIREMENT_KINDS = ("role", "schema", "table", "column", "unfiltered")


@dataclass(frozen=True)
class Parameter:
    """A value that a file's statement takes; `type` is text, text[], integer or timestamptz; no default means required."""

    type: str
    default: Any
    required: bool
    description: str

    def convert(self, value: Any) -> Any:
        """The value as the statement takes it. Raises ValueError saying what was expected."""
        if self.type == "text" and isinstance(value, str):
            return value
        if self.type == "integer" and isinstance(value, int) and not isinstance(value, bool):
            return value
        if self.type == "text[]" and isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            return list(value)
        if self.type == "timestamptz":
            return _moment(value)
        raise ValueError(f"found {value!r}, expected {_SHAPES[self.type]}")


_SHAPES = {
    "text": "text",
    "text[]": "a list of texts",
    "integer": "a whole number",
    "timestamptz": "a time with its zone, such as 2026-01-31T08:00:00Z",
}


def _moment(value: Any) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"found {value!r}, expected {_SHAPES['timestamptz']}")
    return moment


@dataclass(frozen=True)
class Requirement:
    """Something that must be there before a statement's answer means anything; `kind` as in the header `requires`."""

    kind: str
    name: str


@dataclass(frozen=True)
class SqlFile:
    """One file: its header and its statement. Keys without a field of their own are in `headers`.

    `requires` holds the header's phrases, such as `role anon`, `unfiltered public.coupons` or `table {tables}`, where the
    braces stand for every value of a parameter. The header `given` names placeholders that the caller always fills.
    """

    folder: str
    name: str
    statement: str
    id: str
    title: str
    severity: str = ""
    why: str = ""
    remedy: str = ""
    requires: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults and given values together. Raises UsageError for an unknown name, a wrong type or a missing value."""
        for name in given:
            if name not in self.parameters:
                raise _unknown(name, self.parameters, f"{self.id} has no parameter {name!r}")
        return {name: self._argument(name, parameter, given) for name, parameter in self.parameters.items()}

    def _argument(self, name: str, parameter: Parameter, given: Mapping[str, Any]) -> Any:
        if name not in given and parameter.required:
            raise UsageError(f"{self.id} needs the parameter {name!r}", hint=f"{name}: {parameter.description}")
        try:
            return parameter.convert(given[name]) if name in given else parameter.default
        except ValueError as error:
            hint = f"{name}: {parameter.description}"
            raise UsageError(f"parameter {name!r} of {self.id}: {error}", hint=hint) from None

    def requirements(self, arguments: Mapping[str, Any]) -> tuple[Requirement, ...]:
        """What has to be there for these arguments."""
        found: list[Requirement] = []
        for phrase in self.requires:
            kind, _, name = phrase.partition(" ")
            reference = _REFERENCE.fullmatch(name)
            values = arguments[reference[1]] if reference else [name]
            found += [Requirement(kind, value) for value in ([values] if isinstance(values, str) else values)]
        return tuple(dict.fromkeys(found))


@cache
def names(folder: str) -> tuple[str, ...]:
    """The names (without `.sql`) of all files of a folder below sql/, sorted."""
    directory = files("pointsctl.sql").joinpath(folder)
    return tuple(
        sorted(entry.name.removesuffix(".sql") for entry in directory.iterdir() if entry.name.endswith(".sql"))
    )


@cache
def load(folder: str, name: str) -> SqlFile:
    """Read one file. Raises UsageError with the nearest name for an unknown one."""
    if name not in names(folder):
        raise _unknown(name, names(folder), f"no file {name!r} in sql/{folder}")
    return parse(folder, name, files("pointsctl.sql").joinpath(folder, f"{name}.sql").read_text(encoding="utf-8"))


def parse(folder: str, name: str, text: str) -> SqlFile:
    """A file from its text. Raises ValueError when the header or the statement breaks the rules above."""
    headers, statement = _split(text)
    where = f"sql/{folder}/{name}.sql"
    for key in ("id", "title"):
        if not headers.get(key):
            raise ValueError(f"{where}: no header {key!r}")
    parameters = {
        key.removeprefix("parameter "): _parameter(value, where)
        for key, value in headers.items()
        if key.startswith("parameter ")
    }
    requires = listed(headers.get("requires", ""))
    _check_statement(statement, where)
    used = set(_PLACEHOLDER.findall(statement)) - {""}
    declared = {*parameters, *listed(headers.get("given", ""))}
    if used != declared:
        raise ValueError(f"{where}: placeholders {sorted(used)}, declared {sorted(declared)}")
    _check_requires(requires, parameters, where)
    known = {key: headers.get(key, "") for key in ("id", "title", "severity", "why", "remedy")}
    rest = {key: value for key, value in headers.items() if key not in known and not key.startswith("parameter ")}
    return SqlFile(folder, name, statement, requires=requires, parameters=parameters, headers=rest, **known)


def listed(text: str) -> tuple[str, ...]:
    """The parts of a header that holds a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _split(text: str) -> tuple[dict[str, str], str]:
    headers: dict[str, str] = {}
    lines = text.splitlines()
    key = ""
    for number, line in enumerate(lines):
        if found := _HEADER.fullmatch(line):
            key = found[1]
            headers[key] = found[2].strip()
        elif key and (more := _CONTINUATION.fullmatch(line)):
            headers[key] = f"{headers[key]} {more[1].strip()}".strip()
        else:
            return headers, "\n".join(lines[number:]).strip().removesuffix(";").rstrip()
    return headers, ""


def _parameter(text: str, where: str) -> Parameter:
    found = _PARAMETER.fullmatch(text)
    if not found or found["type"] not in _SHAPES:
        raise ValueError(f"{where}: parameter {text!r}, expected `type = default; description`")
    default = json.loads(found["default"]) if found["default"] else None
    parameter = Parameter(found["type"], default, found["default"] is None, found["description"])
    if not parameter.required:
        parameter.convert(default)
    return parameter


def _check_statement(statement: str, where: str) -> None:
    bare = _OPAQUE.sub(" ", statement)
    if not bare.strip() or ";" in bare:
        raise ValueError(f"{where}: expected exactly one statement")
    if "%" in _PLACEHOLDER.sub("", statement):
        raise ValueError(f"{where}: a percent sign that is neither `%(name)s` nor `%%`")


def _check_requires(requires: tuple[str, ...], parameters: Mapping[str, Parameter], where: str) -> None:
    for phrase in requires:
        kind, _, name = phrase.partition(" ")
        reference = _REFERENCE.fullmatch(name)
        if kind not in _REQUIREMENT_KINDS or not name or (reference and reference[1] not in parameters):
            raise ValueError(
                f"{where}: requires {phrase!r}, expected one of {', '.join(_REQUIREMENT_KINDS)} and a name"
            )


def _unknown(name: str, valid: Any, message: str) -> UsageError:
    close = nearest(name, valid)
    return UsageError(message, hint=f"did you mean {close!r}?" if close else f"known: {', '.join(valid) or 'none'}")
