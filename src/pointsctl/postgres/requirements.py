"""Asserts, before a statement is asked, that what it is about exists and that its rows are not hidden from the asking role."""

from __future__ import annotations

from collections.abc import Sequence

from pointsctl.errors import ContextMissingError, CouldNotLookError, PermissionMissingError, UsageError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated
from pointsctl.postgres.sqlfiles import Requirement

_SHOWN = 5
_NOUNS = {"unfiltered": "table"}
"""What a requirement is about, where its own word only means something to those who write audits."""


def assert_context(connection: Connection, requirements: Sequence[Requirement]) -> None:
    """Raise unless every requirement holds; all are looked up in one query.

    ContextMissingError names what does not exist, or the tables of which this role sees only some rows;
    PermissionMissingError the tables that it may not read. Without this, a role that sees nothing would find nothing.
    """
    if not requirements:
        return
    statement = sqlfiles.load("context", "requirements").statement
    pairs = {"kinds": [one.kind for one in requirements], "names": [one.name for one in requirements]}
    _refuse_malformed(requirements)
    with translated("looking up what the question is about"):
        unmet = connection.execute(statement.encode(), pairs).fetchall()
    if unmet:
        raise _error(unmet)


def assert_unchanged(connection: Connection, requirements: Sequence[Requirement]) -> None:
    """Raise CouldNotLookError when a table of which all rows were wanted was emptied or rewritten since the snapshot.

    Such a table looks empty to older snapshots (PostgreSQL's manual, "Caveats" of concurrency control). To be asked after
    the statement, whose lock then keeps it from happening later.
    """
    names = [one.name for one in requirements if one.kind == "unfiltered"]
    if not names:
        return
    statement = sqlfiles.load("context", "rewritten").statement
    with translated("looking whether the tables are still what they were"):
        changed = connection.execute(statement.encode(), {"names": names}).fetchall()
    if changed:
        raise CouldNotLookError(
            f"emptied, rewritten or dropped while the run was looking: {_listed([name for (name,) in changed])}",
            hint="run again when nobody alters the tables",
        )


def _refuse_malformed(requirements: Sequence[Requirement]) -> None:
    parts = {"table": 2, "unfiltered": 2, "column": 3}
    for one in requirements:
        wanted = parts.get(one.kind, 0)
        if wanted and one.name.count(".") < wanted - 1:
            example = "public.coupons" if wanted == 2 else "public.coupons.code_hash"
            raise UsageError(f"{one.kind} {one.name!r} is not a full name", hint=f"write it like {example}")


def _error(unmet: Sequence[tuple[str, ...]]) -> ContextMissingError | PermissionMissingError:
    role = unmet[0][3]
    missing = [f"{_NOUNS.get(kind, kind)} {name}" for kind, name, problem, _ in unmet if problem == "missing"]
    hidden = [name for _, name, problem, _ in unmet if problem == "hidden"]
    if missing:
        return ContextMissingError(
            f"not in this database: {_listed(missing)} (asked as {role})",
            hint="apply the migrations here first, correct the database_url, or leave the audit out where names differ",
        )
    if hidden:
        return ContextMissingError(
            f"row level security hides rows of {_listed(hidden)} from {role}",
            hint="connect as a role with BYPASSRLS (on Supabase: postgres); a part of the rows proves nothing",
        )
    return PermissionMissingError(
        f"{role} may not read {_listed([name for _, name, _, _ in unmet])}",
        hint="connect as a role that may read it (on Supabase: postgres), or grant SELECT",
    )


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
