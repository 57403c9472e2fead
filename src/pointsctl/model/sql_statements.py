"""SQL files cut into statements exactly as the Supabase CLI cuts them, so that both write the same history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from pointsctl.model.sql_soundness import Problem, problems
from pointsctl.model.statement_kind import StatementKind, statement_kind
from pointsctl.model.supabase_split import Cut, cut

_BOM = "\ufeff"
# What JavaScript's `trim` takes away, which is not what Python's `strip` does.
_SPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000\ufeff"
)
_WITHOUT_TRANSACTION = "-- pg-delta: transaction=false"


@dataclass(frozen=True)
class SqlStatement:
    """One statement without its final `;`; `line` is where its text begins, from 1.

    Comments before a statement belong to it, as in the history's rows.
    """

    text: str
    line: int

    @cached_property
    def kind(self) -> StatementKind:
        """What the statement is, looked at once."""
        return statement_kind(self.text)


@dataclass(frozen=True)
class Unusable:
    """Why a file cannot be applied as it is: the line, what stands there, and what to write instead."""

    line: int
    why: str
    hint: str


@dataclass(frozen=True)
class SqlScript:
    """A file's statements in order; `unusable` is empty when all of them can be sent to a server one after the other.

    `transactional` is False when the file's first line (`-- pg-delta: transaction=false`) asks the Supabase CLI to send its
    statements without a transaction around them.
    """

    statements: tuple[SqlStatement, ...]
    unusable: tuple[Unusable, ...] = ()
    transactional: bool = True


def split(content: bytes) -> SqlScript:
    """The statements of a file's bytes. Never raises; takes time in proportion to the size of the file.

    `unusable` are the first of each kind of problem, by line.
    """
    text, wrong = _decoded(content)
    found = cut(text)
    statements = tuple(_statements(text, found))
    wrong += [_unusable(text, problem) for problem in problems(text, found)]
    first_line = text.partition("\n")[0].removesuffix("\r")
    return SqlScript(
        statements,
        tuple(sorted(wrong, key=lambda one: one.line)),
        transactional=first_line != _WITHOUT_TRANSACTION,
    )


def _decoded(content: bytes) -> tuple[str, list[Unusable]]:
    """The text as the CLI reads it: what is not UTF-8 becomes U+FFFD there."""
    try:
        return content.decode("utf-8").removeprefix(_BOM), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        why = f"byte {content[error.start]:#04x} is not UTF-8"
        hint = "save the file as UTF-8; the Supabase CLI would store a replacement character instead"
        return content.decode("utf-8", "replace").removeprefix(_BOM), [Unusable(line, why, hint)]


def _statements(text: str, cuts: Iterable[Cut]) -> Iterator[SqlStatement]:
    line, counted = 1, 0
    for start, end in cuts:
        token = text[start:end].rstrip(";")
        statement = token.strip(_SPACE)
        if not statement:
            continue
        begins = start + len(token) - len(token.lstrip(_SPACE))
        line += text.count("\n", counted, begins)
        counted = begins
        yield SqlStatement(statement, line)


def _unusable(text: str, problem: Problem) -> Unusable:
    return Unusable(text.count("\n", 0, problem.position) + 1, problem.why, problem.hint)
