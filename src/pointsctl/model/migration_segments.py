"""A migration file cut into what is committed together, and what of it cannot be applied as it stands. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pointsctl.model.sql_statements import SqlScript, SqlStatement, Unusable
from pointsctl.model.statement_kind import StatementKind
from pointsctl.model.statement_words import words

_OPENS = frozenset({"BEGIN", "START TRANSACTION"})
_CLOSES = frozenset({"COMMIT", "END"})
_HARMLESS = frozenset({"savepoint", "release"})
_CLIENT = frozenset({"STDIN", "STDOUT"})


@dataclass(frozen=True)
class Step:
    """A statement that is sent to the server; `index` counts the file's statements from 0."""

    index: int
    statement: SqlStatement
    kind: StatementKind


@dataclass(frozen=True)
class Segment:
    """Statements that are committed together. `first` is how many statements of the file come before it; one that is `alone`
    is a single statement that no transaction may hold.
    """

    first: int
    steps: tuple[Step, ...]
    alone: bool = False


def segments(script: SqlScript) -> tuple[Segment, ...]:
    """The file's parts in order, as the Supabase CLI cuts it. The last one is never alone: it has room for the history's row.

    A `begin` and `commit` around the whole file are left out, since every part is a transaction anyway.
    """
    found: list[Segment] = []
    steps: list[Step] = []
    first = 0
    for step in _sent(script):
        if step.kind.runs_in_transaction:
            steps.append(step)
            continue
        if steps:
            found.append(Segment(first, tuple(steps)))
        found.append(Segment(step.index, (step,), alone=True))
        steps, first = [], step.index + 1
    return (*found, Segment(first, tuple(steps)))


def obstacles(script: SqlScript) -> tuple[Unusable, ...]:
    """Why the file cannot be applied as it stands, by line; empty when it can."""
    return tuple(sorted((*script.unusable, *_obstacles(_Read(script))), key=lambda one: one.line))


def lines_before(text: str, position: int | None) -> int:
    """How many lines lie before a server's position (in characters from 1) in a statement; 0 where it names none."""
    return text.count("\n", 0, position - 1) if position else 0


@dataclass(frozen=True)
class _Read:
    script: SqlScript

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every statement with what it is; comments alone are none."""
        every = (Step(index, one, one.kind) for index, one in enumerate(self.script.statements))
        return tuple(step for step in every if not step.kind.empty)

    @cached_property
    def wrapped(self) -> bool:
        """Whether `begin` and `commit` stand around the whole file, and nowhere else."""
        ends = len(self.steps) > 1 and _is(self.steps[0], _OPENS) and _is(self.steps[-1], _CLOSES)
        return ends and all(one.kind.control in {None, *_HARMLESS} for one in self.steps[1:-1])


def _is(step: Step, forms: frozenset[str]) -> bool:
    """Whether it is one of the plain forms: what a `begin` may add, such as an isolation level, would be lost."""
    words = step.statement.text.upper().split()
    bare = [word for word in words if word not in {"WORK", "TRANSACTION"}] or words
    return " ".join(bare) in {form.removesuffix(" TRANSACTION") for form in forms} and step.kind.control is not None


def _sent(script: SqlScript) -> tuple[Step, ...]:
    read = _Read(script)
    return read.steps[1:-1] if read.wrapped else read.steps


def _obstacles(read: _Read) -> Iterator[Unusable]:
    if not read.script.transactional:
        hint = "leave that line out: what no transaction can hold is run alone anyway"
        yield Unusable(1, "its first line asks for no transaction, so that a failure would leave it half applied", hint)
    for step in read.steps[1:-1] if read.wrapped else read.steps:
        kind, line = step.kind, _line(step)
        if kind.control is not None and kind.control not in _HARMLESS:
            hint = "leave it out: every file is applied in a transaction of its own"
            yield Unusable(line, f"{kind.words} ends or begins a transaction in the middle of the file", hint)
        elif kind.words == "DISCARD ALL":
            yield Unusable(line, "DISCARD ALL gives up the locks of the migration", "leave it out")
        elif read.wrapped and not kind.runs_in_transaction:
            yield Unusable(line, f"{kind.words} cannot run inside begin and commit", "leave begin and commit out")
        elif kind.words == "COPY" and _to_client(step.statement.text):
            yield Unusable(line, "COPY ... TO STDOUT sends rows to psql, which is not there", "leave it out")
        elif kind.concurrent_index is not None and kind.concurrent_index.name is None:
            hint = "give the index a name, by which what a failure leaves of it can be found"
            yield Unusable(line, "an index without a name is built concurrently", hint)


def _to_client(text: str) -> bool:
    """Whether a COPY sends rows; the server takes STDIN for the same word."""
    return any(one == "TO" and two in _CLIENT for one, two in pairwise(words(text)))


def _line(step: Step) -> int:
    """The line of the statement itself, after the comments that belong to it."""
    word = step.kind.words.partition(" ")[0]
    lines = step.statement.text.split("\n")
    at = next((number for number, line in enumerate(lines) if line.lstrip().upper().startswith(word)), 0)
    return step.statement.line + at
