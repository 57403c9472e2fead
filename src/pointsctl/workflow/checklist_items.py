"""The items of a checklist as they stand in the file, and the check that each kind makes of its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pydantic

from pointsctl import kinds
from pointsctl.checks.interface import Check
from pointsctl.errors import PointsctlError
from pointsctl.model.document import Document
from pointsctl.model.problems import Path, Problem
from pointsctl.model.validation import found_at, problems_of


@dataclass(frozen=True)
class WrittenItem:
    """An item as it stands in the file: raw, so that its parts can be checked even when others are wrong."""

    path: Path
    data: dict[str, Any]

    @property
    def id(self) -> str:
        """The id, or an empty text when there is none that could be one."""
        value = self.data.get("id")
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> list[tuple[Path, str]]:
        """The texts of a list, each with its path."""
        return texts_at(self.data, key, self.path)


@dataclass
class Checked:
    """The checks by item id, and what is wrong with the kinds and their parameters."""

    checks: dict[str, Check] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def texts_at(holder: dict[str, Any], key: str, path: Path) -> list[tuple[Path, str]]:
    """The texts in the list `key` of a mapping at `path`, each with its path; anything else is left to the shape's problems."""
    value = holder.get(key)
    if not isinstance(value, list):
        return []
    return [((*path, key, index), one) for index, one in enumerate(value) if isinstance(one, str)]


def holders(data: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every phase and section as written, with its path."""
    for path, phase in _mappings(data, "phases", ()):
        yield path, phase
        yield from _mappings(phase, "sections", path)


def written_items(data: Any) -> list[WrittenItem]:
    """Every item of the file in its order, each before its sub-items."""
    return [item for path, holder in holders(data) for item in items_below(holder, path)]


def items_below(holder: dict[str, Any], path: Path) -> Iterator[WrittenItem]:
    """The items of a section, or the sub-items of an item, at every depth."""
    for child_path, child in _mappings(holder, "items", path):
        yield WrittenItem(child_path, child)
        yield from items_below(child, child_path)


def checks_of(items: Iterable[WrittenItem], document: Document) -> Checked:
    """Make the check of every item."""
    result = Checked()
    for item in items:
        kind, parameters = item.data.get("kind"), item.data.get("with", {})
        if not isinstance(kind, str) or not isinstance(parameters, dict):
            continue  # the shape's problems name it already
        if not kinds.exists("checks", kind):
            result.problems.append(_unknown(item, kind, document))
            continue
        try:
            result.checks[item.id] = _check(kind, parameters)
        except pydantic.ValidationError as error:
            model = kinds.load("checks", kind)
            result.problems.extend(problems_of(error, model, document, (*item.path, "with")))
        except PointsctlError as error:
            place = document.place((*item.path, "with"))
            result.problems.append(Problem(place, error.message, expected=error.hint))
    return result


def _check(kind: str, parameters: dict[str, Any]) -> Check:
    made: Check = kinds.load("checks", kind).model_validate(parameters)
    return made


def _unknown(item: WrittenItem, kind: str, document: Document) -> Problem:
    known = kinds.names("checks")
    path = (*item.path, "kind")
    found = found_at(document, path)
    return Problem(document.place(path), "unknown kind", found, f"one of {', '.join(known)}", kind, known)


def _mappings(holder: Any, key: str, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    value = holder.get(key) if isinstance(holder, dict) else None
    for index, one in enumerate(value if isinstance(value, list) else ()):
        if isinstance(one, dict):
            yield (*path, key, index), one
