"""Use case: read a checklist file, and name everything that is wrong with it at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pydantic

from pointsctl.checks.interface import Check
from pointsctl.errors import ChecklistError, UsageError
from pointsctl.model.checklist import Checklist
from pointsctl.model.configuration import Environment
from pointsctl.model.document import Document, DocumentError
from pointsctl.model.duration import format_duration
from pointsctl.model.item_definition import item_definition
from pointsctl.model.posture_rules import SHORTEST_RETENTION
from pointsctl.model.problems import Problem, nearest
from pointsctl.model.redaction import redact, secret_values
from pointsctl.model.validation import found_at, problems_of
from pointsctl.workflow.checklist_items import checks_of, written_items
from pointsctl.workflow.checklist_references import references_of
from pointsctl.workflow.checklist_text import parse, read_bytes, text_problems
from pointsctl.workflow.checklist_variables import expand_document

_MOST_LINES = 100
"""Problems that are shown: enough to mend a checklist in one go, few enough for a file that is none."""


@dataclass(frozen=True)
class Loaded:
    """A checklist that can be executed.

    `checks` holds the check of every item; `references` the items that a gate stands for; `sha256` the digest of the
    file's bytes; `unset` the problems of environments whose variables are not set, which matter only when one is used;
    `written` the parameters of every item as they stand in the file, variables not replaced.
    """

    path: Path
    checklist: Checklist
    checks: Mapping[str, Check]
    references: Mapping[str, tuple[str, ...]]
    sha256: str
    unset: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def definitions(self) -> Mapping[str, str]:
        """The digest of every item's definition."""
        return {
            item.id: item_definition(item, self.written.get(item.id, {}), self.references.get(item.id, ()))
            for item in self.checklist.walk()
        }

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
            why = self.unset[name][0].message
            raise ChecklistError(f"environment {name!r} cannot be used: {why}", hint=hint, problems=lines)
        return self.checklist.environments[name]


def load_checklist(path: Path, variables: Mapping[str, str]) -> Loaded:
    """Read and check the file. Raises ChecklistError with every problem found (exit code 2), never anything else.

    `variables` is the process environment; the value of a variable with a secret's name is in no message.
    """
    try:
        data = read_bytes(path)
        loaded, problems = _load(path, data, parse(data), variables)
    except DocumentError as error:
        loaded, problems = None, error.problems
    if loaded is None or problems:
        raise _unusable(path, problems, variables)
    return loaded


def _load(
    path: Path, data: bytes, document: Document, variables: Mapping[str, str]
) -> tuple[Loaded | None, Sequence[Problem]]:
    """Everything in order: the text, variables, shape, kinds, references; each says what it finds, whatever the others do."""
    expanded = expand_document(document, variables)
    problems = [*text_problems(document), *expanded.problems]
    checklist, wrong_shape = _shape(expanded.data, document)
    items = written_items(expanded.data)
    checked = checks_of(items, document)
    references = references_of(expanded.data, items, checked.checks, document)
    problems += [*wrong_shape, *checked.problems, *references.problems]
    if checklist is None:
        return None, problems
    problems += _too_short_retention(checklist, document)
    unset = {name: tuple(found) for name, found in expanded.unset.items()}
    digest = hashlib.sha256(data).hexdigest()
    written = {item.id: item.data.get("with", {}) for item in written_items(document.data)}
    return Loaded(path, checklist, checked.checks, references.stands_for, digest, unset, written), problems


def _shape(data: object, document: Document) -> tuple[Checklist | None, list[Problem]]:
    try:
        return Checklist.model_validate(data), []
    except pydantic.ValidationError as error:
        return None, problems_of(error, Checklist, document)


def _too_short_retention(checklist: Checklist, document: Document) -> Iterator[Problem]:
    """The paper's "minimum 7 days" binds where users are: what shows late must still find a backup to go back to."""
    retention = checklist.backup.retention
    protected = [name for name, one in checklist.environments.items() if one.protected]
    if protected and retention < SHORTEST_RETENTION:
        path, least = ("backup", "retention"), format_duration(SHORTEST_RETENTION)
        message = f"backups are kept too short for the protected environment {protected[0]!r}"
        yield Problem(document.place(path), message, found_at(document, path), f"{least} or longer")


def _unusable(path: Path, problems: Sequence[Problem], variables: Mapping[str, str]) -> ChecklistError:
    ordered = sorted(problems, key=lambda problem: problem.place)
    unique = list({(one.place, one.message, one.found): one for one in ordered}.values())
    secrets = secret_values(variables)
    # What is quoted comes from the file; the messages of kinds are not ours, and may quote what they were given.
    texts = [(one.place, redact(one.text(), secrets)) for one in unique[:_MOST_LINES]]
    lines = [f"{path}:{place.line}:{place.column}: {text}" for place, text in texts]
    count = "1 problem" if len(unique) == 1 else f"{len(unique):,} problems"
    more = f", the first {_MOST_LINES} of them above" if len(unique) > _MOST_LINES else ""
    hint = "mend the lines above and run again; name another file with --checklist, or start one with `pointsctl init`"
    return ChecklistError(f"{path} cannot be used: {count}{more}", hint=hint, problems=tuple(lines))
