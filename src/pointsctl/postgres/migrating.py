"""Runs the parts of a migration file on a connection: what a transaction can hold in one, what it cannot alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import psycopg
from psycopg import errors as pg

from pointsctl.errors import ExitCode, PointsctlError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.migration_segments import Segment, Step, lines_before
from pointsctl.model.pending_migration import Limits
from pointsctl.model.redaction import redact
from pointsctl.model.time_limit import over, stop_if_over
from pointsctl.postgres.cancelling import cancellable
from pointsctl.postgres.concurrent_indexes import built_already, drop_leftover
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import first_line, translated
from pointsctl.postgres.migrating_settings import become_ourselves, prepare_session

T = TypeVar("T")

_BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class StatementFailedError(PointsctlError):
    """A statement of a migration failed; `__cause__` is the server's error, `step` the statement (None at the commit)."""

    exit_code = ExitCode.BAD
    code = "statement-failed"

    def __init__(self, message: str, *, hint: str, step: Step | None, line: int | None) -> None:
        super().__init__(message, hint=hint)
        self.step = step
        self.line = line


class StatementObserver(Protocol):
    """Watches the statements on their own connection; what it asks is asked inside their transaction."""

    def before(self, connection: Connection, step: Step, *, alone: bool) -> None:
        """The statement is sent next."""

    def after(self, connection: Connection, step: Step, rows: int | None) -> None:
        """The statement has ended well; `rows` is what the server says that it touched, None where it does not say."""

    def ending(self, connection: Connection) -> None:
        """The transaction is committed next; after a statement that ran alone, it is over."""


class Unobserved:
    """Watches nothing."""

    def before(self, connection: Connection, step: Step, *, alone: bool) -> None:
        """Ignored."""

    def after(self, connection: Connection, step: Step, rows: int | None) -> None:
        """Ignored."""

    def ending(self, connection: Connection) -> None:
        """Ignored."""


@dataclass
class FileRun:
    """A file on its way. `advance` stores, in the transaction that is open, that so many statements are done; `done` is what
    an earlier run stored, `begun` whether one came that far. `rebuilt` collects the invalid indexes that were built again.
    """

    connection: Connection
    limits: Limits
    cancellation: Cancellation
    advance: Callable[[Connection, int], object]
    observer: StatementObserver = field(default_factory=Unobserved)
    done: int = 0
    begun: bool = False
    rebuilt: list[str] = field(default_factory=list)

    def run(self, parts: Sequence[Segment], close: Callable[[Connection], T]) -> T:
        """Run the parts that are not done; `close` writes what belongs to the whole file in the last part's transaction.

        Raises StatementFailedError, InterruptedByOperatorError, and what `advance` and `close` raise; the part that was
        going on is rolled back, the parts before are committed: `done` says how many statements these have.
        """
        *earlier, last = parts
        stopped_at = self.done if self.begun else None
        for number, part in enumerate(earlier):
            if part.first >= self.done:
                self._prepare(parts[:number])
                if part.alone:
                    self._one(part, parts[:number], again=part.first == stopped_at)
                if not part.alone or parts[number + 1].steps:
                    self._advance(parts[number + 1].first, part.steps if not part.alone else ())
        self._prepare(earlier)
        return self._together(last, close)

    def _one(self, part: Segment, before: Sequence[Segment], *, again: bool) -> None:
        if not (self.begun and self.done == part.first):
            self._advance(part.first)
            self._prepare(before)
        self._alone(part.steps[0], again=again)

    def _advance(self, following: int, steps: tuple[Step, ...] = ()) -> None:
        self._together(Segment(following, steps), lambda connection: self.advance(connection, following))
        self.done, self.begun = following, True

    def _prepare(self, before: Sequence[Segment]) -> None:
        """A new session's settings, then those that earlier parts made: a file that is gone on with has lost them."""
        prepare_session(self.connection, self.limits)
        for step in (step for part in before for step in part.steps if _is_setting(step)):
            with _failing(step, self.cancellation):
                self.connection.execute(step.statement.text.encode(), binary=True)

    def _together(self, part: Segment, close: Callable[[Connection], T]) -> T:
        connection = self.connection
        stop_if_over(self.cancellation, "the migration")
        with translated("beginning the transaction"):
            connection.execute(_BEGIN)
        try:
            for step in part.steps:
                self._send(step, alone=False)
            with _failing(None, self.cancellation):
                become_ourselves(connection)
            value = close(connection)
            self.observer.ending(connection)
            stop_if_over(self.cancellation, "the migration")
        except BaseException:
            _roll_back(connection)
            raise
        with _failing(None, self.cancellation):
            ended = connection.execute(b"COMMIT").statusmessage
        if ended != "COMMIT":
            message = f"at its end: the server answered {ended} to the COMMIT"
            raise StatementFailedError(message, hint="see the server's log; run again", step=None, line=None)
        return value

    def _alone(self, step: Step, *, again: bool) -> None:
        """Run what no transaction can hold, where it is not done yet: a kill may have ended an earlier run right after it."""
        if self._is_built(step):
            return
        try:
            self._send(step, alone=True)
        except StatementFailedError as error:
            if not (again and _has_happened(step, error)):
                raise
        self.observer.ending(self.connection)

    def _is_built(self, step: Step) -> bool:
        """Whether the statement is to build an index that is there, after what is left of a failure was dropped."""
        index = step.kind.concurrent_index
        if index is None:
            return False
        with _failing(step, self.cancellation), cancellable(self.connection, self.cancellation, "the migration"):
            self.rebuilt.extend(drop_leftover(self.connection, index))
            return built_already(self.connection, index, step.statement.text)

    def _send(self, step: Step, *, alone: bool) -> None:
        self.observer.before(self.connection, step, alone=alone)
        with _failing(step, self.cancellation), cancellable(self.connection, self.cancellation, "the migration"):
            # The extended protocol takes one statement only: whatever a file has set, what the split holds for one
            # statement never ends the transaction with a second one.
            cursor = self.connection.execute(step.statement.text.encode(), binary=True)
        self.observer.after(self.connection, step, cursor.rowcount if cursor.rowcount >= 0 else None)


def _roll_back(connection: Connection) -> None:
    if not connection.closed:
        try:
            connection.execute(b"ROLLBACK")
        except psycopg.Error:
            connection.close()  # the server rolls back what has lost its session


def _has_happened(step: Step, error: StatementFailedError) -> bool:
    """Whether an earlier run, of which only the beginning is stored, came to the end of this statement."""
    return step.kind.words.startswith("DROP INDEX CONCURRENTLY") and isinstance(error.__cause__, pg.UndefinedObject)


def _is_setting(step: Step) -> bool:
    """Whether it sets something for the session; what holds for a transaction alone is over, and does nothing outside one."""
    return step.kind.words.partition(" ")[0] in ("SET", "RESET")


@contextmanager
def _failing(step: Step | None, cancellation: Cancellation) -> Iterator[None]:
    """Turns the server's errors into StatementFailedError, or into an interruption where the operator asked for it."""
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, pg.QueryCanceled) and cancellation.requested:
            raise over(cancellation, "the migration") from error
        raise _failed(step, error) from error


def _failed(step: Step | None, error: psycopg.Error) -> StatementFailedError:
    said = f"{redact(first_line(error))}{_state(error)}"
    if step is None:
        return StatementFailedError(f"at its end: {said}", hint=_hint(error), step=None, line=None)
    position = error.diag.statement_position
    line = step.statement.line + lines_before(step.statement.text, int(position) if position else None)
    message = f"line {line}, {step.kind.words}: {said}"
    return StatementFailedError(message, hint=_hint(error), step=step, line=line)


def _state(error: psycopg.Error) -> str:
    return f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""


def _hint(error: psycopg.Error) -> str:
    if isinstance(error, pg.QueryCanceled):
        return "raise `migrations.statement_timeout`, or let the statement do less at a time"
    if isinstance(error, pg.InsufficientPrivilege):
        return "connect as a role that may do that (on Supabase: postgres), or grant the privilege"
    return "correct the file and rehearse it again, or mend the rows that it stumbles on; then apply again"
