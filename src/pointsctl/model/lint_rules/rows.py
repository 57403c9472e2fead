"""Statements that change or remove every row of a table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pointsctl.model.fingerprint import shown_name
from pointsctl.model.lint import Found, Level, Rule
from pointsctl.model.lint_rules.seen import Seen
from pointsctl.model.sql_clauses import Clause, Name
from pointsctl.model.sql_tokens import Token

UNFILTERED_DELETE = Rule(
    "unfiltered-delete",
    Level.ERROR,
    "DELETE without WHERE",
    "it removes every row of the table, and only a backup brings them back",
    "name the rows with WHERE, and delete them in batches; to remove a table, rename it first and drop it a release later",
)
UNFILTERED_UPDATE = Rule(
    "unfiltered-update",
    Level.ERROR,
    "UPDATE without WHERE",
    "it rewrites and locks every row until the transaction ends, and the old values are gone",
    "name the rows with WHERE, and update them in batches outside the migration",
)
TRUNCATE = Rule(
    "truncate",
    Level.ERROR,
    "TRUNCATE",
    "it removes every row under a lock that readers wait for, with CASCADE those of other tables too",
    "leave the rows and rename the table, or delete in batches what is named by WHERE",
)
RULES = (UNFILTERED_DELETE, UNFILTERED_UPDATE, TRUNCATE)

_NO_STATEMENT_AFTER = ("for", "key", "on", "before", "after", "or", "of", "grant", "revoke")
_MOST = 50
_NO_TABLE = ("set", "on", "of", "or", "to")


def too_many(clause: Clause) -> bool:
    """Whether a clause holds more changes than are looked at: each of them is read to the clause's end."""
    return any(next(islice(clause.places(word), _MOST, None), None) is not None for word in ("delete", "update"))


def found(clause: Clause, seen: Seen) -> Iterator[Found]:
    """The findings of this theme in one clause."""
    for start in islice(clause.places("delete", "from"), _MOST):
        yield from _unfiltered(UNFILTERED_DELETE, clause, start, start + 2, seen)
    for start in islice(clause.places("update"), _MOST):
        if _updates(clause, start):
            yield from _unfiltered(UNFILTERED_UPDATE, clause, start, start + 1, seen)
    for start in clause.places("truncate"):
        if start == 0:
            yield from _truncated(clause, seen)


def _updates(clause: Clause, start: int) -> bool:
    before = clause.tokens[start - 1] if start else None
    behind = clause.tokens[start + 1] if start + 1 < len(clause.tokens) else None
    if before is not None and (before.word(*_NO_STATEMENT_AFTER) or before.sign(",")):
        return False
    if behind is None or not behind.identifier or behind.word(*_NO_TABLE):
        return False
    end = clause.group_end(start)
    return any(clause.has_at(number, "set") for number in clause.top(start, end))


def _unfiltered(rule: Rule, clause: Clause, start: int, behind: int, seen: Seen) -> Iterator[Found]:
    named = clause.name_at(behind)
    if named is None or (seen.made_here(named[0]) and not clause.inside):
        return
    end = clause.group_end(start)
    wheres = [number for number in clause.top(start, end) if clause.has_at(number, "where")]
    if not wheres or _always(clause.tokens[wheres[0] + 1 : end]):
        yield Found(rule, clause.tokens[start].line, told(named[0], clause))


def _always(condition: tuple[Token, ...]) -> bool:
    """Whether a condition is one that every row meets: `true`, `1 = 1`, or a column that is what it is (`id = id`)."""
    kept = [token for token in condition if not (token.sign("(") or token.sign(")"))]
    until = next((number for number, token in enumerate(kept) if token.word("returning")), len(kept))
    kept = kept[:until]
    if len(kept) == 1:
        return kept[0].word("true")
    half = len(kept) // 2
    left, right = kept[:half], kept[half + 1 :]
    if len(kept) % 2 == 0 or not kept[half].sign("="):
        return False
    return [(one.kind, one.value) for one in left] == [(one.kind, one.value) for one in right]


def _truncated(clause: Clause, seen: Seen) -> Iterator[Found]:
    named = clause.name_at(2 if clause.has_at(1, "table") else 1)
    several = any(token.sign(",") for token in clause.tokens) or clause.has("cascade")
    if named is None or (seen.made_here(named[0]) and not several and not clause.inside):
        return
    yield Found(TRUNCATE, clause.line, told(named[0], clause))


def told(name: Name, clause: Clause) -> str:
    """The name with where it stands, for people."""
    shown = shown_name(name[0], name[1]) if name[0] is not None else name[1]
    return f"{shown} in {clause.inside}" if clause.inside else shown
