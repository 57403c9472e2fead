"""The environment variables with which a program that knows libpq's names connects to where a connection is."""

from __future__ import annotations

from collections.abc import Mapping

from pointsctl.model.pending_migration import Limits
from pointsctl.postgres.connection import Connection

_NAMES = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslpassword": "PGSSLPASSWORD",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}
# A client that is killed leaves a statement that goes on; from 14 on the server looks whether somebody still listens.
_CHECKED_MS = 500
_CHECKS_CLIENTS = 140000


def libpq_variables(connection: Connection, limits: Limits) -> Mapping[str, str]:
    """All that it takes to connect as the same role, the password among it, and the limits as options of the session."""
    info = connection.info
    used = info.get_parameters()
    given = {_NAMES[key]: value for key, value in used.items() if key in _NAMES and value}
    options = [used["options"]] if used.get("options") else []
    settings = {
        "lock_timeout": _ms(limits.lock_timeout.total_seconds()),
        "statement_timeout": _ms(limits.statement_timeout.total_seconds()),
        "idle_in_transaction_session_timeout": _ms(limits.idle_timeout.total_seconds()),
    }
    if info.server_version >= _CHECKS_CLIENTS:
        settings["client_connection_check_interval"] = _CHECKED_MS
    options += [f"-c {name}={value}" for name, value in settings.items()]
    password = {"PGPASSWORD": info.password} if info.password else {}
    where = {"PGHOST": info.host, "PGPORT": str(info.port), "PGUSER": info.user, "PGDATABASE": info.dbname}
    return {**given, **where, **password, "PGOPTIONS": " ".join(options)}


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
