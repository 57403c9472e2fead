"""What a session that migrates has set: its limits before a file, and nothing of the file's own after it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from psycopg import errors as pg
from psycopg import sql

from pointsctl.errors import RefusedError
from pointsctl.model.pending_migration import Limits
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated
from pointsctl.postgres.work_lock import WORK_KEY

_CHECK_CONNECTION_SINCE: Final = 140000
# What the file has set must not decide where and as whom the history's row and the record are written; a deferred
# constraint speaks before them. It may have given up every lock, of which the session keeps the one of its work.
_OURSELVES: Final = (
    b"SET CONSTRAINTS ALL IMMEDIATE; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;"
    b" SET LOCAL search_path = pg_catalog, pg_temp; SELECT pg_try_advisory_lock(%d)" % WORK_KEY
)


def become_ourselves(connection: Connection) -> None:
    """For the rest of the transaction, nothing that the file has set holds. Raises psycopg.Error, for what the file has
    deferred; RefusedError when it gave up the lock of its work, and another session has that now.
    """
    cursor = connection.execute(_OURSELVES)
    while cursor.nextset():
        pass
    if cursor.fetchone() != (True,):
        message = "the file gave up the lock of migrations, and another session holds it now"
        raise RefusedError(message, hint="take pg_advisory_unlock_all() out of it, and run again")


def prepare_session(connection: Connection, limits: Limits) -> None:
    """What a new session of the role has, with the limits. Raises what connecting raises."""
    settings = {
        "client_min_messages": "warning",
        "lock_timeout": _ms(limits.lock_timeout),
        "statement_timeout": _ms(limits.statement_timeout),
        "idle_in_transaction_session_timeout": _ms(limits.idle_timeout),
    }
    each = [sql.SQL("SET {} = {}").format(sql.Identifier(name), value) for name, value in settings.items()]
    whole = sql.SQL("; ").join([sql.SQL("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL"), *each])
    with translated("preparing the session"):
        if connection.info.server_version >= _CHECK_CONNECTION_SINCE:
            try:
                # A statement whose client is gone ends, where the server's system can tell.
                connection.execute(sql.SQL("; ").join([whole, sql.SQL("SET client_connection_check_interval = 500")]))
            except pg.InvalidParameterValue:
                pass
            else:
                return
        connection.execute(whole)


def _ms(limit: timedelta) -> str:
    # 0 would be no limit at all.
    return f"{max(1, round(limit.total_seconds() * 1000))}ms"
