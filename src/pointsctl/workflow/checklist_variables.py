"""Replaces the variables in the values of a checklist, and notes those that are not set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pointsctl.model.document import Document
from pointsctl.model.problems import Path, Place, Problem
from pointsctl.model.validation import found_at
from pointsctl.model.variables import expand


@dataclass
class Expanded:
    """`data` with variables replaced; `unset` holds, by environment, what matters only when that environment is used."""

    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    unset: dict[str, list[Problem]] = field(default_factory=dict)


def expand_document(document: Document, variables: Mapping[str, str]) -> Expanded:
    """Replace every variable. A value whose variables are not all set stays as it is written."""
    result = Expanded()
    names = tuple(variables)

    def replaced(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: replaced(child, (*path, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [replaced(child, (*path, index)) for index, child in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        expansion = expand(value, variables)
        if expansion.malformed:
            result.problems.append(_malformed(path, document))
        for name in expansion.missing:
            _note_unset(_not_set(name, document.place(path), names), path, result)
        return value if expansion.missing else expansion.text

    result.data = replaced(document.data, ())
    return result


def _malformed(path: Path, document: Document) -> Problem:
    expected = "${NAME}, ${NAME:-default}, or $${ for a literal ${"
    return Problem(document.place(path), "a variable that cannot be read", found_at(document, path), expected)


def _not_set(name: str, place: Place, names: tuple[str, ...]) -> Problem:
    if name in names:
        return Problem(place, f"the variable {name} is empty", "", "a value in the environment")
    return Problem(place, f"the variable {name} is not set", "", "a value in the environment", name, names)


def _note_unset(problem: Problem, path: Path, result: Expanded) -> None:
    if len(path) > 2 and path[0] == "environments":
        result.unset.setdefault(str(path[1]), []).append(problem)
    else:
        result.problems.append(problem)
