"""Runs a migration's verify script: read-only, in a transaction that is always rolled back; nothing but true is a pass.

Every statement must succeed. Where the first column of a result is boolean, it must be true in every row, and at least one
row of the script must say so: a script that returns nothing, or only what people would have to read, verifies nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg
from psycopg import sql

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.sql_statements import SqlScript, SqlStatement
from pointsctl.model.statement_kind import statement_kind
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres.cancelling import cancellable
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import first_line, translated

_BOOLEAN = 16
_WHAT = "the verify script"


def verify_problem(url: str, script: SqlScript, limit: timedelta, cancellation: Cancellation) -> str:
    """What is wrong, in a sentence that names the line; empty when the script passed. `limit` is for each statement.

    Raises what connecting raises, ConnectionLostError, and InterruptedByOperatorError.
    """
    if script.unusable:
        return f"line {script.unusable[0].line}: {script.unusable[0].why}"
    statements = [one for one in script.statements if not statement_kind(one.text).empty]
    for one in statements:
        if statement_kind(one.text).control is not None:
            return f"line {one.line}: a verify script cannot begin or end a transaction"
    said = 0
    with _read_only(url, limit, cancellation) as connection:
        for one in statements:
            trues, problem = _asked(connection, one)
            stop_if_over(cancellation, _WHAT)
            if problem:
                return problem
            said += trues
    return "" if said else "it says of nothing that it is true: no row has a boolean first column"


@contextmanager
def _read_only(url: str, limit: timedelta, cancellation: Cancellation) -> Iterator[Connection]:
    with closing(connect(url, application_name="pointsctl verify")) as connection:
        timeout = sql.Literal(f"{max(1, round(limit.total_seconds() * 1000))}ms")
        with translated("beginning a transaction that only reads"):
            connection.execute(b"SET default_transaction_read_only = on")
            connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # A transaction that has looked once cannot be made one that writes.
            connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(timeout))
            connection.execute(b"SELECT 1 FROM pg_catalog.pg_class LIMIT 1")
        with cancellable(connection, cancellation, _WHAT):
            try:
                yield connection
            finally:
                _roll_back(connection)


def _roll_back(connection: Connection) -> None:
    if not connection.closed:
        try:
            connection.execute(b"ROLLBACK")
        except psycopg.Error:
            connection.close()  # the server rolls back what has lost its session


def _asked(connection: Connection, statement: SqlStatement) -> tuple[int, str]:
    """How many rows say that it is true, and what is wrong."""
    try:
        # The extended protocol takes one statement only, so that none can end the transaction and bring another one.
        cursor = connection.execute(statement.text.encode(), binary=True)
        if cursor.description is None or cursor.description[0].type_code != _BOOLEAN:
            return 0, ""
        answers = [row[0] for row in cursor]
    except psycopg.OperationalError as error:
        if connection.closed:
            with translated(_WHAT):
                raise
        return 0, f"line {statement.line}: {first_line(error)}"
    except psycopg.Error as error:
        return 0, f"line {statement.line}: {first_line(error)}"
    wrong = sum(answer is not True for answer in answers)
    if wrong:
        return 0, f"line {statement.line}: {wrong:,} of {len(answers):,} rows are not true"
    return len(answers), ""
