"""Finds what a plan's content is made of: files, policy, target, and the roles that must sign for what is pending."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import StorageError
from pointsctl.files import see
from pointsctl.ledger.store import Ledger
from pointsctl.model.checklist import Checklist
from pointsctl.model.configuration import Environment
from pointsctl.model.history import History
from pointsctl.model.plan_changes import Found
from pointsctl.model.policy import PolicyError
from pointsctl.model.security_review import ROLE, review_reasons
from pointsctl.postgres.supabase_history import applied_versions
from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.function_bundles import read_functions
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.load_trust import has_trust, load_trust
from pointsctl.workflow.migration_files import MigrationFile, MigrationFiles, read_migrations

_SECONDS = 10.0


@dataclass(frozen=True)
class FoundContent:
    """What was found: the values that a plan fixes, and what only the plan's maker and the page need.

    `pending` are the names of the migrations that the database has not had; `lines` their number of lines, where known;
    `ignored` the names of files that are no migrations; `places` the files that would be deployed now: pending migrations
    with what belongs to them, and functions.
    """

    values: Found
    pending: tuple[str, ...]
    lines: Mapping[str, int]
    ignored: tuple[str, ...]
    places: tuple[Path, ...]


def find_content(loaded: Loaded, name: str, environment: Environment, ledger: Ledger, history: History) -> FoundContent:
    """What the content of a plan for the environment `name` would be now; every file is read anew.

    Raises RefusedError for files of which no plan can be made, StorageError for those that cannot be read,
    PermissionMissingError when nobody knows which migrations are pending.
    """
    files = read_migrations(loaded.directory, loaded.checklist.migrations)
    functions = read_functions(loaded.directory, loaded.checklist.functions.names)
    with ledger.table.reading("looking for pending migrations") as connection:
        applied = applied_versions(connection)
    pending = [one for one in files.migrations if one.version not in applied]
    reasons = review_reasons({one.migration.name: one.content for one in pending})
    values = Found(
        environment=name,
        database=ledger.database(),
        checklist=_digest(loaded.path),
        checklist_read=loaded.sha256,
        migrations=tuple(one.migration for one in files.migrations),
        functions=functions.bundles,
        policy=history.trust.digest if history.trust else None,
        folder=_folder(loaded.directory / loaded.checklist.approvals.trust),
        roles=_roles(loaded.checklist, reviewed=bool(reasons)),
        security_because=reasons,
        without=environment.without,
    )
    places = (*(place for one in pending for place in one.places), *functions.places)
    names = tuple(one.migration.name for one in pending)
    return FoundContent(values, names, _lines(files), files.ignored, places)


def _digest(path: Path) -> str:
    seen = see(path, TimeLimit(_SECONDS, time.monotonic), keep=False)
    if isinstance(seen, str):
        raise StorageError(f"the checklist {path.name} {seen}", hint="it was there when the command began; run again")
    return seen.sha256


def _folder(folder: Path) -> str | None:
    """The digest of the local trust folder, or why it cannot be used; None without one."""
    if not has_trust(folder):
        return None
    try:
        return load_trust(folder).digest
    except PolicyError as error:
        return f"cannot be used: {error.message}"


def _roles(checklist: Checklist, *, reviewed: bool) -> tuple[str, ...]:
    required = [role for role, one in checklist.approvals.roles.items() if one.required]
    return tuple(dict.fromkeys([*required, ROLE] if reviewed else required))


def _lines(files: MigrationFiles) -> dict[str, int]:
    counted: list[tuple[MigrationFile, int | None]] = [(one, one.lines) for one in files.migrations]
    return {one.migration.name: number for one, number in counted if number is not None}
