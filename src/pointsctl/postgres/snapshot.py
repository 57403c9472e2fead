"""One moment of a database, held on a connection of its own for as long as a backup reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from psycopg import conninfo, sql

from pointsctl.errors import PointsctlError, TookTooLongError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.cancelling import cancellable
from pointsctl.postgres.connection import Connection, connect, parse_url
from pointsctl.postgres.deployment_lock import refuse_other_work, take_deployment_lock
from pointsctl.postgres.failures import translated
from pointsctl.postgres.identity import Identity, identify
from pointsctl.postgres.pins import pin
from pointsctl.postgres.pooler import refuse_transaction_pooler
from pointsctl.postgres.watch import Guard, Watch

APPLICATION_NAME = "pointsctl backup"

_LOCK_TIMEOUT_MS = 10_000
_WORK = "the work in the snapshot"
# A network that swallows packets is noticed within a minute, instead of never.
_KEEPALIVES: Mapping[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# Settings by which a role, a database or a server ends sessions, statements or transactions that take long.
_LIMITS = ["statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"]


class HeldSnapshot:
    """A snapshot that other connections can join, by `reader` or by its name, while the context that made it is open.

    `snapshot` is that name; `lsn` the write-ahead log's position, `taken_at` the server's clock, `database_size` bytes, all
    when it was taken. `url` leads to the very server that holds it, also where the given one names several.
    """

    def __init__(self, connection: Connection, url: str) -> None:
        self.url = url
        self.identity: Identity = identify(connection)
        with translated("exporting a snapshot"):
            row = connection.execute(sqlfiles.load("backup", "moment").statement.encode()).fetchone()
        if row is None:
            raise AssertionError("pg_export_snapshot gives one row")
        self.snapshot: str = row[0]
        self.lsn: str = row[1]
        self.taken_at: datetime = row[2]
        self.database_size: int = row[3]
        self._watch = Watch(connection)

    @contextmanager
    def reader(self, cancellation: Cancellation) -> Iterator[Connection]:
        """A further connection in the same snapshot, read-only, with the settings of `pins`. Raises pointsctl's errors."""
        guard = self.guard(cancellation)
        stop_if_over(guard, _WORK)
        connection = connect(self.url, application_name=APPLICATION_NAME)
        try:
            with translated("joining the snapshot"):
                _begin(connection, sql.SQL("SET TRANSACTION SNAPSHOT {}").format(self.snapshot))
            with translated("reading the snapshot"), cancellable(connection, guard, _WORK):
                yield connection
        except PointsctlError as error:
            self._watch.refuse_lost(error)
            if isinstance(error, TookTooLongError):  # what a cancelled statement says, whoever asked for the cancel
                stop_if_over(cancellation, _WORK)
            raise
        finally:
            connection.close()

    @contextmanager
    def holder(self, cancellation: Cancellation) -> Iterator[Connection]:
        """The connection that holds the snapshot, for locks that must last as long. A statement that fails ends the snapshot."""
        with (
            self._watch.using() as connection,
            translated("reading the snapshot"),
            cancellable(connection, cancellation, _WORK),
        ):
            yield connection

    def guard(self, cancellation: Cancellation) -> Cancellation:
        """A cancellation that asks to stop when `cancellation` does, and also when the snapshot is lost.

        Whoever was stopped by it may raise anything: the context of `held_snapshot` says ConnectionLostError then.
        """
        return Guard(cancellation, self._watch)

    def still_held(self) -> None:
        """Raises ConnectionLostError unless the snapshot was held all the time; to be called when all the work is done."""
        self._watch.look()
        self._watch.refuse_lost(None)

    def end(self) -> None:
        """Stop watching; called when the context ends."""
        self._watch.end()

    def refuse_lost(self, cause: BaseException | None) -> None:
        """Raises ConnectionLostError from `cause` when it is known that the holder's connection is gone; asks nothing."""
        self._watch.refuse_lost(cause)


@contextmanager
def held_snapshot(url: str, cancellation: Cancellation, *, deploying: bool = True) -> Iterator[HeldSnapshot]:
    """Hold a REPEATABLE READ snapshot of the database during the block.

    With `deploying` the lock of deployments is held as long, and a pooler in transaction mode, another dump or a migration
    in this database is refused: for a source. Without it nothing is locked: for a copy that nobody else uses.
    Raises RefusedError, or ConnectionLostError when the connection is lost in the middle, whatever the block raised then.
    """
    stop_if_over(cancellation, _WORK)
    given = conninfo.make_conninfo(url, **{**_KEEPALIVES, **parse_url(url)})
    with closing(connect(given, application_name=APPLICATION_NAME)) as connection:
        with translated("taking a snapshot"):
            _unlimited(connection)
        if deploying:
            refuse_transaction_pooler(connection, given)
            take_deployment_lock(connection)
            refuse_other_work(connection)
        with translated("taking a snapshot"):
            _begin(connection, None)
        held = HeldSnapshot(connection, _pinned_address(connection, given))
        try:
            yield held
        except Exception as error:
            held.refuse_lost(error)
            raise
        finally:
            held.end()


def _unlimited(connection: Connection) -> None:
    connection.execute("SET search_path = pg_catalog, pg_temp")
    connection.execute(
        "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = ANY (%s)"
        " UNION ALL SELECT set_config('lock_timeout', %s, false)",
        (_LIMITS, str(_LOCK_TIMEOUT_MS)),
    )


def _begin(connection: Connection, join: sql.Composed | None) -> None:
    _unlimited(connection)
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    if join is not None:
        connection.execute(join)
    pin(connection)


def _pinned_address(connection: Connection, url: str) -> str:
    """The URL with the one host that answered: of several hosts, or several addresses of one, only it has the snapshot."""
    info = connection.info
    here: dict[str, str | int] = {"host": info.host, "port": info.port}
    if not info.host.startswith(("/", "@")) and info.hostaddr:
        here["hostaddr"] = info.hostaddr
    return conninfo.make_conninfo(url, **here)
