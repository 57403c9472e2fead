"""What takes away from a migration what watches over it: the records of deployments, and the locks and limits that it runs under."""

from __future__ import annotations

from collections.abc import Iterator

from pointsctl.model.lint import Found, Level, Rule
from pointsctl.model.sql_clauses import Clause

OWN_RECORDS = Rule(
    "own-records",
    Level.ERROR,
    "the records of deployments are changed",
    "the ledger and the history of migrations say what was done here; changed by a migration, they prove nothing",
    "correct the history with `pointsctl migrate repair`, which is signed; the ledger is only ever appended to",
)
LIFTED_LIMIT = Rule(
    "lifted-limit",
    Level.WARNING,
    "a limit or lock of the migration itself is lifted",
    "it may wait for a table, and everybody else behind it, for as long as it likes, or run beside another migration",
    "raise `migrations.lock_timeout` or `migrations.statement_timeout` in the checklist, and give up no locks",
)
RULES = (OWN_RECORDS, LIFTED_LIMIT)

_RECORDS = frozenset({"migration_audit", "supabase_migrations"})
_CHANGING = ("alter", "delete", "drop", "merge", "truncate", "update", "rule", "trigger")
_LIMITS = frozenset({"lock_timeout", "statement_timeout", "transaction_timeout"})
_NONE = frozenset({"0", "default", "0s", "0ms", "0min"})
_UNLOCKING = frozenset({"pg_advisory_unlock_all", "pg_advisory_unlock"})


def found(clause: Clause) -> Iterator[Found]:
    """The findings of this theme in one clause."""
    changing = any(token.word(*_CHANGING) for token in clause.tokens)
    for token in clause.tokens:
        if changing and token.identifier and token.value.lower() in _RECORDS:
            yield Found(OWN_RECORDS, token.line, token.value)
            break
    for number, token in enumerate(clause.tokens):
        after = {one.value.lower() for one in clause.tokens[number + 1 : number + 3]}
        if (token.value.lower() in _LIMITS and after & _NONE) or (
            token.identifier and token.value.lower() in _UNLOCKING
        ):
            yield Found(LIFTED_LIMIT, token.line, token.value)
