"""What one short connection tells about a database: who it is, who we are there, how far away, and what is in between."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from psycopg import conninfo

from pointsctl.postgres.connection import Connection, connect, describe, parse_url
from pointsctl.postgres.failures import translated
from pointsctl.postgres.identity import Identity, identify

_ROUND_TRIPS = 3
_POOLER_PORT = "6543"


@dataclass(frozen=True)
class Reached:
    """A database that answered. `latency_ms` is the shortest of a few round trips; `address` has no password in it."""

    address: str
    identity: Identity
    superuser: bool
    bypasses_row_security: bool
    encrypted: bool
    local: bool
    pooled: bool
    latency_ms: float


def reach(url: str, *, connect_timeout: int, monotonic: Callable[[], float]) -> Reached:
    """Connect and ask; `connect_timeout` in whole seconds replaces the URL's own. Raises pointsctl's connection errors."""
    # libpq waits this long for each address of a host name.
    bounded = conninfo.make_conninfo(**{**parse_url(url), "connect_timeout": connect_timeout})
    with connect(bounded) as connection, translated("asking the server about this session"):
        connection.execute("SET search_path = pg_catalog, pg_temp")
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(connect_timeout * 1000),))
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, pg_catalog.pg_backend_pid()"
            " FROM pg_catalog.pg_roles WHERE rolname = current_user"
        ).fetchone()
        if row is None:
            raise AssertionError("pg_roles has no row for the current role")
        return Reached(
            address=describe(url),
            identity=identify(connection),
            superuser=row[0],
            bypasses_row_security=row[1],
            # The client's side of the connection: behind a pooler, the server's view is about another one.
            encrypted=connection.pgconn.ssl_in_use,
            local=_is_local(connection),
            pooled=_is_pooled(connection, row[2]),
            latency_ms=_latency(connection, monotonic),
        )


def _latency(connection: Connection, monotonic: Callable[[], float]) -> float:
    times = []
    for _ in range(_ROUND_TRIPS):
        before = monotonic()
        connection.execute("SELECT")
        times.append(monotonic() - before)
    return max(0.0, min(times) * 1000)


def _is_pooled(connection: Connection, backend: int) -> bool:
    """A pooler announces a process id of its own; Supabase's transaction pooler also has a well-known port."""
    return connection.info.backend_pid != backend or str(connection.info.port) == _POOLER_PORT


def _is_local(connection: Connection) -> bool:
    if connection.info.host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(connection.info.hostaddr).is_loopback
    except ValueError:
        return False
