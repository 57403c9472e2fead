"""Makes, copies and drops whole databases, and runs SQL scripts in them."""

from __future__ import annotations

from psycopg import sql

from pointsctl.postgres.connection import connect
from pointsctl.postgres.failures import translated


def database_exists(url: str, name: str) -> bool:
    """Say whether the server of `url` has a database called `name`."""
    with connect(url) as connection, translated(f"looking for the database {name}"):
        row = connection.execute("select from pg_catalog.pg_database where datname = %s", (name,)).fetchone()
    return row is not None


def create_database(url: str, name: str, *, owner: str | None = None, template: str | None = None) -> None:
    """Make the database `name` on the server of `url`; with `template`, as a copy of that one (nobody may be in it)."""
    statement = sql.SQL("create database {}").format(sql.Identifier(name))
    if owner is not None:
        statement += sql.SQL(" owner {}").format(sql.Identifier(owner))
    if template is not None:
        statement += sql.SQL(" template {}").format(sql.Identifier(template))
    with connect(url) as connection, translated(f"making the database {name}"):
        connection.execute(statement)


def drop_database(url: str, name: str) -> None:
    """Drop the database `name`, ending whatever is connected to it; it may be missing already."""
    with connect(url) as connection, translated(f"dropping the database {name}"):
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def run_script(url: str, script: str, *, what: str) -> None:
    """Run all statements of `script` in one transaction; `what` names it in errors.

    Raises pointsctl's errors for what the server refuses; then nothing of the script is left behind.
    """
    with connect(url, autocommit=False) as connection, translated(what):
        connection.execute(script.encode())


def rename_database(url: str, name: str, new_name: str) -> None:
    """Give the database `name` another name; nobody may be connected to it."""
    statement = sql.SQL("alter database {} rename to {}").format(sql.Identifier(name), sql.Identifier(new_name))
    with connect(url) as connection, translated(f"renaming the database {name} to {new_name}"):
        connection.execute(statement)
