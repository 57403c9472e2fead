"""Synthetic clients that work on a copy while it is migrated, so that it is seen what real ones would wait."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count

import psycopg
from psycopg import errors as pg
from psycopg import sql

from pointsctl.model.escape import plain
from pointsctl.model.rehearsal import ClientWait, TableWait
from pointsctl.postgres.client_requests import ClientTable, client_tables, send
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.failures import first_line, translated

_APPLICATION = "pointsctl client"
_MOST_TABLES = 6
_PAUSE_S = 0.02
_CALM_REQUESTS = 20
_LONGEST_REQUEST_S = 30.0
_LONGEST_S = 1800.0
_SHORT, _LINE = 200, 300


@dataclass
class ClientTraffic:
    """What clients waited, once the block is over; None where there was no table to work on."""

    waited: ClientWait | None = None


@contextmanager
def client_traffic(url: str, clock: Callable[[], float]) -> Iterator[ClientTraffic]:
    """While the block runs, clients read and write single rows of the largest tables with a primary key; `url` is a superuser's.

    For each table one client reads rows by their keys, and one sets a column to what it is; every request is a transaction
    that is rolled back, no trigger is fired, and after each there is a moment of rest. Where triggers cannot be kept from
    firing, nothing is written. An INSERT or DELETE waits for the same
    locks on a table as the UPDATE. Before the block they all work for a moment without a migration, for comparison. Each
    request ends after half a minute, and all of them after half an hour. `clock` gives seconds. Raises pointsctl's errors
    when the clients cannot begin; what fails later is counted.
    """
    traffic = ClientTraffic()
    with ExitStack() as opened:
        clients = _clients(url, clock, opened)
        if not clients:
            yield traffic
            return
        work = _Work(clients)
        try:
            work.begin()
            yield traffic
        finally:
            work.end()
            traffic.waited = work.waited()


@dataclass
class _Answers:
    """Seconds that the requests took, how many failed, and why the first one did."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    why: str = ""


@dataclass
class _Client:
    table: ClientTable
    statement: sql.Composed
    connection: Connection
    clock: Callable[[], float]
    calm: _Answers = field(default_factory=_Answers)
    answers: _Answers = field(default_factory=_Answers)
    ready: threading.Event = field(default_factory=threading.Event)

    def work(self, begun: threading.Event, over: threading.Event) -> None:
        """Ask for one row after the other: a few before the migration, the others while it goes on.

        A request that fails without any migration says nothing of one: then this client ends.
        """
        try:
            for number in range(_CALM_REQUESTS):
                self._ask(number, self.calm)
        finally:
            self.ready.set()
        begun.wait()
        until = self.clock() + _LONGEST_S
        for number in count() if not self.calm.failed else ():
            if over.wait(_PAUSE_S) or self.connection.closed or self.clock() > until:
                return
            self._ask(number, self.answers)

    def _ask(self, number: int, answers: _Answers) -> None:
        started = self.clock()
        try:
            send(self.connection, self.statement, self.table.keys[number % len(self.table.keys)])
        except psycopg.Error as error:
            answers.failed += 1
            answers.why = answers.why or plain(first_line(error), _LINE)
        answers.seconds.append(self.clock() - started)


class _Work:
    def __init__(self, clients: Sequence[_Client]) -> None:
        self._clients = clients
        self._begun, self._over = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=one.work, args=(self._begun, self._over), daemon=True, name="client")
            for one in clients
        ]

    def begin(self) -> None:
        """Let them work; returns when each has done its part without a migration."""
        for thread in self._threads:
            thread.start()
        for client in self._clients:
            client.ready.wait()
        self._begun.set()

    def end(self) -> None:
        """Let each finish its request."""
        self._over.set()
        self._begun.set()
        for thread in self._threads:
            thread.join()

    def waited(self) -> ClientWait:
        """All of it together, and table by table."""
        answers = [one.answers for one in self._clients]
        during = sorted(one for each in answers for one in each.seconds)
        calm = sorted(one for each in self._clients for one in each.calm.seconds)
        return ClientWait(
            requests=len(during),
            failed=sum(each.failed for each in answers),
            p95_ms=_p95(during),
            slowest_ms=_slowest(during),
            calm_requests=len(calm),
            calm_p95_ms=_p95(calm),
            calm_slowest_ms=_slowest(calm),
            tables=tuple(sorted(self._tables(), key=lambda one: (-one.slowest_ms, one.table))),
        )

    def _tables(self) -> Iterator[TableWait]:
        for table in dict.fromkeys(one.table for one in self._clients):
            clients = [one for one in self._clients if one.table is table]
            answers = [one.answers for one in clients]
            before = [f"without a migration too: {one.calm.why}" for one in clients if one.calm.failed]
            whys = (*(each.why for each in answers if each.why), *before)
            yield TableWait(
                table=plain(table.shown, _SHORT)[:_SHORT],
                requests=sum(len(each.seconds) for each in answers),
                failed=sum(each.failed for each in answers),
                slowest_ms=_slowest([one for each in answers for one in each.seconds]),
                why=next(iter(whys), ""),
            )


def _clients(url: str, clock: Callable[[], float], opened: ExitStack) -> tuple[_Client, ...]:
    with connect(url, application_name=_APPLICATION) as connection, translated("choosing tables for clients"):
        tables = client_tables(connection, _MOST_TABLES)
        may_write = _fire_no_trigger(connection)
    each = [(table, table.read) for table in tables]
    each += [(one, one.write) for one in tables if one.write is not None and may_write]
    return tuple(_Client(table, asked, opened.enter_context(_connected(url)), clock) for table, asked in each)


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    with connect(url, application_name=_APPLICATION) as connection:
        with translated("preparing a client"):
            connection.execute(f"SET statement_timeout = '{_LONGEST_REQUEST_S:g}s'".encode())
            _fire_no_trigger(connection)
        yield connection


def _fire_no_trigger(connection: Connection) -> bool:
    """Whether this role's session can be told to fire none: what a trigger does, such as a call of somebody else's service,
    may not be undone by the end of a transaction.
    """
    try:
        connection.execute(b"SET session_replication_role = replica")
    except pg.InsufficientPrivilege:
        return False
    return True


def _p95(seconds: Sequence[float]) -> int:
    """The nearest rank of those, which are in order; 0 without any."""
    return round(seconds[math.ceil(len(seconds) * 0.95) - 1] * 1000) if seconds else 0


def _slowest(seconds: Sequence[float]) -> int:
    return round(max(seconds) * 1000) if seconds else 0
