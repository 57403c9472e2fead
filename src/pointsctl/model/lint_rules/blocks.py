"""What other tools cannot see: changes of the schema in DO blocks, texts that nobody can read, scripts that should only read."""

from __future__ import annotations

from collections.abc import Iterator

from pointsctl.model.lint import Found, Level, Rule
from pointsctl.model.sql_clauses import Clause, unreadable
from pointsctl.model.sql_tokens import MOST_TOKENS

HIDDEN_CHANGE = Rule(
    "hidden-change",
    Level.WARNING,
    "a DO block changes the schema",
    "no tool sees what it locks, breaks or removes, and a condition may make it another change in production",
    "write the statement itself into the migration",
)
UNREADABLE = Rule(
    "unreadable-block",
    Level.WARNING,
    "what is executed cannot be read here",
    "it is put together when it runs, so nobody can say before what it does",
    "write the statements themselves, or EXECUTE format('...') with the statement as its text",
)
TOO_LONG = Rule(
    "statement-too-long",
    Level.WARNING,
    "a statement is too long to be read to its end",
    "what stands behind was not looked at",
    "load data outside of migrations, or in several statements",
)
VERIFY_WRITES = Rule(
    "verify-writes",
    Level.ERROR,
    "a verify script does more than read",
    "it runs on the real database, in a transaction that is read only, and fails there",
    "ask with SELECT for what should hold: the first column of every row says true",
)
CHANGED_LEXING = Rule(
    "changed-quoting",
    Level.ERROR,
    "the meaning of quotes is changed",
    "what follows is not read as it stands, neither here nor by whoever reviews it",
    "leave standard_conforming_strings on, and write E'...' where a backslash escapes something",
)
RULES = (HIDDEN_CHANGE, UNREADABLE, TOO_LONG, VERIFY_WRITES, CHANGED_LEXING)

_READING = "select|with|table|values|show|set|explain"


def found(clause: Clause) -> Iterator[Found]:
    """The findings of this theme in one clause."""
    if clause.inside and not clause.called and clause.begins("drop|alter"):
        what = " ".join(token.value for token in clause.tokens[:2])
        yield Found(HIDDEN_CHANGE, clause.line, f"{what} in {clause.inside}")
    if unreadable(clause):
        yield Found(UNREADABLE, clause.line, f"in {clause.inside}" if clause.inside else "")
    for token in clause.tokens:
        if token.value.lower() in ("standard_conforming_strings", "backslash_quote"):
            yield Found(CHANGED_LEXING, token.line, token.value.lower())
    if len(clause.tokens) >= MOST_TOKENS:
        yield Found(TOO_LONG, clause.line, f"more than {MOST_TOKENS:,} words and signs")


def writing(clause: Clause) -> Iterator[Found]:
    """What a verify script should not do."""
    if clause.tokens and not clause.inside and not clause.begins(_READING):
        yield Found(VERIFY_WRITES, clause.line, clause.tokens[0].value)
