"""A YAML text as plain data together with the place of every key and value.

Anchors and aliases are refused: what a lead signs must read the same from top to bottom, and without them no text can
grow when it is loaded. The text is first walked as a flat stream of events, so that depth and size are bounded before
anything recursive looks at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from pointsctl.model.problems import Path, Place, Problem, shown

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 100_000

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_PLAIN_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
_ENDS = (yaml.SequenceEndEvent, yaml.MappingEndEvent)
_STARTS = (yaml.SequenceStartEvent, yaml.MappingStartEvent)


@dataclass(frozen=True)
class Document:
    """`data` is made of dict, list, str, int, float, bool and None; `keys` and `values` hold each one's place."""

    data: Any
    keys: dict[Path, Place]
    values: dict[Path, Place]

    def place(self, path: Path, *, key: bool = False) -> Place:
        """The place of a value (or of its key), or of its nearest parent that is really written in the text."""
        first = self.keys if key else self.values
        for end in range(len(path), -1, -1):
            found = first.get(path[:end]) or self.values.get(path[:end])
            if found:
                return found
        return Place(1, 1)


class DocumentError(ValueError):
    """The text is not usable YAML; holds the problems found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def parse_document(text: str) -> Document:
    """Read YAML text. Raises DocumentError for syntax errors, doubled keys, aliases, tags, and texts over the limits."""
    _refuse_excess(text)
    reader = _Reader()
    data = reader.read(_compose(text), ())
    if reader.problems:
        raise DocumentError(*reader.problems)
    return Document(data, reader.keys, reader.values)


def _refuse_excess(text: str) -> None:
    if len(text) > MAX_BYTES:
        raise DocumentError(
            Problem(Place(1, 1), "the file is too large", f"{len(text):,} characters", f"{MAX_BYTES:,} at the most")
        )
    depth = nodes = 0
    for event in _events(text):
        place = _place(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise DocumentError(
                Problem(place, "anchors and aliases are not allowed", expected="every value written out")
            )
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, _STARTS)
        depth -= isinstance(event, _ENDS)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            limit = f"at most {MAX_DEPTH} levels and {MAX_NODES:,} values"
            raise DocumentError(Problem(place, "the file is nested too deeply or holds too much", expected=limit))


def _events(text: str) -> Any:
    # The generator raises in the middle of the iteration, so the whole walk is wrapped.
    try:
        yield from yaml.parse(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise DocumentError(_syntax_problem(error)) from None


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise DocumentError(_syntax_problem(error)) from None


def _syntax_problem(error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        return Problem(_place(mark) if mark else Place(1, 1), f"not valid YAML: {what}")
    return Problem(Place(1, 1), "not valid YAML: a character that YAML does not allow")


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Reader:
    """Turns nodes into plain data, noting places and problems on the way."""

    def __init__(self) -> None:
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.problems: list[Problem] = []

    def read(self, node: yaml.Node | None, path: Path) -> Any:
        if node is None:
            return None
        self.values[path] = _place(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(place, "a key must be plain text"))
                continue
            key = key_node.value
            if key in result:
                self.problems.append(Problem(place, f"the key {shown(key)} is written twice", expected="each key once"))
                continue
            self.keys[(*path, key)] = place
            result[key] = self.read(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        value = node.value
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.endswith(("binary", "python")):
            self.problems.append(
                Problem(_place(node.start_mark), "tags are not allowed", shown(node.tag), "a plain value")
            )
            return None
        # YAML 1.1 reads `no`, `on`, `1_000`, `12:30` and dates as something else than text; only the plain forms count.
        if getattr(node, "style", None) or node.tag == "tag:yaml.org,2002:str":
            return value
        if value.lower() in _PLAIN_WORDS:
            return _PLAIN_WORDS[value.lower()]
        if _INTEGER.fullmatch(value):
            return int(value)
        return float(value) if _FLOAT.fullmatch(value) else value
