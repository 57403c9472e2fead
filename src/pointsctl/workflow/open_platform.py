"""Use case: the platform of an environment's functions, and the proof that its project works with the environment's database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pointsctl import kinds
from pointsctl.errors import RefusedError
from pointsctl.function_platforms.interface import Platform, ProjectDatabase
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.function_project import project_of
from pointsctl.model.function_records import RecordedFunction
from pointsctl.model.function_state import is_known_project
from pointsctl.postgres.identity import Identity
from pointsctl.workflow.backup_request import BackupRequest

Identified = Literal["database", "ledger", "person"]
"""How it is known that a project is the environment's."""


@dataclass(frozen=True)
class OpenedPlatform:
    """The platform of the kind `kind`, for the environment's `project`."""

    platform: Platform
    kind: str
    project: str


def open_platform(request: BackupRequest) -> OpenedPlatform:
    """The platform that the checklist configures; nothing is looked at yet. Raises UsageError, RefusedError."""
    settings = request.loaded.checklist.functions
    project = project_of(request.loaded.checklist, request.name, request.environment)
    kind = request.environment.functions_platform or settings.platform
    opener: type[Platform] = kinds.load("function_platforms", kind)
    return OpenedPlatform(opener.open(settings, project, request.variables, request.loaded.directory), kind, project)


def identify_project(
    opened: OpenedPlatform,
    target: Identity,
    recorded: Sequence[RecordedFunction],
    said: str | None,
    cancellation: Cancellation,
) -> Identified:
    """How it is known that the project works with the database `target`: by that database's identity, whatever URLs say.

    Where the platform does not let it be asked: pointsctl has deployed to the very project before, or a person names it
    (`said`). Raises RefusedError for another database, another name, and when nobody knows.
    """
    project = plain(opened.project, 60)
    if said is not None and said != opened.project:
        message = f"--project names {plain(said, 60)!r}, the environment's is {project!r}"
        raise RefusedError(message, hint="see `functions.project` and the environment's `functions_project`")
    found = opened.platform.database(cancellation)
    if found is not None:
        _require_same(project, found, target)
        return "database"
    if is_known_project(recorded, opened.project):
        return "ledger"
    if said is not None:
        return "person"
    raise RefusedError(
        f"nobody can tell whether project {project!r} works with the database {target.database!r}: the platform does not "
        "let it be asked, and nothing was deployed there before",
        hint=f"see for yourself, then say so once, with `pointsctl deploy` or `pointsctl functions deploy`: --project {project}",
    )


def _require_same(project: str, found: ProjectDatabase, target: Identity) -> None:
    hidden = None in {found.system_identifier, target.system_identifier}
    same_cluster = hidden or found.system_identifier == target.system_identifier
    # A copy of a server has its identifier too; what tells them apart is when each was started.
    same_server = same_cluster and found.server_started_at == target.server_started_at
    if same_server and found.database_oid == target.database_oid:
        return
    raise RefusedError(
        f"project {project!r} works with {_told(found.system_identifier, found.database_oid, found.database)}, the "
        f"environment's database is {_told(target.system_identifier, target.database_oid, target.database)}",
        hint="correct the project or the environment's `database_url`; functions of one would write into the other",
    )


def _told(system: str | None, oid: int, database: str) -> str:
    return f"{plain(database, 60)!r} (oid {oid} of server {system or 'unknown'})"
