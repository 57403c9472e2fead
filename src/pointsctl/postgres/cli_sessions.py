"""What a Supabase CLI that was killed leaves in a database: sessions that still work, and indexes that are not whole."""

from __future__ import annotations

import time
from typing import Final

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.sql_statements import SqlScript
from pointsctl.model.statement_kind import statement_kind
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.concurrent_indexes import built_already, drop_leftover
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated

_PROGRAMS: Final = ["@effect/sql-pg", "supabase-cli"]
# The server looks for a client that is gone every half second, and then has to roll back.
_PATIENCE_S = 30.0
_LOOK_S = 0.1


def wait_for_cli_sessions(connection: Connection, cancellation: Cancellation | None) -> None:
    """Wait until no session of the CLI is in this database; without `cancellation`, half a minute whatever is asked for.

    Raises RefusedError naming one that stays.
    """
    patient_until = time.monotonic() + _PATIENCE_S
    while found := _sessions(connection):
        if cancellation is not None:
            stop_if_over(cancellation, "the migration")
        if time.monotonic() > patient_until:
            pid, application, state = found[0]
            message = f"a session of the Supabase CLI is still here: process {pid} ({plain(application, 80)}, {state})"
            hint = "wait for its end, or have it ended (pg_terminate_backend), then run again"
            raise RefusedError(message, hint=hint)
        with translated("waiting for the Supabase CLI's session"):
            connection.execute("SELECT pg_catalog.pg_sleep(%s)", (_LOOK_S,))


def drop_leftovers(connection: Connection, script: SqlScript) -> tuple[str, ...]:
    """Drop the invalid indexes that an earlier try at these statements has left, and return their names."""
    dropped: list[str] = []
    with translated("dropping an invalid index of an earlier try"):
        for statement in script.statements:
            index = statement_kind(statement.text).concurrent_index
            if index is not None and index.name is not None:
                dropped += drop_leftover(connection, index)
    return tuple(dropped)


def lone_index_built(connection: Connection, script: SqlScript) -> bool:
    """Whether all that the statements do is build an index concurrently, and it is there, whole, and the one wanted."""
    kinds = [(one.text, kind) for one in script.statements if not (kind := statement_kind(one.text)).empty]
    if len(kinds) != 1:
        return False
    text, kind = kinds[0]
    if kind.concurrent_index is None or kind.concurrent_index.name is None:
        return False
    with translated("looking for an index of an earlier try"):
        return built_already(connection, kind.concurrent_index, text)


def _sessions(connection: Connection) -> list[tuple[int, str, str]]:
    with translated("looking for sessions of the Supabase CLI"):
        statement = sqlfiles.load("migration", "cli-sessions").statement.encode()
        rows = connection.execute(statement, {"programs": _PROGRAMS}).fetchall()
    return [(int(pid), str(application), str(state or "state unknown")) for pid, application, state in rows]
