"""Installs the ledger where there is none, mends what a copy has lost, and says how well it is protected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pointsctl.errors import RefusedError
from pointsctl.ledger.condition import Condition, State, state_of
from pointsctl.ledger.store import Ledger
from pointsctl.model.escape import plain
from pointsctl.model.ledger import FORMAT
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.ledger_catalogue import Access, encoding, formats, is_superuser, run_script, try_guard

OWNER = "pointsctl_ledger"
_MOVE_ASIDE = (
    "look at what it holds; to keep it: CREATE SCHEMA kept; ALTER TABLE public.migration_audit SET SCHEMA kept;"
    " and drop leftover functions called migration_audit_append and migration_audit_refuse"
)


class Step(StrEnum):
    """What an installation has to do in a database."""

    INSTALL = "install"
    MEND = "mend"
    GUARD = "guard"


@dataclass(frozen=True)
class Protection:
    """One thing that keeps the ledger, and whether it is in place here; `detail` says by what, or what is missing."""

    name: str
    in_place: bool
    detail: str


def step_needed(ledger: Ledger, *, mend: bool) -> Step | None:
    """What is to be done, if anything. `mend` allows to give a copy its policies and privileges again.

    Raises RefusedError for a table that is not ours, a ledger that is damaged or newer, a database that is not in UTF-8.
    """
    with ledger.table.reading("looking at the ledger") as connection:
        state = state_of(connection)
        if state.condition is Condition.NONE:
            _require_utf8(connection)
            return Step.INSTALL
        superuser = is_superuser(connection)
    if mend and state.condition is Condition.DAMAGED and all(one.of_roles for one in state.differences):
        return Step.MEND
    require_ready(state)
    return Step.GUARD if superuser and not ledger.access().guarded else None


def require_ready(state: State) -> None:
    """Raises RefusedError for everything that is not a whole ledger of the format that this program writes."""
    if state.condition is Condition.FOREIGN:
        raise RefusedError(f"public.migration_audit is not pointsctl's ledger: {state.describe()}", hint=_MOVE_ASIDE)
    if state.condition is Condition.NEWER:
        message = f"the ledger has format {state.format}, this pointsctl writes {FORMAT}"
        raise RefusedError(message, hint="use the version of pointsctl that installed it, or a later one")
    if state.condition is Condition.DAMAGED:
        hint = "run `pointsctl ledger verify`, find out who changed it, and let a superuser undo that"
        raise RefusedError(f"the ledger is damaged: {state.describe()}", hint=hint)


def carry_out(ledger: Ledger, step: Step) -> None:
    """Do one step inside `ledger.transaction`; nothing of it is left when the transaction ends badly."""
    with ledger.table.writing("installing the ledger") as connection:
        if step is Step.INSTALL:
            for _, name in sorted(formats().items()):
                run_script(connection, name)
        run_script(connection, "protect")
        try_guard(connection)
        require_ready(state_of(connection))


def protections(access: Access) -> tuple[Protection, ...]:
    """What keeps a ledger whose table is as it was installed."""
    return (
        Protection("append-only", True, "triggers refuse UPDATE, DELETE and TRUNCATE, to superusers too"),
        Protection("one chain", True, "no two records can follow the same one"),
        Protection("clients", True, "row level security is forced; clients hold no privilege"),
        _ownership(access),
        _guard(access),
    )


def _ownership(access: Access) -> Protection:
    owner = plain(access.owner)
    if access.owner_open:
        detail = (
            f"{owner} owns it and can switch its triggers off; run `pointsctl init` as a role that may create roles"
        )
        return Protection("owner", False, detail)
    if access.members:
        return Protection("owner", False, f"members of {owner} can switch its triggers off: {_listed(access.members)}")
    detail = f"{owner} owns it, nobody can log in as that role, and nobody is a member of it"
    if access.admins and not access.guarded:
        detail = f"{detail}; who may become one: {_listed(access.admins)}"
    return Protection("owner", True, detail)


def _guard(access: Access) -> Protection:
    if access.guarded:
        return Protection("guard", True, "event triggers refuse ALTER and DROP to everybody but superusers")
    detail = "its owner and the owner of the schema public can drop it; run `pointsctl init` as a superuser to guard it"
    return Protection("guard", False, detail)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(plain, names))


def _require_utf8(connection: Connection) -> None:
    found = encoding(connection)
    if found != "UTF8":
        raise RefusedError(f"the database's encoding is {found}, the ledger needs UTF8", hint="use a database in UTF8")
