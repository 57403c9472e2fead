"""How large a database is, as its server counts it."""

from __future__ import annotations

from pointsctl.errors import CouldNotLookError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection


def database_size(connection: Connection) -> int:
    """Bytes of every relation of the connection's database, its catalogue included. Raises CouldNotLookError without an answer."""
    found = connection.execute(sqlfiles.load("context", "database-size").statement.encode()).fetchone()
    if found is None or not isinstance(found[0], int):
        raise CouldNotLookError("the server does not say how large the database is", hint="run again")
    return found[0]
