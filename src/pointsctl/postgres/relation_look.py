"""How a database's tables are at a moment: their files and sizes, and the locks that a session has on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pointsctl.model.fingerprint import shown_name
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection

_FOLDER = "rehearsal"
_HEAPS = ("r", "m")
_WRITTEN_ANEW = ("r", "m", "i")
_BESIDE = "pg_toast"

Locks = frozenset[tuple[int, str]]
"""A relation's oid and a lock's mode, as pg_locks names it."""

# A file may have set a role, a path or a limit, which would fool what is asked in its transaction.
_STEP_ASIDE = (
    b"SAVEPOINT pointsctl_look; SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL ROLE NONE;"
    b" SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;"
    b" SET LOCAL client_encoding = 'UTF8'"
)
_STEP_BACK = b"ROLLBACK TO SAVEPOINT pointsctl_look; RELEASE SAVEPOINT pointsctl_look"


@dataclass(frozen=True)
class Seen:
    """One relation; `table` is the oid of the table that an index or a table beside it belongs to, else its own.

    `kind` is pg_class.relkind, `file` the number of its file (0 without one), `bytes` its size.
    """

    oid: int
    table: int
    in_schema: str
    name: str
    kind: str
    file: int
    bytes: int

    @property
    def shown(self) -> str:
        """`public.coupons`, for people."""
        return shown_name(self.in_schema, self.name)


@dataclass(frozen=True)
class Look:
    """The relations by oid, and the locks that the session had."""

    relations: Mapping[int, Seen]
    locks: Locks = frozenset()

    @property
    def bytes(self) -> int:
        """The size of all of them."""
        return sum(one.bytes for one in self.relations.values())


def look(connection: Connection, pid: int) -> Look:
    """How all of it is now, as the connection's transaction sees it, with the locks of the session `pid`. Raises psycopg.Error."""
    return Look({one.oid: one for one in _relations(connection)}, locks(connection, pid))


def look_again(connection: Connection, pid: int, known: Look) -> Look:
    """How it is now, when nobody but the session `pid` has changed anything since `known`. Raises psycopg.Error.

    A transaction keeps a lock on whatever it has changed, so that only those tables are asked for, and what it had locked:
    with a savepoint it may have gone back.
    """
    now = locks(connection, pid)
    touched = {known.relations[oid].table if oid in known.relations else oid for oid, _ in now | known.locks}
    kept = {oid: one for oid, one in known.relations.items() if one.table not in touched}
    return Look({**kept, **{one.oid: one for one in _relations(connection, touched)}}, now)


def locks(connection: Connection, pid: int) -> Locks:
    """The locks of the session `pid` on relations of this database. Raises psycopg.Error."""
    return frozenset((oid, mode) for oid, mode in _query(connection, "locks", {"pid": pid}))


def written(connection: Connection) -> int:
    """Bytes of write-ahead log that the server has written, whoever asked for it. Raises psycopg.Error."""
    return int(_query(connection, "written")[0][0])


@contextmanager
def aside(connection: Connection) -> Iterator[None]:
    """What the block asks in an open transaction is asked as the session itself, and leaves no trace there. Raises psycopg.Error."""
    connection.execute(_STEP_ASIDE)
    yield
    connection.execute(_STEP_BACK)


def rewrites(before: Look, after: Look, *, emptied: bool) -> tuple[str, ...]:
    """Names of what has another file than before; with ` (emptied)` where nothing is in it, as after TRUNCATE.

    `emptied` says that the statement is one that empties tables, so that an empty file says so as well when it was empty.
    """
    both = [(before.relations[oid], now) for oid, now in after.relations.items() if oid in before.relations]
    own = [(old, now) for old, now in both if now.kind in _WRITTEN_ANEW and now.in_schema != _BESIDE]
    changed = [(old, now) for old, now in own if old.file != now.file]
    empty = {now.oid for old, now in changed if now.kind in _HEAPS and not now.bytes and (emptied or old.bytes)}
    named = [
        f"{now.shown}{' (emptied)' if now.oid in empty else ''}"
        for _, now in changed
        if now.oid in empty or now.table not in empty
    ]
    return tuple(sorted(named))


def _relations(connection: Connection, tables: Collection[int] | None = None) -> Iterator[Seen]:
    given = None if tables is None else sorted(tables)
    return (Seen(*row) for row in _query(connection, "relations", {"tables": given}))


def _query(connection: Connection, name: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    return connection.execute(sqlfiles.load(_FOLDER, name).statement.encode(), values or {}, binary=True).fetchall()
