"""All rules of pointsctl's own, and what they find in one file."""

from __future__ import annotations

from collections.abc import Iterator

from pointsctl.model.lint import Found, LintFinding, Role, Rule, SourceFile, finding
from pointsctl.model.lint_rules import access, blocks, locks, records, rows, text, transactions
from pointsctl.model.lint_rules.seen import Seen
from pointsctl.model.sql_clauses import Clause, clauses, read_to_the_end
from pointsctl.model.sql_statements import SqlScript
from pointsctl.model.sql_tokens import normalised

RULES: tuple[Rule, ...] = (
    *rows.RULES,
    *access.RULES,
    *locks.RULES,
    *transactions.RULES,
    *text.RULES,
    *blocks.RULES,
    *records.RULES,
)
"""Every rule, by theme."""

_A_REVERSE_SCRIPTS_JOB = frozenset({"dropped-policy", "no-statement", "hidden-change"})
"""Undoing is what such a script is for."""

_A_VERIFY_SCRIPTS_RULES = frozenset(
    rule.id for rule in (*rows.RULES, *text.RULES, blocks.VERIFY_WRITES, transactions.UNUSABLE)
)


def find(file: SourceFile, script: SqlScript, seen: Seen) -> tuple[LintFinding, ...]:
    """The findings in one file, whose statements `script` holds; remembers in `seen` what the file makes."""
    seen.next_file()
    found = [(one, words) for one, words in _found(file, script, seen) if _asked(one.rule.id, file.role)]
    return tuple(dict.fromkeys(finding(one, file.name, words) for one, words in found))


def _asked(rule: str, role: Role) -> bool:
    if role is Role.VERIFY:
        return rule in _A_VERIFY_SCRIPTS_RULES
    return role is Role.MIGRATION or rule not in _A_REVERSE_SCRIPTS_JOB


def _found(file: SourceFile, script: SqlScript, seen: Seen) -> Iterator[tuple[Found, str]]:
    yield from text.found(file.content)
    yield from transactions.found(script)
    wholes: list[Clause] = []
    for statement in script.statements:
        parts = clauses(statement.text, statement.line)
        wholes.append(parts[0])
        for one in _of_clauses(parts, file.role, seen):
            yield one, normalised(statement.text)
        seen.note(parts[0])
    for one in locks.validated_at_once(wholes):
        yield one, statement_at(script, one.line)


def _of_clauses(parts: tuple[Clause, ...], role: Role, seen: Seen) -> Iterator[Found]:
    if not read_to_the_end(parts) or any(rows.too_many(one) for one in parts):
        yield Found(blocks.TOO_LONG, parts[0].line, "a statement that is too long to be read to its end")
    for clause in parts:
        yield from rows.found(clause, seen)
        yield from access.found(clause, seen)
        yield from locks.found(clause, seen)
        yield from blocks.found(clause)
        yield from records.found(clause)
        if role is Role.VERIFY:
            yield from blocks.writing(clause)


def statement_at(script: SqlScript, line: int) -> str:
    """The normalised statement that stands in this line; empty where there is none."""
    before = [statement for statement in script.statements if statement.line <= line]
    return normalised(before[-1].text) if before else ""
