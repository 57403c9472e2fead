"""SQL files cut into statements exactly as the Supabase CLI cuts them, so that both write the same history."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SqlStatement:
    """One statement without its final `;`; `line` is where its text begins, from 1.

    Comments before a statement belong to it, as in the history's rows.
    """

    text: str
    line: int


@dataclass(frozen=True)
class Unusable:
    """Why a file cannot be applied as it is: the line, what stands there, and what to write instead."""

    line: int
    why: str
    hint: str


@dataclass(frozen=True)
class SqlScript:
    """A file's statements in order; `unusable` is empty when all of them can be sent to a server one after the other."""

    statements: tuple[SqlStatement, ...]
    unusable: tuple[Unusable, ...] = ()


def split(content: bytes) -> SqlScript:
    """The statements of a file's bytes. Never raises; takes time in proportion to the size of the file."""
    raise NotImplementedError(len(content))
