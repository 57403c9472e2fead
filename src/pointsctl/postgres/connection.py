"""Connections to PostgreSQL: made from a URL, described without its password, failing with pointsctl's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import conninfo

from pointsctl.errors import UsageError
from pointsctl.postgres.failures import connecting_failed

Connection = psycopg.Connection[tuple[Any, ...]]

APPLICATION_NAME = "pointsctl"
_ESCAPE = "write postgresql://role@host:5432/database and escape special characters (%40 for @, %2F for /) in its parts"
_CONNECT_TIMEOUT_S = 10.0
_PARAMETERS = {
    # A pooler in transaction mode gives each transaction another server session, where prepared statements are unknown.
    "prepare_threshold": None,
}


def parse_url(url: str) -> dict[str, Any]:
    """The connection parameters of a URL or DSN. Raises UsageError (which never quotes the URL) when it is neither."""
    if not url.strip():
        raise UsageError("the database URL is empty", hint="set the environment's database_url")
    try:
        parameters: dict[str, Any] = conninfo.conninfo_to_dict(url)
    except (psycopg.Error, ValueError):
        # libpq's own message quotes the text, and with it the password.
        raise UsageError("the database URL cannot be read", hint=_ESCAPE) from None
    if _misread(parameters):
        raise UsageError("the database URL is cut in the wrong places, as by an @ or / in its password", hint=_ESCAPE)
    return parameters


def _misread(parameters: Mapping[str, Any]) -> bool:
    """Whether a password that is not escaped has spilled into the host, the port or the database, all of which are shown."""
    host, port, name = (str(parameters.get(key) or "") for key in ("host", "port", "dbname"))
    return "@" in host or "@" in name or not all(part.isdecimal() or not part for part in port.split(","))


def describe(url: str) -> str:
    """`role@host:port/database`, for people; the password and all options are left out."""
    parameters = parse_url(url)
    host = parameters.get("host") or parameters.get("hostaddr") or "local socket"
    port = parameters.get("port")
    role = f"{parameters['user']}@" if parameters.get("user") else ""
    return f"{role}{host}{f':{port}' if port else ''}/{parameters.get('dbname') or parameters.get('user') or ''}"


def password_of(url: str) -> str:
    """The password inside a URL, or an empty text; for keeping it out of everything that is shown."""
    return str(parse_url(url).get("password") or "")


def connect(
    url: str,
    *,
    application_name: str = APPLICATION_NAME,
    connect_timeout: float = _CONNECT_TIMEOUT_S,
    autocommit: bool = True,
) -> Connection:
    """Open a connection; `connect_timeout` in seconds.

    Raises ServerUnreachableError, AuthenticationFailedError, TlsRequiredError, DatabaseMissingError or UsageError.
    """
    parameters = parse_url(url)
    parameters.setdefault("connect_timeout", max(2, round(connect_timeout)))
    parameters["application_name"] = application_name
    parameters.setdefault("client_encoding", "utf8")
    try:
        return psycopg.connect(**parameters, autocommit=autocommit, **_PARAMETERS)  # type: ignore[arg-type]  # libpq's own keywords
    except psycopg.Error as error:
        # `from None`: the chained exception holds the connection's parameters, the password among them.
        raise connecting_failed(error, describe(url)) from None
