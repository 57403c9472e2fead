"""What does not fit into the transaction of its file, and what cannot be applied at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pointsctl.model.lint import Found, Level, Rule
from pointsctl.model.sql_statements import SqlScript, SqlStatement
from pointsctl.model.sql_tokens import normalised, tokens_from
from pointsctl.model.statement_kind import StatementKind, statement_kind

UNUSABLE = Rule(
    "unusable",
    Level.ERROR,
    "cannot be applied as it is",
    "no server can be sent the statements of this file one after the other",
    "write what the finding says",
)
NOT_ALONE = Rule(
    "not-alone",
    Level.ERROR,
    "a statement that runs outside of transactions is not alone in its file",
    "what stands before it stays applied when it fails, while the history says that nothing was",
    "give it a file of its own, with nothing else in it",
)
TRANSACTION_CONTROL = Rule(
    "transaction-control",
    Level.ERROR,
    "transaction control in the middle of a file",
    "a part of the file stays applied when the rest fails",
    "leave it out: each file is one transaction; or split the file",
)
NO_STATEMENT = Rule(
    "no-statement",
    Level.WARNING,
    "no statement",
    "the history will say that something was applied, and nothing was",
    "remove the file, or write what it should do",
)
WITHOUT_TRANSACTION = Rule(
    "without-transaction",
    Level.ERROR,
    "the file asks to be applied without a transaction",
    "what was done before a failure stays done, while the history says that nothing was",
    "leave the first line out, and give what cannot run in a transaction a file of its own",
)
RULES = (UNUSABLE, NOT_ALONE, TRANSACTION_CONTROL, NO_STATEMENT, WITHOUT_TRANSACTION)


def found(script: SqlScript) -> Iterator[tuple[Found, str]]:
    """The findings of this theme in a file, each with the words that its key follows from."""
    for unusable in script.unusable:
        yield Found(UNUSABLE, unusable.line, f"{unusable.why}; {unusable.hint}"), unusable.why
    kinds = [(statement, statement_kind(statement.text)) for statement in script.statements]
    kinds = [(statement, kind) for statement, kind in kinds if not kind.empty]
    if not kinds and not script.unusable:
        yield Found(NO_STATEMENT, 1), ""
    if not script.transactional and len(kinds) > 1:
        yield Found(WITHOUT_TRANSACTION, 1), " ".join(normalised(statement.text) for statement, _ in kinds)
    inner = kinds[1:-1] if _wrapped(kinds) else kinds
    for statement, kind in inner:
        if kind.control is not None:
            yield Found(TRANSACTION_CONTROL, line_of(statement), kind.words), normalised(statement.text)
        elif not kind.runs_in_transaction and len(kinds) > 1:
            yield Found(NOT_ALONE, line_of(statement), kind.words), normalised(statement.text)


def _wrapped(kinds: Sequence[tuple[SqlStatement, StatementKind]]) -> bool:
    """Whether the file is `begin; ... commit;` as a whole, which is what happens to it anyway."""
    return len(kinds) > 1 and kinds[0][1].control == "begin" and kinds[-1][1].control == "commit"


def outside_transactions(script: SqlScript) -> bool:
    """Whether the file's one statement runs outside of transactions, or all of it is asked to."""
    kinds = [kind for kind in (statement_kind(one.text) for one in script.statements) if not kind.empty]
    return not script.transactional or (len(kinds) == 1 and not kinds[0].runs_in_transaction)


def line_of(statement: SqlStatement) -> int:
    """Where the statement itself begins, behind its comments."""
    first = next(tokens_from(statement.text, statement.line), None)
    return first.line if first else statement.line
