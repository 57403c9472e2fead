"""Every name in a checklist that stands for something else in it: item ids, globs, environments, metrics."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pointsctl.checks.interface import Check
from pointsctl.model.document import Document
from pointsctl.model.problems import Path, Place, Problem, shown
from pointsctl.model.references import find_cycles, matching
from pointsctl.model.validation import found_at
from pointsctl.workflow.checklist_items import WrittenItem, holders, items_below, texts_at

BUILT_IN_ENVIRONMENTS = ("sandbox", "sandbox-staging")
"""Environments that exist without being declared while the sandbox runs."""


@dataclass
class References:
    """`stands_for` holds, for each item, the items that its check is about (a gate's items); `problems` what is wrong."""

    stands_for: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def references_of(
    data: Any, items: Sequence[WrittenItem], checks: Mapping[str, Check], document: Document
) -> References:
    """Follow every reference. `data` is the document with its variables replaced; places come from `document`."""
    ids = list(dict.fromkeys(item.id for item in items if item.id))
    result = References()
    result.problems.extend(_ids_once(items, document))
    result.problems.extend(_unknown_ids(data, items, ids, document))
    for item in items:
        if item.id in checks:
            result.stands_for[item.id] = _stands_for(item, checks[item.id], ids, document, result.problems)
    result.problems.extend(_cycles(items, result.stands_for, document))
    result.problems.extend(_unknown_environments(data, items, document))
    result.problems.extend(_unknown_metrics(data, document))
    return result


def _ids_once(items: Sequence[WrittenItem], document: Document) -> Iterator[Problem]:
    first: dict[str, Place] = {}
    for item in items:
        path = (*item.path, "id")
        place = document.place(path)
        if item.id and item.id in first:
            message = f"the id {found_at(document, path)} is used twice"
            yield Problem(place, message, f"the first at line {first[item.id].line}", "each id once")
        first.setdefault(item.id, place)


def _unknown_ids(data: Any, items: Sequence[WrittenItem], ids: Sequence[str], document: Document) -> Iterator[Problem]:
    known = set(ids)
    for item in items:
        for path, need in item.texts("needs"):
            if need not in known:
                yield _unknown("no item of this id", path, "the id of an item", need, ids, document)
    for holder_path, holder in holders(data):
        for path, gate in texts_at(holder, "gates", holder_path):
            if gate not in known:
                yield _unknown("no item of this id", path, "the id of a gate", gate, ids, document)


def _stands_for(
    item: WrittenItem, check: Check, ids: Sequence[str], document: Document, problems: list[Problem]
) -> tuple[str, ...]:
    patterns = check.item_references()
    if patterns is None:
        below = tuple(dict.fromkeys(child.id for child in items_below(item.data, item.path) if child.id))
        if not below:
            message = f"{shown(item.id)} stands for its sub-items and has none"
            problems.append(Problem(document.place(item.path), message, expected="`items` in `with`, or sub-items"))
        return below
    found: dict[str, None] = {}
    for pattern in patterns:
        # A glob never means the item that it stands in; its own id, written out, is a cycle.
        matched = [one for one in matching(pattern, ids) if one != item.id or pattern == item.id]
        found.update(dict.fromkeys(matched))
        if not matched:
            path = _path_of(pattern, item)
            problems.append(
                _unknown("no item of this id", path, "an id, or a glob that matches ids", pattern, ids, document)
            )
    return tuple(found)


def _path_of(pattern: str, item: WrittenItem) -> Path:
    parameters = item.data.get("with")
    for key, value in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(value, list) and pattern in value:
            return (*item.path, "with", key, value.index(pattern))
    return (*item.path, "with")


def _cycles(
    items: Sequence[WrittenItem], stands_for: Mapping[str, Sequence[str]], document: Document
) -> Iterator[Problem]:
    paths = {item.id: item.path for item in reversed(items) if item.id}
    needs = {
        item.id: [*(need for _, need in item.texts("needs")), *stands_for.get(item.id, ())] for item in items if item.id
    }
    for cycle in find_cycles(needs):
        # Begin at the item that stands first in the file.
        start = min(range(len(cycle) - 1), key=lambda index: document.place(paths[cycle[index]]))
        ring = [*cycle[start:-1], *cycle[:start], cycle[start]]
        message = f"items wait for each other: {' -> '.join(_name(one) for one in ring)}"
        yield Problem(document.place((*paths[ring[0]], "id")), message, expected="no cycle in `needs` and gates")


def _name(item_id: str) -> str:
    return shown(item_id)[1:-1]


def _unknown_environments(data: Any, items: Sequence[WrittenItem], document: Document) -> Iterator[Problem]:
    declared = _mapping(data, "environments")
    known = [*declared, *BUILT_IN_ENVIRONMENTS]
    expected = "a declared environment"
    aliases: list[str] = []
    for name in declared:
        for key, value in _mapping(declared[name], "at").items():
            aliases.append(key)
            if isinstance(value, str) and value not in known:
                yield _unknown(
                    "no environment of this name", ("environments", name, "at", key), expected, value, known, document
                )
    for item in items:
        for path, name in item.texts("environments"):
            if name not in known:
                yield _unknown("no environment of this name", path, expected, name, known, document)
        at = item.data.get("at")
        if isinstance(at, str) and at not in known and at not in aliases:
            yield _unknown("no environment of this name", (*item.path, "at"), expected, at, known, document)


def _unknown_metrics(data: Any, document: Document) -> Iterator[Problem]:
    known = list(_mapping(data, "metrics"))
    triggers = _mapping(data, "triggers")
    for name in triggers:
        path: Path = ("triggers", name, "metric")
        metric = triggers[name].get("metric") if isinstance(triggers[name], dict) else None
        if isinstance(metric, str) and metric not in known:
            yield _unknown("no metric of this name", path, "one of `metrics`", metric, known, document)


def _mapping(data: Any, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def _unknown(message: str, path: Path, expected: str, name: str, valid: Collection[str], document: Document) -> Problem:
    return Problem(document.place(path), message, found_at(document, path), expected, name, valid)
