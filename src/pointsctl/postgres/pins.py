"""The settings that are pinned in every transaction that reads: no role or database decides what a statement means."""

from __future__ import annotations

from typing import Final

from pointsctl.postgres.connection import Connection

SETTINGS: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "row_security": "on",
    "idle_in_transaction_session_timeout": "0",
    # How an expression is written out, and how a pattern with a backslash is read, is what policies are judged by.
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    # With `on` the planner answers from constraints that may be wrong instead of looking at the rows.
    "constraint_exclusion": "off",
    # A server that does not ask goes on with the statement of a client that is gone. Not every system lets it ask.
    "client_connection_check_interval": "1000",
}
"""Set so that no role's or database's own settings change what a statement means or how a value is written."""


def pin(connection: Connection) -> None:
    """Pin them for the transaction that is open. Raises psycopg.Error."""
    # By itself and first: until then, names in a statement may mean what the database's own search_path says.
    connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
    connection.execute(
        "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS pinned (name, value)"
        " WHERE name <> 'client_connection_check_interval'"
        " OR (current_setting('server_version_num')::int >= 140000 AND version() ~ 'linux|darwin|bsd|illumos')",
        (list(SETTINGS), list(SETTINGS.values())),
    )
