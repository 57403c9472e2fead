"""Runs probes: attempts that must be refused or must succeed, each as a client's role, each in a savepoint.

Everything happens in one scratch transaction. An attempt that writes is aimed at one row that was set up for it, by a cursor, so
that even a table that stands wide open is not rewritten before the rollback.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from pointsctl.errors import PermissionMissingError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import first_line, statement_failed, translated
from pointsctl.postgres.probe_rows import Stage, Target
from pointsctl.postgres.sqlfiles import SqlFile, listed

# The server or the connection gave up, which says nothing about what the attempt would have done.
_INCONCLUSIVE = (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError)
_OWNER = "user_id"
_EXPECTED = re.compile(r"rows (?P<rows>\d+)|sqlstate (?P<state>[0-9A-Z]{5})(?: on (?P<columns>.+))?")


@dataclass(frozen=True)
class Saw:
    """What an attempt met: either so many rows, or an SQLSTATE (and, for a duplicate, the columns of the index)."""

    rows: int | None = None
    state: str = ""
    columns: tuple[str, ...] = ()
    message: str = ""

    def __str__(self) -> str:
        if self.rows is not None:
            return f"{self.rows} row{'' if self.rows == 1 else 's'}"
        return f"sqlstate {self.state}{' on ' + ', '.join(self.columns) if self.columns else ''}"


@dataclass(frozen=True)
class Attempt:
    """One try of a probe: as which role, on which table, aimed at whose row (empty when at none)."""

    probe: str
    role: str
    relation: str
    aim: str
    saw: Saw
    held: bool

    @property
    def key(self) -> str:
        """What stays the same from run to run."""
        return ":".join(part for part in (self.probe, self.role, self.relation, self.aim) if part)


def tables_of(file: SqlFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tables that a probe is for, and those that it also tries where they exist."""
    return listed(file.headers["tables"]), listed(file.headers.get("tables-where-present", ""))


def run_probe(connection: Connection, file: SqlFile, stage: Stage, tables: tuple[str, ...]) -> tuple[Attempt, ...]:
    """Make every attempt of a probe on `tables`. Raises pointsctl's errors when one of them could not really be made."""
    return tuple(
        _attempt(connection, file, stage, stage.targets[name], role, aim)
        for name in tables
        for role in listed(file.headers["as"])
        for aim in listed(file.headers.get("aims", "")) or ("",)
    )


def _attempt(connection: Connection, file: SqlFile, stage: Stage, target: Target, role: str, aim: str) -> Attempt:
    statement = _compose(connection, file, stage, target, role)
    row = target.row_b if aim == "b" else target.row_a
    given = {
        "user_a": stage.user_a,
        "user_b": stage.user_b,
        "row_a": json.dumps(target.row_a),
        "candidate": json.dumps(target.candidate),
        "fresh": json.dumps(target.fresh),
        "target": json.dumps(row),
    }
    with _undone(connection, f"probe {file.id}"):
        if aim:
            _point_at(connection, target, row)
        _become(connection, role, stage)
        saw = _try(connection, statement, given, f"probe {file.id} as {role} on {target.relation}")
    saw = _with_columns(connection, saw, target)
    whose = {"a": "row of user A", "b": "row of user B"}.get(aim, "")
    held = _meets(file.headers["expect"], saw)
    # Said once for a table, not again for the row of another user, which an own-rows policy rightly refuses.
    policies = _ways_around(connection, file, target, role) if held and aim != "b" else ()
    if policies:
        saw = replace(saw, message=f"for this row, while policy {', '.join(policies)} lets others pass")
    return Attempt(file.id, role, target.relation, whose, saw, held and not policies)


def _ways_around(connection: Connection, file: SqlFile, target: Target, role: str) -> tuple[str, ...]:
    """Policies that let the role write other rows than the one that was tried (header `closed-to-clients`)."""
    command = file.headers.get("closed-to-clients")
    if command is None:
        return ()
    statement = sqlfiles.load("context", "write-policies").statement
    given = {"relation": target.relation, "role": role, "command": command}
    with translated(f"looking up the policies of {target.relation}"):
        return tuple(name for (name,) in connection.execute(statement.encode(), given).fetchall())


def _try(connection: Connection, statement: sql.Composed, given: Mapping[str, Any], what: str) -> Saw:
    try:
        return Saw(rows=connection.execute(statement, given).rowcount)
    except _INCONCLUSIVE as error:
        raise statement_failed(error, what) from error
    except psycopg.Error as error:
        return Saw(state=error.sqlstate or "", columns=(error.diag.constraint_name or "",), message=first_line(error))


def _with_columns(connection: Connection, saw: Saw, target: Target) -> Saw:
    """For a duplicate: the columns of the index that refused it, looked up once the attempt is undone."""
    if saw.state != "23505":
        return Saw(saw.rows, saw.state, (), saw.message)
    file = sqlfiles.load("context", "index-columns")
    schema = target.relation.split(".")[0]
    with translated("looking up the index that refused the duplicate"):
        found = connection.execute(file.statement.encode(), {"schema": schema, "index": saw.columns[0]}).fetchone()
    return Saw(None, saw.state, tuple(found[0]) if found and found[0] else ("(unknown)",), saw.message)


def _meets(expected: str, saw: Saw) -> bool:
    for alternative in expected.split(" or "):
        found = _EXPECTED.fullmatch(alternative.strip())
        if found is None:
            raise ValueError(f"a probe expects {alternative!r}, which is neither `rows N` nor `sqlstate XXXXX`")
        if found["rows"] is not None and saw.rows == int(found["rows"]):
            return True
        if found["state"] and saw.state == found["state"]:
            return found["columns"] is None or saw.columns == listed(found["columns"])
    return False


def _compose(connection: Connection, file: SqlFile, stage: Stage, target: Target, role: str) -> sql.Composed:
    """The statement with the table and exactly the columns that this role could write, one column being enough.

    Where the role may read columns, but not the one that says whose row it is, rows are counted beyond its own one.
    """
    columns = sqlfiles.load("context", "columns")
    with translated(f"looking up the columns of {target.relation}"):
        rows = connection.execute(columns.statement.encode(), {"relation": target.relation, "role": role}).fetchall()
    readable = {name for name, *_, read in rows if read}
    unaimed = bool(readable) and _OWNER not in readable
    insertable = [name for name, insert, *_ in rows if insert and name in target.candidate] or list(target.candidate)
    updatable = [name for name, _, update, _ in rows if update] or [target.key]
    text = sql.SQL(file.statement)
    return text.format(
        table=target.identifier,
        insertable=sql.SQL(", ").join(map(sql.Identifier, insertable)),
        updatable=sql.SQL(", ").join(map(sql.Identifier, updatable)),
        owner=sql.Literal(stage.user_b) if unaimed else sql.Identifier(_OWNER),
        own=sql.Literal(1 if unaimed else 0),
    )


@contextmanager
def _undone(connection: Connection, what: str) -> Iterator[None]:
    with translated(what):
        connection.execute("SAVEPOINT attempt")
    yield
    with translated(what):
        connection.execute("ROLLBACK TO SAVEPOINT attempt")


def _point_at(connection: Connection, target: Target, row: Mapping[str, Any]) -> None:
    statement = sql.SQL("DECLARE pointsctl_target CURSOR FOR SELECT FROM {} WHERE {} = {} FOR UPDATE").format(
        target.identifier, sql.Identifier(target.key), sql.Literal(row[target.key])
    )
    with translated(f"aiming at a row of {target.relation}"):
        connection.execute(statement)
        found = connection.execute("FETCH pointsctl_target").rowcount
    if found != 1:
        raise PermissionMissingError(
            f"the row set up in {target.relation} cannot be seen by the connected role",
            hint="connect as a role with BYPASSRLS (on Supabase: postgres)",
        )


def _become(connection: Connection, role: str, stage: Stage) -> None:
    """Act as a request of this role would: its claims first, because a client may not set them for another role."""
    claims = {"role": role, **({"sub": str(stage.user_a)} if role == "authenticated" else {})}
    settings = {"request.jwt.claims": json.dumps(claims), "request.jwt.claim.role": role}
    settings["request.jwt.claim.sub"] = claims.get("sub", "")
    with translated(f"becoming {role}"):
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
