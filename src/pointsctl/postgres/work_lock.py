"""The lock of the session that works at a migration: an earlier run's session may still work after its client was killed."""

from __future__ import annotations

import time
from typing import Final

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.deployment_lock import lock_holder
from pointsctl.postgres.failures import translated

WORK_KEY: Final = 7741096283350914722
"""Held by the very session that applies; the other locks are held by sessions that end with their client."""

_PATIENCE_S = 15.0
_LOOK_S = 0.1


def take_work_lock(connection: Connection, cancellation: Cancellation) -> None:
    """Take the lock, waiting for a session whose client is gone. Raises RefusedError naming who still holds it."""
    patient_until = time.monotonic() + _PATIENCE_S
    while not _taken(connection):
        stop_if_over(cancellation, "the migration")
        if time.monotonic() > patient_until:
            who = lock_holder(connection, WORK_KEY) or "a session that has just ended"
            message = f"an earlier run's session still works at a migration: {who}"
            raise RefusedError(
                message, hint="wait for its end, or have it ended (pg_terminate_backend), then run again"
            )
        with translated("waiting for an earlier run's session"):
            connection.execute("SELECT pg_catalog.pg_sleep(%s)", (_LOOK_S,))


def _taken(connection: Connection) -> bool:
    with translated("taking the lock of migrations"):
        row = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", (WORK_KEY,)).fetchone()
    return row == (True,)
