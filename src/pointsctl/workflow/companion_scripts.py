"""Use case: what undoes a migration and what verifies it, read once, with the digests that the plan holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import RefusedError
from pointsctl.model.configuration import Migrations
from pointsctl.model.escape import plain
from pointsctl.model.migration_segments import obstacles
from pointsctl.model.plan import Migration
from pointsctl.model.sql_statements import SqlScript, split
from pointsctl.workflow.migration_files import VERIFY_SUFFIX, read_file


@dataclass(frozen=True)
class Companions:
    """The scripts that belong to a migration; None where there is none."""

    reverse: SqlScript | None
    verify: SqlScript | None


def read_companions(directory: Path, settings: Migrations, migrations: Sequence[Migration]) -> tuple[Companions, ...]:
    """The scripts of each migration, whose bytes are those that its digests name. `directory` is the checklist's folder.

    Raises RefusedError for bytes that were changed meanwhile, and for a reverse script that cannot be applied as it stands.
    """
    folder = directory / settings.reverse_directory
    return tuple(_companions(folder, one) for one in migrations)


def _companions(folder: Path, migration: Migration) -> Companions:
    verify = f"{migration.name.removesuffix('.sql')}{VERIFY_SUFFIX}"
    reverse = _script(folder / migration.name, migration.reverse)
    for obstacle in obstacles(reverse) if reverse else ():
        message = f"the reverse script {plain(migration.name, 200)}, line {obstacle.line}: {obstacle.why}"
        raise RefusedError(message, hint=obstacle.hint)
    return Companions(reverse, _script(folder / verify, migration.verify))


def _script(place: Path, sha256: str | None) -> SqlScript | None:
    if sha256 is None:
        return None
    seen = read_file(place, keep=True)
    if seen is None or seen.sha256 != sha256 or len(seen.content) != seen.size:
        found = "is gone" if seen is None else "was changed" if seen.sha256 != sha256 else "is too large to be run"
        message = f"{plain(place.name, 200)} in {plain(str(place.parent), 200)} {found} since it was read first"
        raise RefusedError(message, hint="run again when nobody changes the files")
    return split(seen.content)
