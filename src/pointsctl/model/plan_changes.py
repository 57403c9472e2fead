"""How the world differs from a plan: every part of its content compared with what is found now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pointsctl.model.configuration import Without
from pointsctl.model.deployment import Change
from pointsctl.model.pin import identity_text
from pointsctl.model.plan import Absent, Bundle, Content, Migration
from pointsctl.model.statement import DatabaseName

NOTHING = "nothing"
"""What stands for a part that is not there."""


@dataclass(frozen=True)
class Found:
    """What a plan's content is made of, as it is now.

    `checklist` is the digest of the file now, `checklist_read` that of the file as it was read for this command. `policy` is
    the digest of the trust in force, None before one is; `folder` that of the local trust folder, None without one, or why
    it cannot be used. `roles` are the roles that must sign what is found, `security_because` says why security is among them.
    """

    environment: str
    database: DatabaseName
    checklist: str
    checklist_read: str
    migrations: tuple[Migration, ...]
    functions: tuple[Bundle, ...] | Absent
    policy: str | None
    folder: str | None
    roles: tuple[str, ...]
    security_because: tuple[str, ...]
    without: tuple[Without, ...]


def changes_of(planned: Content, found: Found) -> tuple[Change, ...]:
    """Every part that is not as it was planned, each by its name; empty when nothing changed."""
    return (
        *_target(planned, found),
        *_different("the checklist", planned.checklist, {found.checklist, found.checklist_read}),
        *_migrations(planned.migrations, found.migrations),
        *_functions(planned.functions, found.functions),
        *_different("the approval policy in force", planned.policy, {found.policy or NOTHING}),
        *_different("the trust folder", planned.policy, {found.folder or planned.policy}),
        *_roles(planned, found),
        *_different("what is done without", _listed(planned.without), {_listed(found.without)}),
    )


def _target(planned: Content, found: Found) -> Iterator[Change]:
    if (planned.environment, planned.database) != (found.environment, found.database):
        was = identity_text(planned.environment, planned.database)
        yield Change("the target", was, identity_text(found.environment, found.database))


def _migrations(planned: Iterable[Migration], found: Iterable[Migration]) -> Iterator[Change]:
    yield from _by_name(_files(planned), _files(found))


def _files(migrations: Iterable[Migration]) -> dict[str, str]:
    """Digests by what a file is for."""
    parts: dict[str, str | None] = {}
    for one in migrations:
        parts[f"migration {one.name}"] = one.sha256
        parts[f"reverse script of {one.name}"] = one.reverse
        parts[f"verify script of {one.name}"] = one.verify
    return {name: digest for name, digest in parts.items() if digest is not None}


def _functions(planned: tuple[Bundle, ...] | Absent, found: tuple[Bundle, ...] | Absent) -> Iterator[Change]:
    # That functions are absent is what was planned, whatever the reason for it.
    yield from _by_name(_bundles(planned), _bundles(found))
    if isinstance(planned, Absent) != isinstance(found, Absent):
        yield Change("the functions", _presence(planned), _presence(found))


def _bundles(functions: tuple[Bundle, ...] | Absent) -> dict[str, str]:
    return {} if isinstance(functions, Absent) else {f"function {one.name}": one.sha256 for one in functions}


def _presence(functions: tuple[Bundle, ...] | Absent) -> str:
    return f"absent: {functions.absent}" if isinstance(functions, Absent) else f"{len(functions)} planned"


def _by_name(planned: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(planned.keys() | found.keys()):
        before, now = planned.get(name, NOTHING), found.get(name, NOTHING)
        if before != now:
            yield Change(name, before, now)


def _roles(planned: Content, found: Found) -> Iterator[Change]:
    """A plan may ask for more than must sign now: what is applied needs no review any more."""
    missing = [role for role in found.roles if role not in planned.roles]
    if missing:
        why = f" ({found.security_because[0]})" if found.security_because and "security" in missing else ""
        yield Change("the roles that must sign", _listed(planned.roles), f"{_listed(found.roles)}{why}")


def _different(what: str, planned: str, found: set[str]) -> Iterator[Change]:
    for one in sorted(found - {planned}):
        yield Change(what, planned, one)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or NOTHING
