"""Every environment looked at concurrently: reachable, as whom, how far, and whether two of them are one database."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pointsctl.errors import PointsctlError, TookTooLongError, ToolMissingError
from pointsctl.model.configuration import Environment
from pointsctl.postgres.client_tools import ClientTool
from pointsctl.postgres.dump_tools import pg_dump_for
from pointsctl.postgres.reachability import Reached, reach
from pointsctl.workflow.doctor_result import DoctorCheck, Status

CONNECT_SECONDS = 5
_ALL_SECONDS = 12.0
"""How long all environments together may take: a host with several dead addresses, or a server that stops in mid-answer."""


@dataclass(frozen=True)
class Target:
    """An environment to look at; `built_in` for the sandbox's."""

    name: str
    environment: Environment
    built_in: bool = False


Looks = Mapping[str, Reached | PointsctlError]


def look_at(targets: Sequence[Target], monotonic: Callable[[], float]) -> Looks:
    """Connect to all at once. Never raises: what went wrong with one is its result."""
    results: dict[str, Reached | PointsctlError] = {}

    def look(target: Target) -> None:
        try:
            results[target.name] = reach(
                target.environment.database_url, connect_timeout=CONNECT_SECONDS, monotonic=monotonic
            )
        except PointsctlError as error:
            results[target.name] = error

    # Daemons, so that one that hangs in the network keeps neither the others nor the end of the program waiting.
    threads = [
        threading.Thread(target=look, args=(target,), daemon=True, name=f"doctor-{target.name}") for target in targets
    ]
    for thread in threads:
        thread.start()
    deadline = monotonic() + _ALL_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
    silent = TookTooLongError(
        "no answer within the time limit", hint="check the address, and what is between here and there"
    )
    return {target.name: results.get(target.name, silent) for target in targets}


def environment_checks(
    target: Target, seen: Reached | PointsctlError, tools: Sequence[ClientTool]
) -> Iterator[DoctorCheck]:
    """Everything about one environment."""
    prefix = f"environment.{target.name}"
    yield from _variables(prefix, target)
    if isinstance(seen, PointsctlError):
        yield DoctorCheck(f"{prefix}.reachable", Status.ERROR, seen.message, seen.hint)
        return
    version = f"PostgreSQL {_version(seen.identity.server_version)}"
    yield DoctorCheck(
        f"{prefix}.reachable", Status.OK, f"{seen.address}, {version}, {seen.latency_ms:.1f} ms a round trip"
    )
    yield _identity(prefix, seen)
    yield _role(prefix, seen)
    yield _encryption(prefix, seen)
    yield from _in_between(prefix, seen)
    yield _dump(prefix, seen, tools)
    yield _protection(prefix, target)


def distinct_check(targets: Sequence[Target], looks: Looks) -> DoctorCheck | None:
    """Whether declared environments are different databases, by identity and never by the text of a URL."""
    declared = [target.name for target in targets if not target.built_in]
    if len(declared) < 2:
        return None
    id_ = "environments.distinct"
    known = {name: seen for name in declared if isinstance(seen := looks[name], Reached) and _key(seen)}
    alike = [pair for pair in itertools.combinations(known, 2) if _key(known[pair[0]]) == _key(known[pair[1]])]
    same = [pair for pair in alike if known[pair[0]].identity.same_database(known[pair[1]].identity)]
    if same:
        fix = "correct one database_url; what is shown on a database proves nothing about itself"
        return DoctorCheck(id_, Status.FAILED, f"one and the same database: {_pairs(same)}", fix)
    if alike:
        fix = "make sure that neither is the other's read replica"
        return DoctorCheck(id_, Status.WARNING, f"physical copies of each other: {_pairs(alike)}", fix)
    unknown = [name for name in declared if name not in known]
    if unknown:
        fix = "make their databases reachable, then look again"
        return DoctorCheck(id_, Status.WARNING, f"not compared: {', '.join(unknown)}", fix)
    return DoctorCheck(id_, Status.OK, f"{len(known)} environments, {len(known)} databases")


def unset_check(name: str, lines: Sequence[str], *, asked_for: bool) -> DoctorCheck:
    """An environment whose variables are not set; it matters when it was asked for."""
    status = Status.ERROR if asked_for else Status.WARNING
    fix = "set it in the shell or CI job that runs pointsctl; secrets never stand in the file"
    return DoctorCheck(f"environment.{name}.variables", status, "; ".join(lines), fix)


def _variables(prefix: str, target: Target) -> Iterator[DoctorCheck]:
    variables = target.environment.variables
    empty = [name for name, value in variables.items() if not value]
    if empty:
        fix = "set them in the shell or CI job that runs pointsctl"
        yield DoctorCheck(f"{prefix}.variables", Status.WARNING, f"not set: {', '.join(empty)}", fix)
    elif variables:
        yield DoctorCheck(f"{prefix}.variables", Status.OK, f"{len(variables)} set")


def _identity(prefix: str, seen: Reached) -> DoctorCheck:
    identity = seen.identity
    if identity.system_identifier is None:
        fix = f"GRANT EXECUTE ON FUNCTION pg_control_system() TO {identity.role}"
        return DoctorCheck(
            f"{prefix}.identity", Status.WARNING, "the role may not read the server's system identifier", fix
        )
    return DoctorCheck(
        f"{prefix}.identity",
        Status.OK,
        f"system {identity.system_identifier}, database {identity.database} ({identity.database_oid})",
    )


def _role(prefix: str, seen: Reached) -> DoctorCheck:
    role = seen.identity.role
    if seen.superuser:
        fix = "use a role with BYPASSRLS that is no superuser (on Supabase: postgres)"
        return DoctorCheck(f"{prefix}.role", Status.WARNING, f"{role} is a superuser: a mistake has no limits", fix)
    if not seen.bypasses_row_security:
        fix = f"connect as a role that sees every row (on Supabase: postgres), or ALTER ROLE {role} BYPASSRLS"
        return DoctorCheck(
            f"{prefix}.role", Status.FAILED, f"{role} has no BYPASSRLS: audits and backups would miss rows", fix
        )
    return DoctorCheck(f"{prefix}.role", Status.OK, f"{role}, BYPASSRLS, no superuser")


def _encryption(prefix: str, seen: Reached) -> DoctorCheck:
    if seen.encrypted or seen.local:
        found = "encrypted" if seen.encrypted else "not encrypted, and on this machine"
        return DoctorCheck(f"{prefix}.tls", Status.OK, found)
    fix = "add ?sslmode=verify-full&sslrootcert=... (or at least sslmode=require) to database_url"
    return DoctorCheck(f"{prefix}.tls", Status.WARNING, "not encrypted", fix)


def _in_between(prefix: str, seen: Reached) -> Iterator[DoctorCheck]:
    if seen.pooled:
        fix = "use the direct address (on Supabase: port 5432), because a pooler can drop what a backup holds open"
        yield DoctorCheck(f"{prefix}.pooler", Status.WARNING, "a connection pooler is in between", fix)
    if seen.identity.in_recovery:
        yield DoctorCheck(
            f"{prefix}.replica", Status.FAILED, "a read replica", "set database_url to the primary server"
        )


def _dump(prefix: str, seen: Reached, tools: Sequence[ClientTool]) -> DoctorCheck:
    id_ = f"{prefix}.pg_dump"
    server = seen.identity.server_version // 10_000
    try:
        tool = pg_dump_for(server, tools, encrypted=seen.encrypted)
    except ToolMissingError as error:
        return DoctorCheck(id_, Status.ERROR, error.message, error.hint)
    return DoctorCheck(id_, Status.OK, f"{tool.version} for the server's {server}")


def _protection(prefix: str, target: Target) -> DoctorCheck:
    protected = target.environment.protected
    if not protected and target.name.startswith("prod"):
        fix = "set `protected: true`, so that changing it asks for its name"
        return DoctorCheck(f"{prefix}.protected", Status.WARNING, "not protected", fix)
    return DoctorCheck(f"{prefix}.protected", Status.OK, "protected" if protected else "not protected")


def _key(seen: Reached) -> tuple[str, int] | None:
    system = seen.identity.system_identifier
    return None if system is None else (system, seen.identity.database_oid)


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"{one} and {other}" for one, other in pairs)


def _version(number: int) -> str:
    return f"{number // 10_000}.{number % 10_000}"
