"""What psycopg and the server say when something fails, as pointsctl's own errors with a next action."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg

from pointsctl.errors import (
    AuthenticationFailedError,
    ConnectionLostError,
    ContextMissingError,
    CouldNotLookError,
    DatabaseMissingError,
    PermissionMissingError,
    PointsctlError,
    QueryFailedError,
    ServerUnreachableError,
    TlsRequiredError,
    TookTooLongError,
)

# libpq reports a failed connection as text without an SQLSTATE, so the text is all there is. First match wins.
_CONNECTING: tuple[tuple[str, type[CouldNotLookError], str], ...] = (
    (
        r"password authentication failed|no password supplied|role \".*\" does not exist|peer authentication failed|SASL|Tenant or user not found",
        AuthenticationFailedError,
        "check the role and password in the environment's database_url (or PGPASSWORD)",
    ),
    (r"database \".*\" does not exist", DatabaseMissingError, "check the database name at the end of database_url"),
    (
        r"no encryption|SSL required|connection is insecure|server does not support SSL|SSL error|certificate|sslmode",
        TlsRequiredError,
        "check sslmode (and sslrootcert) in database_url: `?sslmode=require`, or `verify-full` with the server's root certificate",
    ),
    (
        r"no pg_hba.conf entry|permission denied for database",
        AuthenticationFailedError,
        "the server does not let this role in from here; ask its administrator, or check the address and role",
    ),
    (
        r"too many (clients|connections)|remaining connection slots|max clients",
        ServerUnreachableError,
        "the server has no free connection; run again with a smaller --jobs, or later",
    ),
    (
        r"starting up|shutting down|in recovery mode|not yet accepting",
        ServerUnreachableError,
        "the server is starting or stopping; run again when it accepts connections",
    ),
)

_RUNNING: tuple[tuple[tuple[type[psycopg.Error], ...], type[CouldNotLookError], str], ...] = (
    (
        (pg.QueryCanceled,),
        TookTooLongError,
        "raise the item's timeout, or look for what slows the server (locks, missing indexes, load)",
    ),
    (
        (pg.LockNotAvailable,),
        TookTooLongError,
        "another session holds a lock on what was to be read; see pg_stat_activity, then run again",
    ),
    (
        (pg.InsufficientPrivilege,),
        PermissionMissingError,
        "connect as a role that may do that (on Supabase: postgres), or grant the privilege",
    ),
    (
        (pg.UndefinedTable, pg.UndefinedColumn, pg.UndefinedFunction, pg.InvalidSchemaName, pg.UndefinedObject),
        ContextMissingError,
        "apply the migrations to this database first, or correct the name",
    ),
    (
        (
            pg.AdminShutdown,
            pg.CrashShutdown,
            pg.CannotConnectNow,
            pg.IdleInTransactionSessionTimeout,
            pg.IdleSessionTimeout,
        ),
        ConnectionLostError,
        "the server ended the session in the middle; run again when it is up",
    ),
)


def first_line(error: BaseException) -> str:
    """The first line of an error's text, on one line and of bounded length."""
    text = str(error).strip().splitlines()
    return re.sub(r"\s+", " ", text[0])[:300] if text else type(error).__name__


def connecting_failed(error: psycopg.Error, target: str) -> PointsctlError:
    """The error for a connection that could not be made to `target` (an address without its password)."""
    text = re.sub(r"\s+", " ", str(error)).strip()
    for pattern, error_class, hint in _CONNECTING:
        if re.search(pattern, text, re.IGNORECASE):
            return error_class(f"cannot connect to {target}: {_reason(text)}", hint=hint)
    hint = "check that the server runs and that the address in database_url is right"
    return ServerUnreachableError(f"no server answers at {target}: {_reason(text)}", hint=hint)


def _reason(text: str) -> str:
    # libpq prefixes each attempt with the address, which the message names already; the last attempt is the telling one.
    reason = re.split(r"failed: (?:FATAL: +|error: )?", text)[-1]
    return re.sub(r" (Is the server running|Multiple connection attempts).*", "", reason)[:240] or text[:240]


def statement_failed(error: psycopg.Error, what: str) -> PointsctlError:
    """The error for a statement (described by `what`) that did not finish."""
    message = f"{what}: {first_line(error)}"
    for classes, error_class, hint in _RUNNING:
        if isinstance(error, classes):
            return error_class(message, hint=hint)
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return ConnectionLostError(message, hint="the connection broke in the middle; run again when the server is up")
    state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    return QueryFailedError(f"{message}{state}", hint="see the server's log for this statement")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns psycopg's errors inside the block into pointsctl's; `what` says what was being done."""
    try:
        yield
    except psycopg.Error as error:
        raise statement_failed(error, what) from error
