"""Use case: read a checklist file, and name everything that is wrong with it at once."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic

from pointsctl import kinds
from pointsctl.checks.interface import Check
from pointsctl.errors import ChecklistError, PointsctlError, UsageError
from pointsctl.model import document as documents
from pointsctl.model.checklist import VERSION, Checklist
from pointsctl.model.configuration import Environment
from pointsctl.model.document import Document, DocumentError
from pointsctl.model.problems import Path as DocumentPath
from pointsctl.model.problems import Place, Problem, nearest, shown
from pointsctl.model.references import find_cycle, matching
from pointsctl.model.validation import problems_of
from pointsctl.model.variables import expand, nearest_variable
from pointsctl.postgres.connection import password_of

_SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|PRIVATE|SERVICE_ROLE|API_KEY", re.IGNORECASE)


@dataclass(frozen=True)
class Loaded:
    """A checklist that can be executed.

    `checks` holds the check of every item; `references` the items that a gate stands for; `sha256` the digest of the
    file's bytes; `unset` the problems of environments whose variables are not set, which matter only when one is used.
    """

    path: Path
    checklist: Checklist
    checks: Mapping[str, Check]
    references: Mapping[str, tuple[str, ...]]
    sha256: str
    unset: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """The checklist's folder; relative paths in it count from here."""
        return self.path.parent

    def environment(self, name: str) -> Environment:
        """A declared environment. Raises UsageError when it is unknown, ChecklistError when its variables are unset."""
        if name not in self.checklist.environments:
            known = sorted(self.checklist.environments)
            close = nearest(name, known)
            hint = (
                f"did you mean {close!r}?" if close else f"declared in {self.path.name}: {', '.join(known) or 'none'}"
            )
            raise UsageError(f"no environment {name!r}", hint=hint)
        if name in self.unset:
            lines = tuple(problem.line(str(self.path)) for problem in self.unset[name])
            hint = "set the variable in the shell or CI job that runs pointsctl; secrets never stand in the file"
            raise ChecklistError(f"environment {name!r} cannot be used", hint=hint, problems=lines)
        return self.checklist.environments[name]


def load_checklist(path: Path, variables: Mapping[str, str]) -> Loaded:
    """Read and check the file. Raises ChecklistError with every problem found (exit code 2), never anything else."""
    data = _read(path)
    loader = _Loader(path, variables)
    loaded = loader.load(data)
    if loaded is None or loader.problems:
        ordered = sorted(loader.problems, key=lambda problem: problem.place)
        lines = tuple(dict.fromkeys(problem.line(str(path)) for problem in ordered))
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise ChecklistError(
            f"{path} cannot be used: {count}", hint="mend the lines above and run again", problems=lines
        )
    return loaded


def _read(path: Path) -> bytes:
    hint = "name another file with --checklist, or write a starter file with `pointsctl init`"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ChecklistError(f"{path}:1:1: not a regular file", hint=hint)
        with path.open("rb") as file:
            return file.read(documents.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable file name"
        raise ChecklistError(f"{path}:1:1: cannot be read: {reason.lower()}", hint=hint) from None


@dataclass(frozen=True)
class _Written:
    """An item as it stands in the file: raw, so that its parts can be checked even when others are wrong."""

    path: DocumentPath
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.data.get("id", ""))

    def texts(self, key: str) -> list[tuple[int, str]]:
        value = self.data.get(key)
        return [(i, one) for i, one in enumerate(value) if isinstance(one, str)] if isinstance(value, list) else []


class _Loader:
    """One pass over one file; collects problems instead of stopping at the first."""

    def __init__(self, path: Path, variables: Mapping[str, str]) -> None:
        self.path = path
        self.variables = variables
        self.problems: list[Problem] = []
        self.unset: dict[str, list[Problem]] = {}

    def load(self, data: bytes) -> Loaded | None:
        """Everything in order: text, variables, shape, kinds, references."""
        document = self._parse(data)
        if document is None or not self._right_version(document):
            return None
        self._no_secrets_in_text(document)
        expanded = self._expand(document.data, (), document)
        checklist = self._shape(expanded, document)
        items = list(_written_items(expanded, ()))
        checks = self._checks(items, document)
        references = self._references(items, checks, document)
        if checklist is None:
            return None
        self._environments_exist(items, checklist, document)
        unset = {name: tuple(problems) for name, problems in self.unset.items()}
        digest = hashlib.sha256(data).hexdigest()
        return Loaded(self.path, checklist, checks, references, digest, unset)

    def _parse(self, data: bytes) -> Document | None:
        try:
            return documents.parse_document(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
            self._add(Place(line, column), "not UTF-8 text", f"byte 0x{data[error.start]:02x}", "a YAML file in UTF-8")
        except DocumentError as error:
            self.problems.extend(error.problems)
        return None

    def _right_version(self, document: Document) -> bool:
        if not isinstance(document.data, dict):
            self._add(document.place(()), "not a checklist", expected="a mapping with `version`, `title` and `phases`")
            return False
        version = document.data.get("version")
        if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
            # The rest of a newer format would only give misleading problems.
            message = f"this checklist has format {version}, newer than this program reads"
            self._add(document.place(("version",)), message, str(version), f"{VERSION}: upgrade pointsctl")
            return False
        if version is not None and version != VERSION:
            self._add(document.place(("version",)), "unknown checklist format", shown(str(version)), str(VERSION))
        return True

    def _no_secrets_in_text(self, document: Document) -> None:
        environments = document.data.get("environments")
        for name, value in environments.items() if isinstance(environments, dict) else ():
            path = ("environments", name)
            if not isinstance(value, dict):
                continue
            if isinstance(value.get("database_url"), str) and _has_password(value["database_url"]):
                self._secret(document.place((*path, "database_url")), "a password in database_url")
            variables = value.get("variables")
            for key, text in variables.items() if isinstance(variables, dict) else ():
                if isinstance(text, str) and _SECRET_NAME.search(key) and expand(text, {}).text:
                    self._secret(document.place((*path, "variables", key)), f"the value of {shown(key)}")

    def _secret(self, place: Place, what: str) -> None:
        self._add(place, f"{what} stands in the file", expected="secrets from the environment only, as ${VARIABLE}")

    def _expand(self, value: Any, path: DocumentPath, document: Document) -> Any:
        if isinstance(value, dict):
            return {key: self._expand(child, (*path, key), document) for key, child in value.items()}
        if isinstance(value, list):
            return [self._expand(child, (*path, index), document) for index, child in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        expansion = expand(value, self.variables)
        place = document.place(path)
        if expansion.malformed:
            self._add(place, "a variable that cannot be read", shown(value), "${NAME} or ${NAME:-default}")
        for name in expansion.missing:
            self._unset(name, path, place)
        return value if expansion.missing else expansion.text

    def _unset(self, name: str, path: DocumentPath, place: Place) -> None:
        close = nearest_variable(name, self.variables)
        problem = Problem(
            place, f"the variable {name} is not set", expected="a value in the environment", nearest=close
        )
        if len(path) > 2 and path[0] == "environments":
            self.unset.setdefault(str(path[1]), []).append(problem)  # matters only when that environment is used
        else:
            self.problems.append(problem)

    def _shape(self, data: Any, document: Document) -> Checklist | None:
        try:
            return Checklist.model_validate(data)
        except pydantic.ValidationError as error:
            self.problems.extend(problems_of(error, Checklist, document))
            return None

    def _checks(self, items: list[_Written], document: Document) -> dict[str, Check]:
        checks: dict[str, Check] = {}
        for item in items:
            check = self._check(item, document)
            if check is not None and item.id:
                checks[item.id] = check
        return checks

    def _check(self, item: _Written, document: Document) -> Check | None:
        kind, parameters = item.data.get("kind"), item.data.get("with", {})
        if not isinstance(kind, str) or not isinstance(parameters, dict):
            return None  # the shape's problems name it already
        if kind not in kinds.names("checks"):
            known = kinds.names("checks")
            place = document.place((*item.path, "kind"))
            self._add(place, "unknown kind", shown(kind), f"one of {', '.join(known)}", nearest(kind, known))
            return None
        check_class: type[Check] = kinds.load("checks", kind)
        try:
            return check_class.model_validate(parameters)
        except pydantic.ValidationError as error:
            self.problems.extend(problems_of(error, check_class, document, (*item.path, "with")))
        except PointsctlError as error:
            self._add(document.place((*item.path, "with")), error.message, expected=error.hint)
        return None

    def _references(
        self, items: list[_Written], checks: Mapping[str, Check], document: Document
    ) -> dict[str, tuple[str, ...]]:
        ids = [item.id for item in items]
        self._ids_once(items, document)
        references: dict[str, tuple[str, ...]] = {}
        edges: dict[str, list[str]] = {}
        for item in items:
            edges[item.id] = [need for _, need in item.texts("needs")]
            for index, need in item.texts("needs"):
                if need not in ids:
                    place = document.place((*item.path, "needs", index))
                    self._add(place, "no item of this id", shown(need), "the id of an item", nearest(need, ids))
            if item.id in checks:
                references[item.id] = self._stands_for(item, checks[item.id], ids, document)
                edges[item.id].extend(references[item.id])
        cycle = find_cycle(edges)
        if cycle:
            at = next(item for item in items if item.id == cycle[0])
            self._add(document.place((*at.path, "id")), "items wait for each other", " -> ".join(cycle), "no cycle")
        self._phase_gates(document, ids)
        return references

    def _stands_for(self, item: _Written, check: Check, ids: list[str], document: Document) -> tuple[str, ...]:
        patterns = check.item_references()
        if patterns is None:
            found = [child.id for child in _written_items(item.data.get("items"), ()) if child.id]
            if not found:
                self._add(document.place(item.path), f"{shown(item.id)} refers to its sub-items and has none")
            return tuple(found)
        result: dict[str, None] = {}
        for pattern in patterns:
            found = [one for one in matching(pattern, ids) if one != item.id]
            if not found:
                place = document.place((*item.path, "with", "items"))
                self._add(place, "no item of this id", shown(pattern), "an id, or a glob of ids", nearest(pattern, ids))
            result.update(dict.fromkeys(found))
        return tuple(result)

    def _ids_once(self, items: list[_Written], document: Document) -> None:
        first: dict[str, Place] = {}
        for item in items:
            place = document.place((*item.path, "id"))
            if item.id in first:
                self._add(place, f"the id {shown(item.id)} is used twice", f"the first at line {first[item.id].line}")
            first.setdefault(item.id, place)

    def _phase_gates(self, document: Document, ids: list[str]) -> None:
        for path, holder in _holders(document.data):
            gates = holder.get("gates")
            for index, gate in enumerate(gates if isinstance(gates, list) else ()):
                if isinstance(gate, str) and gate not in ids:
                    place = document.place((*path, "gates", index))
                    self._add(place, "no item of this id", shown(gate), "the id of a gate", nearest(gate, ids))

    def _environments_exist(self, items: list[_Written], checklist: Checklist, document: Document) -> None:
        known = {*checklist.environments, "sandbox", "sandbox-staging"}
        for item in items:
            for index, name in item.texts("environments"):
                if name not in known:
                    place = document.place((*item.path, "environments", index))
                    self._add(place, "no environment of this name", shown(name), "", nearest(name, known))
        for name, trigger in checklist.triggers.items():
            if trigger.metric and trigger.metric not in checklist.metrics:
                place = document.place(("triggers", name, "metric"))
                self._add(
                    place,
                    "no metric of this name",
                    shown(trigger.metric),
                    "",
                    nearest(trigger.metric, checklist.metrics),
                )

    def _add(self, place: Place, message: str, found: str = "", expected: str = "", close: str = "") -> None:
        self.problems.append(Problem(place, message, found, expected, close))


def _has_password(text: str) -> bool:
    """Whether the text itself, its variables' defaults included, holds a password."""
    try:
        return bool(password_of(expand(text, {}).text))
    except PointsctlError:
        return False


def _holders(data: Any) -> Iterator[tuple[DocumentPath, dict[str, Any]]]:
    """Every phase and section as written."""
    phases = data.get("phases") if isinstance(data, dict) else None
    for i, phase in enumerate(phases if isinstance(phases, list) else ()):
        if not isinstance(phase, dict):
            continue
        yield ("phases", i), phase
        sections = phase.get("sections")
        for j, section in enumerate(sections if isinstance(sections, list) else ()):
            if isinstance(section, dict):
                yield ("phases", i, "sections", j), section


def _written_items(data: Any, path: DocumentPath) -> Iterator[_Written]:
    """Every item below `data` (a whole document, or a list of items) in the order of the file."""
    if isinstance(data, dict):
        for place, holder in _holders(data):
            yield from _written_items(holder.get("items"), (*place, "items"))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            if isinstance(item, dict):
                yield _Written((*path, index), item)
                yield from _written_items(item.get("items"), (*path, index, "items"))
