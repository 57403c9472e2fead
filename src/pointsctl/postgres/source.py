"""Whether a role sees all of a database, so that a dump by it holds everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from pointsctl.errors import PermissionMissingError, RefusedError
from pointsctl.model.configuration import LeftOut
from pointsctl.model.escape import plain
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.deployment_lock import refuse_other_work
from pointsctl.postgres.failures import translated
from pointsctl.postgres.identity import identify
from pointsctl.postgres.pins import pin
from pointsctl.postgres.pooler import refuse_transaction_pooler
from pointsctl.postgres.relations import Relation, query, relations

_NAMED = 5
_LARGE_OBJECTS = (
    "back up as a superuser, or as their owner; or GRANT SELECT ON LARGE OBJECT ... TO the role for each of them"
)
_ROLE = "back up as a role that sees everything: a superuser, or one with BYPASSRLS and pg_read_all_data (on Supabase: postgres)"
_STATEMENT_TIMEOUT_MS = 60_000


def refuse_source(url: str, left_out: LeftOut) -> None:
    """Look whether a dump through `url` would hold everything but `left_out`.

    Raises RefusedError (a pooler in transaction mode; a role that row level security filters; another dump or migration),
    PermissionMissingError (something that it may not read), and pointsctl's errors of connections.
    """
    with closing(connect(url)) as connection, translated("looking at what the role sees"):
        refuse_transaction_pooler(connection, url)
        refuse_other_work(connection)
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        pin(connection)
        connection.execute("SELECT set_config('statement_timeout', %s, true)", (str(_STATEMENT_TIMEOUT_MS),))
        refuse_partial_view(connection, relations(connection, left_out))


def refuse_partial_view(connection: Connection, found: Sequence[Relation]) -> None:
    """The same over relations that were looked up already; raises psycopg.Error besides."""
    here = identify(connection)
    role = plain(here.role, 80)
    filtered = [f"table {one.shown}" for one in found if one.filtered]
    if filtered:
        message = (
            f"row level security hides rows from the role {role!r} in {_told(filtered)}: the backup would lack them"
        )
        raise RefusedError(message, hint=_ROLE)
    unlogged = [f"table {one.shown}" for one in found if one.unlogged and one.kind == "r"]
    if here.in_recovery and unlogged:
        message = f"a standby has no rows of unlogged tables, and the source has {_told(unlogged)}"
        raise RefusedError(message, hint="back up from the primary")
    closed = sorted({f"schema {one.in_schema}" for one in found if one.kind in "rpS" and not one.schema_usable})
    unreadable = [f"{_KINDS[one.kind]} {one.shown}" for one in found if not one.readable]
    hidden = [f"large object {oid}" for (oid,) in query(connection, "hidden-large-objects")]
    if missing := [*closed, *unreadable, *hidden]:
        hint = _ROLE if closed or unreadable else _LARGE_OBJECTS
        raise PermissionMissingError(f"the role {role!r} may not read {_told(missing)}", hint=hint)


_KINDS = {"r": "table", "p": "table", "S": "sequence"}


def _told(names: Iterable[str]) -> str:
    shown = [plain(name, 160) for name in names]
    more = len(shown) - _NAMED
    return ", ".join(shown[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
