"""The roles that a database's objects name: read at the source, made anew in a server that holds nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pydantic
from psycopg import sql
from pydantic import ConfigDict

from pointsctl.errors import RefusedError
from pointsctl.model.escape import plain
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated

_FOLDER = "backup"
_OPTIONS_SINCE = 160000
_SHOWN = 10


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Membership(_Strict):
    """That a role belongs to the group `role`: whether it may let others in, has the group's rights, may become the group."""

    role: str
    admin: bool
    inherit: bool
    set: bool


class Role(_Strict):
    """A role as the source has it, without its password and without whether it may log in.

    `bootstrap` is the superuser that initdb made; `owns_database` says whether the database itself is this role's, `named`
    whether anything in it names the role (the others are groups of those that are named), `owns_objects` whether anything in
    it is the role's (of what the superuser of initdb owns, the server keeps no list).
    """

    name: str
    bootstrap: bool
    owns_database: bool
    named: bool
    owns_objects: bool
    superuser: bool
    bypassrls: bool
    createdb: bool
    createrole: bool
    inherit: bool
    replication: bool
    member_of: tuple[Membership, ...] = ()

    @property
    def predefined(self) -> bool:
        """Whether the server brings it along; nobody else may make a role of such a name."""
        return self.name.startswith("pg_")


def read_roles(connection: Connection) -> tuple[Role, ...]:
    """Every role that the database's objects name (owners, grantees, policies, default privileges), with their groups."""
    with translated("reading the database's roles"):
        rows = connection.execute(sqlfiles.load(_FOLDER, "roles").statement.encode(), {}).fetchall()
        names = [row[0] for row in rows]
        statement = sqlfiles.load(_FOLDER, "memberships").statement.encode()
        memberships = connection.execute(statement, {"roles": names}).fetchall()
    groups: dict[str, list[Membership]] = {}
    for group, member, admin, inherit, may_set in memberships:
        groups.setdefault(member, []).append(Membership(role=group, admin=admin, inherit=inherit, set=may_set))
    return tuple(_role(row, tuple(groups.get(row[0], ()))) for row in rows)


def bootstrap_of(roles: Iterable[Role]) -> str | None:
    """The name of the superuser that initdb made at the source, if it is among them."""
    return next((role.name for role in roles if role.bootstrap), None)


def owner_of_database(roles: Iterable[Role]) -> str | None:
    """The name of the role that the database itself belongs to, if it is among them."""
    return next((role.name for role in roles if role.owns_database), None)


def create_roles(connection: Connection, roles: Sequence[Role]) -> None:
    """Make the roles in a server that is thrown away with the copy; nobody can log in as one of them.

    Those that exist keep their attributes. Raises RefusedError naming predefined roles that this server does not know.
    """
    existing = _existing(connection)
    unknown = [role.name for role in roles if role.predefined and role.name not in existing]
    if unknown:
        raise RefusedError(
            f"this server does not know the predefined roles {_listed(unknown)} that the backup names",
            hint="restore into a server of the major version that the backup was taken of",
        )
    with translated("making the roles of the copy"), connection.transaction():
        for role in roles:
            if role.name not in existing:
                connection.execute(_creation(role))
        for role in roles:
            for membership in role.member_of:
                connection.execute(_grant(role, membership, connection.info.server_version))


def require_roles(connection: Connection, roles: Sequence[Role]) -> None:
    """Raises RefusedError naming the roles that this server lacks, or that the connection's own role may not act as.

    For a server that others use too, where nothing but the scratch database is made.
    """
    # A group that nothing in the database names decides who may do what at the source, and is no part of the copy.
    wanted = [role.name for role in roles if role.named and not role.bootstrap]
    with translated("looking for the roles of the copy"):
        rows = connection.execute(
            sqlfiles.load(_FOLDER, "usable-roles").statement.encode(), {"roles": wanted}
        ).fetchall()
    usable: dict[str, bool] = dict(rows)
    missing = [name for name in wanted if name not in usable]
    if missing:
        raise RefusedError(
            f"the scratch server lacks the roles {_listed(missing)} that the backup names",
            hint="create them there, or set `backup.restore_into` to `ephemeral`",
        )
    beyond = [role.name for role in roles if role.owns_objects and not usable.get(role.name, True)]
    if beyond:
        raise RefusedError(
            f"the scratch server does not let {connection.info.user!r} act as {_listed(beyond)}, who own objects of the backup",
            hint="make it a member of them there, or set `backup.restore_into` to `ephemeral`",
        )


def _existing(connection: Connection) -> set[str]:
    with translated("reading the roles of the copy's server"):
        return {row[0] for row in connection.execute("SELECT rolname::text FROM pg_catalog.pg_roles").fetchall()}


def _role(row: Sequence[object], groups: tuple[Membership, ...]) -> Role:
    fields = [name for name in Role.model_fields if name != "member_of"]
    return Role.model_validate({**dict(zip(fields, row, strict=True)), "member_of": groups})


def _creation(role: Role) -> sql.Composed:
    attributes = ("superuser", "bypassrls", "createdb", "createrole", "inherit", "replication")
    words = " ".join(name if getattr(role, name) else f"no{name}" for name in attributes)
    return sql.SQL("create role {} nologin ").format(sql.Identifier(role.name)) + sql.SQL(words.upper())


def _grant(role: Role, membership: Membership, server_version: int) -> sql.Composed:
    statement = sql.SQL("grant {} to {}").format(sql.Identifier(membership.role), sql.Identifier(role.name))
    if server_version >= _OPTIONS_SINCE:
        given = {"admin": membership.admin, "inherit": membership.inherit, "set": membership.set}
        options = ", ".join(f"{name} {'true' if on else 'false'}" for name, on in given.items())
        return statement + sql.SQL(f" with {options}")
    return statement + sql.SQL(" with admin option" if membership.admin else "")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(plain(name, 100)) for name in sorted(names)[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
