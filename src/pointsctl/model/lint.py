"""Findings in migration files: what a rule says, what was found where, the key it is accepted by, and what is accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from pointsctl.errors import ExitCode
from pointsctl.model.configuration import LintWaiver

_KEY_DIGITS = 16


class Level(StrEnum):
    """How much a finding matters; a note is told and fails nothing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Role(StrEnum):
    """What a file is for: it is applied, it undoes what was, or it verifies it."""

    MIGRATION = "migration"
    REVERSE = "reverse"
    VERIFY = "verify"


@dataclass(frozen=True)
class Rule:
    """What is looked for: `title` in a few words, `why` it matters, what to do `instead`; `help` is an address or empty."""

    id: str
    level: Level
    title: str
    why: str
    instead: str
    help: str = ""


@dataclass(frozen=True)
class Found:
    """A place where a rule does not hold. `detail` names what stands there; `line` counts from 1."""

    rule: Rule
    line: int
    detail: str = ""


@dataclass(frozen=True)
class SourceFile:
    """A file that is linted; `name` is its place relative to the checklist's folder."""

    name: str
    content: bytes = field(repr=False)
    role: Role = Role.MIGRATION


@dataclass(frozen=True)
class LintFinding:
    """A finding: the rule, the file, line and column (both from 1), what was found, and its key.

    The key follows from rule, file and statement, so that it stays when lines move and changes when the statement does.
    """

    rule: Rule
    file: str
    line: int
    column: int
    detail: str
    key: str

    @property
    def why(self) -> str:
        """What was found and why it matters."""
        return ": ".join(part for part in (self.detail, self.rule.why) if part)


@dataclass(frozen=True)
class Accepted:
    """A finding that the checklist waives until a date."""

    finding: LintFinding
    waiver: LintWaiver


@dataclass(frozen=True)
class LintResult:
    """What came of it. `expired` are findings whose waiver is over, and which count again; `unknown` are waived keys that
    nothing was found for although everything was looked at; `notes` say what was not judged.
    """

    files: tuple[str, ...]
    findings: tuple[LintFinding, ...]
    accepted: tuple[Accepted, ...] = ()
    expired: tuple[Accepted, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sizes_judged: bool = False

    @property
    def counted(self) -> tuple[LintFinding, ...]:
        """The findings that count; notes do not."""
        return tuple(one for one in self.findings if one.rule.level is not Level.NOTE)

    @property
    def exit_code(self) -> ExitCode:
        """What the command ends with."""
        return ExitCode.BAD if self.counted else ExitCode.DONE


def finding(found: Found, file: str, words: str, column: int = 1) -> LintFinding:
    """The finding with its key; `words` is the normalised statement that it stands in, or the text where it is in none."""
    return LintFinding(found.rule, file, found.line, column, found.detail, key_of(found.rule.id, file, words))


def key_of(rule: str, file: str, words: str) -> str:
    """`unfiltered-delete-1f0c...`, the same for the same words whatever line they stand in."""
    parts = "\0".join((rule, file, words))
    return f"{rule}-{hashlib.sha256(parts.encode('utf-8', 'surrogatepass')).hexdigest()[:_KEY_DIGITS]}"


def judged(
    found: Iterable[LintFinding],
    files: tuple[str, ...],
    waived: Mapping[str, LintWaiver],
    today: date,
    *,
    notes: tuple[str, ...] = (),
    everything: bool = False,
    sizes_judged: bool = False,
) -> LintResult:
    """Part the findings from those that are waived on this day; `everything`: whether all files were looked at."""
    counted: list[LintFinding] = []
    accepted: list[Accepted] = []
    expired: list[Accepted] = []
    ordered = sorted(found, key=lambda one: (one.file, one.line, one.column, one.rule.id, one.detail))
    for one in dict.fromkeys(ordered):
        waiver = waived.get(one.key)
        if waiver is not None and today <= waiver.until:
            accepted.append(Accepted(one, waiver))
            continue
        counted.append(one)
        if waiver is not None:
            expired.append(Accepted(one, waiver))
    known = {one.key for one in ordered}
    unknown = tuple(sorted(set(waived) - known)) if everything else ()
    return LintResult(files, tuple(counted), tuple(accepted), tuple(expired), unknown, notes, sizes_judged=sizes_judged)
