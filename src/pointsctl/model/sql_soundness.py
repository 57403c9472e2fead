"""Whether a file that the Supabase CLI cuts into statements is cut where PostgreSQL's own client would, and holds only what a
server can be sent: the reasons why not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pointsctl.model.escape import plain
from pointsctl.model.psql_split import Read, read_as_psql
from pointsctl.model.sql_lexemes import FLAGS, blank_end
from pointsctl.model.statement_words import words

_FROM_CLIENT = re.compile(r"std(?:in|out)", FLAGS)
_COPY = re.compile(r"copy\b", FLAGS)
_DATA = {"STDIN", "STDOUT"}


@dataclass(frozen=True)
class Problem:
    """What stands at a position of the text that cannot be applied, and what to write instead."""

    position: int
    why: str
    hint: str


def problems(text: str, cuts: Sequence[tuple[int, int]]) -> Iterator[Problem]:
    """The first problem of each kind; nothing for a text that can be applied. `cuts` as model/supabase_split.py makes them."""
    copied = _copied_from_client(text, cuts)
    if copied is not None:
        # What follows is data, of which nothing can be said.
        yield _copy(copied)
        return
    nul = text.find("\0")
    if nul >= 0:
        yield Problem(
            nul, "a NUL character, which no database takes", "remove it; is the file UTF-16? save it as UTF-8"
        )
    read = read_as_psql(text)
    if read.backslash is not None:
        yield _meta_command(text, read.backslash)
    if read.unclosed is not None:
        position, what = read.unclosed
        yield Problem(position, f"{what} that does not end", "close it")
    elif read.backslash is None:
        yield from _cut_elsewhere(read, cuts)


def _copied_from_client(text: str, cuts: Iterable[tuple[int, int]]) -> int | None:
    """Where a COPY ... FROM STDIN begins. The server takes STDOUT for the same word."""
    if not _FROM_CLIENT.search(text):
        return None
    for start, end in cuts:
        begins = blank_end(text, start)
        if not _COPY.match(text, begins):
            continue
        found = tuple(words(text[begins:end]))
        if any(one == "FROM" and two in _DATA for one, two in itertools.pairwise(found)):
            return begins
    return None


def _copy(position: int) -> Problem:
    return Problem(
        position,
        "COPY ... FROM STDIN reads its rows from psql, and a migration has none",
        "write the rows as INSERT ... VALUES, or load them with psql before or after",
    )


def _meta_command(text: str, position: int) -> Problem:
    word = re.split(r"\s", text[position : position + 40], maxsplit=1)[0]
    return Problem(
        position,
        f"{plain(word)} is a command of psql, which no server knows",
        "write what it does as SQL, or take it out",
    )


def _cut_elsewhere(read: Read, cuts: Sequence[tuple[int, int]]) -> Iterator[Problem]:
    theirs = {end for _, end in cuts[:-1]}
    ours = set(read.cuts)
    if cuts and cuts[-1][1] in ours:
        theirs.add(cuts[-1][1])
    different = theirs ^ ours
    if not different:
        return
    position = min(different) - 1
    if position + 1 in theirs:
        why = "the Supabase CLI cuts the statement at this `;`, inside of its parentheses or its body"
        hint = "write what the parentheses hold as a function and call that, or as statements of their own"
    else:
        why = "the Supabase CLI does not cut at this `;`, and sends what follows as part of the same statement"
        hint = "see the quotes, `$` signs and BEGIN ATOMIC before it, or put what follows into a file of its own"
    yield Problem(position, why, hint)
