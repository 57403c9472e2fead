"""Runs the SQL files that supply to an empty copy what the platform supplies to the source."""

from __future__ import annotations

from pathlib import Path

import psycopg

from pointsctl.errors import ChecklistError, StorageError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.postgres.cancelling import cancellable
from pointsctl.postgres.connection import connect
from pointsctl.postgres.failures import first_line

_SHOWN = 120


def run_prelude(url: str, path: Path, cancellation: Cancellation) -> None:
    """Run one file in one transaction. Raises ChecklistError naming the file and the line where the server refuses it.

    Also StorageError (it cannot be read), TookTooLongError, InterruptedByOperatorError.
    """
    try:
        script = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StorageError(
            f"the prelude {path.name!r} cannot be read: {(reason or 'refused').lower()}",
            hint="correct `backup.prelude`; its files are looked for beside the checklist",
        ) from None
    what = f"the prelude {path.name!r}"
    with connect(url, autocommit=False) as connection, cancellable(connection, cancellation, what):
        try:
            connection.execute(script.encode())
            connection.commit()
        except psycopg.errors.QueryCanceled:
            connection.rollback()
        except psycopg.Error as error:
            raise _refused(path, script, error) from None


def _refused(path: Path, script: str, error: psycopg.Error) -> ChecklistError:
    position = error.diag.statement_position
    line = script.count("\n", 0, int(position) - 1) + 1 if position else None
    where = f", line {line} ({plain(script.splitlines()[line - 1].strip(), _SHOWN)})" if line else ""
    return ChecklistError(
        f"the prelude {path.name!r}{where}: {plain(first_line(error), 300)}",
        hint="correct the file; it runs in the empty copy, in one transaction, before everything else",
    )
