"""Recognises a pooler that gives each transaction another server session: no snapshot and no lock can be held through it."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import translated

# A busy pooler may hand out another session by chance; that it does so every time is out of the question.
_TRIES = 12


def refuse_transaction_pooler(connection: Connection, url: str) -> None:
    """Raises RefusedError when `connection`, made to `url` and outside a transaction, shares server sessions with others.

    By behaviour, not by port or name: a pooler makes up the process number that it tells at the start, and one in
    transaction mode runs two clients that are both connected in one session, or one client in several.
    """
    session = _session(connection)
    if session == connection.info.backend_pid:
        return
    with connect(url) as other:
        for _ in range(_TRIES):
            if _session(other) == session or _session(connection) != session:
                raise RefusedError(
                    "this address is a connection pooler in transaction mode, which can hold no snapshot",
                    hint="use the database's direct address, or a pooler in session mode (on Supabase: port 5432 instead of 6543)",
                )


def _session(connection: Connection) -> int:
    with translated("asking for the session's process"):
        row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    if row is None:
        raise AssertionError("pg_backend_pid gives one row")
    return int(row[0])
