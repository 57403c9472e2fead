"""Connections to PostgreSQL: made from a URL, described without its password, failing with pointsctl's errors."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import conninfo

from pointsctl.errors import UsageError
from pointsctl.postgres.failures import connecting_failed

Connection = psycopg.Connection[tuple[Any, ...]]

APPLICATION_NAME = "pointsctl"
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
        return conninfo.conninfo_to_dict(url)
    except (psycopg.Error, ValueError):
        # libpq's own message quotes the text, and with it the password.
        hint = "write postgresql://role@host:5432/database and escape special characters (%40 for @) in its parts"
        raise UsageError("the database URL cannot be read", hint=hint) from None


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
