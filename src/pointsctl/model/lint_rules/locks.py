"""Statements that lock a table for long: always, or where the table is large, judged by the sizes of the real database."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pointsctl.model.lint import Found, Level, Rule
from pointsctl.model.lint_rules.rows import told
from pointsctl.model.lint_rules.seen import Seen
from pointsctl.model.sql_clauses import Clause, Name
from pointsctl.model.sql_tokens import Token

VACUUM_FULL = Rule(
    "vacuum-full",
    Level.ERROR,
    "VACUUM FULL",
    "it rewrites the table while nobody can read it",
    "use plain VACUUM, or pg_repack outside the migration",
)
CLUSTER = Rule(
    "cluster",
    Level.ERROR,
    "CLUSTER",
    "it rewrites the table while nobody can read it",
    "use pg_repack outside the migration",
)
LOCK_TABLE = Rule(
    "lock-table",
    Level.WARNING,
    "LOCK TABLE",
    "the lock is held until the end of the transaction, and whoever needs the table queues behind it",
    "leave locking to the statement that needs it, or name the weakest mode that does",
)
LARGE_REWRITE = Rule(
    "large-table-rewrite",
    Level.ERROR,
    "a large table is rewritten",
    "nobody can read or write it until every row is copied, and replicas receive all of it",
    "add a new column without a default, fill it in batches, then switch over; rehearse to see how long it takes",
)
LARGE_SCAN = Rule(
    "large-table-scan",
    Level.ERROR,
    "a large table is read to the end under a lock",
    "writes, or everything, wait until every row was looked at",
    "add the constraint NOT VALID and validate it in a file of its own; SET NOT NULL after a validated CHECK (... IS NOT NULL)"
    " reads nothing; make a unique index concurrently, then ADD CONSTRAINT ... USING INDEX",
)
LARGE_INDEX = Rule(
    "large-table-index",
    Level.ERROR,
    "an index is built on a large table while writes wait",
    "every write to the table waits until the index is complete",
    "CREATE INDEX CONCURRENTLY, alone in its file",
)
LARGE_REFRESH = Rule(
    "large-view-refresh",
    Level.WARNING,
    "a large materialized view is computed while readers wait",
    "nobody can read it until it is complete",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on it",
)
VALIDATED_AT_ONCE = Rule(
    "validated-at-once",
    Level.ERROR,
    "a constraint is validated in the transaction that adds it",
    "the lock of ADD CONSTRAINT is held while every row is looked at, as if NOT VALID were not there",
    "VALIDATE CONSTRAINT in a migration of its own",
)
RULES = (
    VACUUM_FULL,
    CLUSTER,
    LOCK_TABLE,
    LARGE_REWRITE,
    LARGE_SCAN,
    LARGE_INDEX,
    LARGE_REFRESH,
    VALIDATED_AT_ONCE,
)

# A default that is no constant is computed for each row, unless its function is stable, and these are.
_STABLE = frozenset(
    {"now", "current_timestamp", "current_date", "localtimestamp", "current_user", "session_user", "transaction_timestamp",
     "statement_timestamp", "array", "cast", "jsonb_build_object", "jsonb_build_array", "interval", "to_jsonb", "current_setting",
     "uuid_nil", "row", "numeric", "varchar", "char", "character", "timestamp", "timestamptz", "bit", "time", "decimal"}
)  # fmt: skip
_SERIAL = re.compile(r"(?:small|big)?serial[248]?")
_ACTIONS = frozenset({"add", "alter", "validate", "set", "attach", "drop", "rename", "enable", "disable"})


def found(clause: Clause, seen: Seen) -> Iterator[Found]:
    """The findings of this theme in one clause; a function's body locks when it is called, which nobody can judge here."""
    if clause.called:
        return
    yield from _always_long(clause)
    if clause.begins("alter", "table"):
        yield from _altered(clause, seen)
    yield from _built(clause, seen)


def _always_long(clause: Clause) -> Iterator[Found]:
    detail = f"in {clause.inside}" if clause.inside else ""
    if clause.begins("vacuum") and clause.has("full"):
        yield Found(VACUUM_FULL, clause.line, detail)
    if clause.begins("cluster"):
        yield Found(CLUSTER, clause.line, detail)
    if clause.begins("lock"):
        yield Found(LOCK_TABLE, clause.line, detail)


def _built(clause: Clause, seen: Seen) -> Iterator[Found]:
    if (clause.begins("create", "index") or clause.begins("create", "unique", "index")) and not clause.has(
        "concurrently"
    ):
        for start in clause.places("on"):
            yield from _large(LARGE_INDEX, clause, start + 1, clause.line, seen)
            return
    if clause.begins("refresh", "materialized", "view") and not clause.has("concurrently"):
        yield from _large(LARGE_REFRESH, clause, 3, clause.line, seen)


def _large(rule: Rule, clause: Clause, start: int, line: int, seen: Seen) -> Iterator[Found]:
    named = clause.name_at(start)
    told_size = seen.size_told(named[0]) if named else ""
    if named and told_size:
        yield Found(rule, line, f"{told(named[0], clause)} {told_size}")


def _altered(clause: Clause, seen: Seen) -> Iterator[Found]:
    named = clause.name_at(2)
    if named is None:
        return
    name, behind = named
    for action in _actions(clause, behind):
        rule = _judged(action, name, seen)
        if rule is not None:
            yield from _large(rule, clause, 2, action.line, seen)
        if action.has("references") and action.begins("add"):
            # The table that is referred to is locked against writes as well.
            start = next(action.places("references"))
            if _scans(action):
                yield from _large(LARGE_SCAN, action, start + 1, action.line, seen)


def _actions(clause: Clause, start: int) -> Iterator[Clause]:
    """ALTER TABLE does several things at once: `add a int, alter b set not null`."""
    numbers = list(clause.top(start, len(clause.tokens)))
    begins = [start] + [number + 1 for number in numbers if clause.tokens[number].sign(",")]
    for begin, end in zip(begins, [*begins[1:], len(clause.tokens) + 1], strict=True):
        part = clause.tokens[begin : end - 1]
        if part and part[0].word(*_ACTIONS):
            yield Clause(part, clause.inside)


def _judged(action: Clause, name: Name, seen: Seen) -> Rule | None:
    if _rewrites(action):
        return LARGE_REWRITE
    if action.begins("alter") and action.has("set", "not", "null"):
        column = _column(action)
        facts = seen.tables.find(name) if seen.tables else None
        return None if facts and column in facts.not_null else LARGE_SCAN
    if action.begins("attach", "partition") or _scans(action):
        return LARGE_SCAN
    return None


def _rewrites(action: Clause) -> bool:
    if action.begins("alter"):
        behind = _column_at(action) + 1
        return action.has_at(behind, "type") or action.has_at(behind, "set", "data", "type")
    if action.begins("set", "logged|unlogged|tablespace") or action.begins("set", "access", "method"):
        return True
    if not action.begins("add") or action.begins("add", "constraint|primary|unique|check|foreign|exclude"):
        return False
    if action.has("identity") or action.has("stored") or any(_SERIAL.fullmatch(one.value) for one in action.tokens):
        return True
    for start in action.places("default"):
        return _computed(action.tokens[start + 1 :])
    return False


def _computed(default: tuple[Token, ...]) -> bool:
    """Whether a default calls a function that may give another value for each row."""
    return any(
        token.identifier and default[number + 1].sign("(") and token.value not in _STABLE
        for number, token in enumerate(default[:-1])
        if not token.word("check", "references", "key", "unique")
    )


def _scans(action: Clause) -> bool:
    if not action.begins("add"):
        return False
    constraint = action.has("check") or action.has("references|foreign") or action.has("exclude")
    unique = action.has("unique") or action.has("primary", "key")
    return (constraint and not action.has("not", "valid")) or (unique and not action.has("using", "index"))


def _column_at(action: Clause) -> int:
    return 2 if action.has_at(1, "column") else 1


def _column(action: Clause) -> str:
    start = _column_at(action)
    return action.tokens[start].value if start < len(action.tokens) else ""


def validated_at_once(clauses: list[Clause]) -> Iterator[Found]:
    """Constraints that one file adds and validates."""
    added: set[str] = set()
    for clause in clauses:
        for start in clause.places("add", "constraint"):
            if start + 2 < len(clause.tokens):
                added.add(clause.tokens[start + 2].value)
        for start in clause.places("validate", "constraint"):
            named = clause.tokens[start + 2 : start + 3]
            if named and named[0].value in added:
                yield Found(VALIDATED_AT_ONCE, named[0].line, named[0].value)
