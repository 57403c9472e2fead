"""The lock under which a database is migrated, held on a connection of its own, after a look at what else goes on there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg

from pointsctl.errors import ConnectionLostError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.blockers import refuse_open_work
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.deployment_lock import KEY, refuse_other_work, take_deployment_lock
from pointsctl.postgres.failures import translated
from pointsctl.postgres.pooler import refuse_transaction_pooler

_LOOK_EVERY_S = 1.0
# A session that waits while a file is applied must not be ended for that.
_LIMITS = ["idle_session_timeout", "idle_in_transaction_session_timeout", "statement_timeout"]


class MigrationLock:
    """The lock, for as long as its session lives; `monotonic` counts seconds."""

    def __init__(self, connection: Connection, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._looked = monotonic()

    def require_held(self) -> None:
        """Raises ConnectionLostError when the session that held it is gone, and with it the lock; looks once a second."""
        if self._monotonic() - self._looked < _LOOK_EVERY_S:
            return
        self._looked = self._monotonic()
        statement = sqlfiles.load("backup", "lock-held").statement.encode()
        try:
            held = self._connection.execute(statement, {"key": KEY}).fetchone()
        except psycopg.Error:
            held = None
        if held != (True,):
            message = "the session that held the lock of deployments is gone, and with it the lock"
            raise ConnectionLostError(message, hint="run again, which looks at everything anew")


@contextmanager
def migration_lock(url: str, who: str, old_transaction: timedelta) -> Iterator[MigrationLock]:
    """Hold the lock of dumps and migrations of the database at `url` during the block; `who` is its session's name.

    Raises RefusedError when somebody else holds it, and while a dump, another tool's migration, or a transaction that is older
    than `old_transaction` goes on; PermissionMissingError when that cannot be seen; and what connecting raises.
    """
    with closing(connect(url, application_name=who)) as connection:
        refuse_transaction_pooler(connection, url)
        with translated("taking the lock of deployments"):
            connection.execute("SET search_path = pg_catalog, pg_temp")
            connection.execute("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = ANY (%s)", (_LIMITS,))
        take_deployment_lock(connection)
        refuse_other_work(connection)
        refuse_open_work(connection, old_transaction)
        yield MigrationLock(connection)
