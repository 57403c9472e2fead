"""Migrations replayed in an empty database of a scratch server, after what the platform supplies was put there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import psycopg
from psycopg import conninfo, sql

from pointsctl.errors import CouldNotLookError
from pointsctl.model.archive import DATA_SECTION, ArchiveEntry
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.platform_objects import is_platform_schema
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.cancelling import cancellable
from pointsctl.postgres.connection import Connection, connect, parse_url
from pointsctl.postgres.failures import first_line, translated

_EXTENSION = re.compile(r"\bcreate\s+extension\s+(?:if\s+not\s+exists\s+)?\"?([\w-]+)", re.IGNORECASE)
# Before everything else, as pg_dump has it: what a function names may come later.
_RESTORING = "SET check_function_bodies = false; SET search_path = ''; SET client_min_messages = error"
_ON_SCHEMAS = ("ACL", "COMMENT")
_WHAT = "replaying the migrations"


def platform_schemas_of(url: str) -> tuple[str, ...]:
    """The schemas of the database that the platform makes."""
    with connect(url) as connection, translated("looking at the schemas"):
        rows = connection.execute(sqlfiles.load("migration", "schemas").statement.encode()).fetchall()
    return tuple(name for (name,) in rows if is_platform_schema(name))


def supply_platform(url: str, entries: Iterable[ArchiveEntry], migrations: Iterable[Sequence[str]]) -> None:
    """Make in the database of `url` what the source (its archive's `entries`) has of the platform: its schemas with what is in
    them, extensions, default privileges. An extension that a migration makes is left to it.

    What this machine's server cannot make is left out: the migration that needs it says so.
    """
    theirs = {name.lower() for statements in migrations for one in statements for name in _EXTENSION.findall(one)}
    with connect(url) as connection, translated("making what the platform supplies"):
        connection.execute(_RESTORING)
        for entry in entries:
            if _is_platforms(entry) and entry.extension not in theirs:
                _try(connection, entry.definition)


def _is_platforms(entry: ArchiveEntry) -> bool:
    if entry.section == DATA_SECTION or entry.kind == "TRIGGER" or not entry.definition.strip():
        return False
    if entry.kind in ("EXTENSION", "DEFAULT ACL") or entry.extension:
        return True
    if entry.kind == "SCHEMA":
        return is_platform_schema(entry.tag)
    if entry.kind in _ON_SCHEMAS and entry.tag.startswith("SCHEMA "):
        return True
    return is_platform_schema(entry.namespace)


def _try(connection: Connection, definition: str) -> None:
    try:
        connection.execute(definition.encode())
    except psycopg.errors.OperationalError:
        raise
    except psycopg.Error:
        # It needs something that this server lacks, or that is the project's own; nothing of the platform's is compared.
        return


def replay(url: str, migrations: Iterable[tuple[str, Sequence[str]]], cancellation: Cancellation) -> int:
    """Run the statements of each migration (its name, its statements) one by one; how many migrations there were.

    Raises CouldNotLookError naming the migration and the statement that the scratch server refuses, TookTooLongError,
    InterruptedByOperatorError.
    """
    number = 0
    with connect(url) as connection, translated(_WHAT), cancellable(connection, cancellation, _WHAT):
        for name, statements in migrations:
            connection.execute("RESET ALL")
            for at, statement in enumerate(statements, 1):
                _run(connection, name, at, statement)
            number += 1
    return number


def _run(connection: Connection, name: str, at: int, statement: str) -> None:
    try:
        connection.execute(statement.encode())
    except psycopg.errors.QueryCanceled:
        return
    except psycopg.errors.OperationalError:
        raise
    except psycopg.Error as error:
        message = f"{plain(name, 120)} cannot be replayed: statement {at}: {plain(first_line(error), 300)}"
        hint = "what the platform supplies belongs into `backup.prelude`; see also `backup.leave_out`"
        raise CouldNotLookError(message, hint=hint) from None


def let_log_in(url: str, role: str) -> str:
    """The URL of the same database for `role`, which is made where it is missing and may log in and make schemas from now on."""
    parameters = parse_url(url)
    name = sql.Identifier(role)
    with connect(url) as connection, translated("letting the role log in"):
        known = connection.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", (role,)).fetchone()
        if known is None:
            connection.execute(sql.SQL("create role {}").format(name))
        connection.execute(sql.SQL("alter role {} login").format(name))
        database = sql.Identifier(str(parameters["dbname"]))
        connection.execute(sql.SQL("grant create, temporary on database {} to {}").format(database, name))
    return conninfo.make_conninfo(**{**parameters, "user": role})
