"""What `public.migration_audit` is made of and who may do what with it, as the catalogue says; and the scripts that make it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import psycopg

from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection

_QUERIES = "ledger/queries"
_NUMBERED = re.compile(r"(\d{4})_\w+")
_FUNCTION = re.compile(r"create (?:or replace )?function \w+\.(\w+)\(\).*?as \$function\$(.*?)\$function\$", re.DOTALL)


@dataclass(frozen=True)
class Access:
    """Who can do what. `owner_open` says that somebody can log in as the owner, `members` who acts with its rights,
    `admins` who may become a member, `guarded` that event triggers keep the ledger, `reads_all` that the asking role sees
    every row.
    """

    owner: str
    owner_open: bool
    members: tuple[str, ...]
    admins: tuple[str, ...]
    guarded: bool
    reads_all: bool


def comment(connection: Connection) -> tuple[bool, str | None]:
    """Whether there is a relation of that name, and its comment."""
    row = connection.execute(
        "SELECT obj_description(oid, 'pg_class') FROM pg_class"
        " WHERE relnamespace = to_regnamespace('public') AND relname = 'migration_audit'"
    ).fetchone()
    return (True, row[0]) if row else (False, None)


def parts(connection: Connection) -> dict[str, str]:
    """Every part of the table and of its trigger functions, by name, with its definition as the server writes it."""
    rows = connection.execute(sqlfiles.load(_QUERIES, "parts").statement.encode(), {}).fetchall()
    return dict(rows)


def access(connection: Connection) -> Access:
    """Who can do what with the ledger, which must be there."""
    given = {"guard": function_digests("guard")["migration_audit_guard"]}
    row = connection.execute(sqlfiles.load(_QUERIES, "access").statement.encode(), given).fetchone()
    if row is None:
        raise AssertionError("there is no ledger to ask about")
    owner, owner_open, members, admins, guarded, reads_all = row
    return Access(owner, owner_open, tuple(members), tuple(admins), guarded, reads_all)


def encoding(connection: Connection) -> str:
    """The database's encoding, such as UTF8."""
    row = connection.execute("SELECT pg_catalog.current_setting('server_encoding')").fetchone()
    return str(row[0]) if row else ""


def is_superuser(connection: Connection) -> bool:
    """Whether the asking role is a superuser."""
    row = connection.execute("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").fetchone()
    return bool(row and row[0])


def formats() -> dict[int, str]:
    """The numbered scripts by the format that they lead to."""
    found = {name: _NUMBERED.fullmatch(name) for name in sqlfiles.names("ledger")}
    return {int(match[1]): name for name, match in found.items() if match}


def run_script(connection: Connection, name: str) -> None:
    """Run all statements of `sql/ledger/<name>.sql` in the current transaction."""
    connection.execute(_text(name).encode())


def try_guard(connection: Connection) -> bool:
    """Install the event triggers; False where the role may not, and then nothing of them is left."""
    try:
        with connection.transaction():
            run_script(connection, "guard")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


@cache
def function_digests(name: str) -> dict[str, str]:
    """SHA-256 of the body of every function that `sql/ledger/<name>.sql` makes."""
    return {found[1]: hashlib.sha256(found[2].encode()).hexdigest() for found in _FUNCTION.finditer(_text(name))}


def _text(name: str) -> str:
    return files("pointsctl.sql").joinpath("ledger", f"{name}.sql").read_text(encoding="utf-8")
