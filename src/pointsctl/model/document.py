"""A YAML text as plain data together with the place of every key and value.

Anchors and aliases are refused: what a lead signs must read the same from top to bottom, and without them no text can
grow when it is loaded. The text is first walked as a flat stream of events, so that depth and size are bounded before
anything recursive looks at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from pointsctl.model.problems import Path, Place, Problem, shown

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 20_000
_MAX_PROBLEMS = 100

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_PLAIN_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
# YAML 1.1, chapter 5.1. A byte order mark is allowed at the very beginning only.
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_DIRECTIVE = re.compile("^%", re.MULTILINE)
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
    text = text.removeprefix("\ufeff")
    _refuse_unreadable(text)
    _refuse_excess(text)
    reader = _Reader()
    data = reader.read(_compose(text), ())
    if reader.problems:
        raise DocumentError(*reader.problems)
    return Document(data, reader.keys, reader.values)


def _refuse_unreadable(text: str) -> None:
    if len(text) > MAX_BYTES:
        raise DocumentError(_too_large(len(text)))
    wrong = _NOT_ALLOWED.search(text)
    if wrong:
        found = f"U+{ord(wrong[0]):04X}"
        raise DocumentError(Problem(place_at(text, wrong.start()), "a character that YAML does not allow", found))
    directive = _DIRECTIVE.search(text)
    if directive:
        # Thousands of %TAG lines keep the parser busy for minutes, and no checklist needs one.
        place = place_at(text, directive.start())
        raise DocumentError(Problem(place, "a line cannot begin with %", expected="no YAML directives"))


def _too_large(characters: int) -> Problem:
    return Problem(Place(1, 1), "the file is too large", f"{characters:,} characters", f"{MAX_BYTES:,} at the most")


def place_at(text: str, offset: int) -> Place:
    """The place of the character at `offset`."""
    return Place(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def _refuse_excess(text: str) -> None:
    problems: list[Problem] = []
    depth = nodes = 0
    for event in _events(text):
        problems.extend(_indirections(event))
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, _STARTS)
        depth -= isinstance(event, _ENDS)
        if depth > MAX_DEPTH or nodes > MAX_NODES or len(problems) > _MAX_PROBLEMS:
            limit = f"at most {MAX_DEPTH} levels and {MAX_NODES:,} values"
            place = _place(event.start_mark)
            problems.append(Problem(place, "the file is nested too deeply or holds too much", expected=limit))
            break
    if problems:
        raise DocumentError(*problems)


def _indirections(event: yaml.Event) -> Iterator[Problem]:
    # The names of anchors and tags are not repeated: `password: !x3f9` is a secret that lacks its quotes.
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        expected = "every value written out, and quotes around a text that begins with & or *"
        yield Problem(_place(event.start_mark), "anchors and aliases are not allowed", expected=expected)
    elif getattr(event, "tag", None):
        expected = "a plain value, and quotes around a text that begins with !"
        yield Problem(_place(event.start_mark), "tags are not allowed", expected=expected)


def _events(text: str) -> Iterator[Any]:
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
    return Problem(Place(1, 1), "not valid YAML")


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
        # YAML 1.1 reads `no`, `on`, `1_000`, `12:30` and dates as something else than text; only the plain forms count.
        if getattr(node, "style", None) or node.tag == "tag:yaml.org,2002:str":
            return value
        if value.lower() in _PLAIN_WORDS:
            return _PLAIN_WORDS[value.lower()]
        if _INTEGER.fullmatch(value):
            return int(value)
        return float(value) if _FLOAT.fullmatch(value) else value
