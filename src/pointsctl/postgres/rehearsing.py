"""Applies a migration to a restored copy, and undoes it there, as the role that will migrate the real database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import conninfo, sql

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.migration_segments import segments
from pointsctl.model.pending_migration import HistoryRow, Limits
from pointsctl.model.sql_statements import SqlScript
from pointsctl.postgres import sqlfiles, supabase_history
from pointsctl.postgres.connection import Connection, connect, parse_url
from pointsctl.postgres.failures import translated
from pointsctl.postgres.identity import identify
from pointsctl.postgres.migrating import FileRun, StatementFailedError, StatementObserver, Unobserved

_APPLICATION = "pointsctl rehearse"
_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"


@dataclass(frozen=True)
class Copy:
    """A copy to rehearse on. `url` leads there as a role that sees everything, `role` will migrate the real database;
    `own_server` says whether the server is thrown away with it.
    """

    url: str
    role: str
    own_server: bool

    def role_url(self) -> str:
        """The URL of the migrating role, so that what is made belongs to the same one as it will.

        Raises RefusedError where the copy's server is not ours and its URL names another role.
        """
        with connect(self.url) as connection:
            same = identify(connection).role == self.role
            if not same and not self.own_server:
                raise RefusedError(
                    f"the scratch server's URL is of another role than the one that will migrate, {self.role}",
                    hint=f"name {self.role} in that environment's database_url, or set `backup.restore_into: ephemeral`",
                )
            if not same:
                with translated(f"letting the role {self.role} connect to the copy"):
                    connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(self.role)))
        return self.url if same else conninfo.make_conninfo(**{**parse_url(self.url), "user": self.role})


def connect_to_copy(url: str) -> Connection:
    """A connection that rehearses."""
    return connect(url, application_name=_APPLICATION)


def apply_to_copy(
    connection: Connection,
    script: SqlScript,
    row: HistoryRow,
    limits: Limits,
    cancellation: Cancellation,
    observer: Callable[[], StatementObserver],
) -> StatementObserver:
    """Apply one file with its row in the history, as the native engine does; gives the observer of the try that ended well.

    A file that meets a locked table (clients may be at work on the copy) is tried again, with a new observer. Raises
    StatementFailedError, InterruptedByOperatorError.
    """
    for last in (*[False] * (limits.tries - 1), True):
        watching = observer()
        run = FileRun(connection, limits, cancellation, _remembers_nothing, watching)
        try:
            run.run(segments(script), lambda on: supabase_history.insert(on, row))
        except StatementFailedError as error:
            if last or not _locked(error):
                raise
        else:
            return watching
    raise AssertionError("at least one try is made")


def undo_on_copy(
    connection: Connection, script: SqlScript, version: str, limits: Limits, cancellation: Cancellation
) -> None:
    """Run a reverse script, and take the version out of the history. Raises StatementFailedError, InterruptedByOperatorError."""
    statement = sqlfiles.load("migration", "forget-row").statement.encode()
    run = FileRun(connection, limits, cancellation, _remembers_nothing, Unobserved())
    run.run(segments(script), lambda on: on.execute(statement, {"version": version}))


def prepare_history(connection: Connection) -> None:
    """Make the history's table where the copy has none. Raises pointsctl's errors."""
    with translated("preparing the history of migrations"), connection.transaction():
        supabase_history.install(connection)


def _remembers_nothing(connection: Connection, statements: int) -> None:
    """How far a file came is of no use on a copy, which no second run sees."""


def _locked(error: StatementFailedError) -> bool:
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and cause.sqlstate in (_LOCK_NOT_AVAILABLE, _DEADLOCK)
