"""What a database has not had of a project's migrations: the files' bytes, read once, hashed and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pointsctl import kinds
from pointsctl.errors import RefusedError, StorageError, UsageError
from pointsctl.migration_histories.interface import History
from pointsctl.model.configuration import Migrations
from pointsctl.model.escape import plain
from pointsctl.model.migration_status import BAD, MigrationState, Standing, standings
from pointsctl.model.pending_migration import PendingMigration
from pointsctl.postgres.connection import connect
from pointsctl.workflow.migration_files import MigrationFile, read_migrations

_SHOWN = 3
_STATUS = "see everything with `pointsctl migrate status --env NAME`"


@dataclass(frozen=True)
class Pending:
    """The migrations to apply, in order; `applied` is how many the database has had, `later` how many come after those.

    `versions` are all that the history holds.
    """

    migrations: tuple[PendingMigration, ...]
    applied: int
    later: int = 0
    versions: frozenset[str] = frozenset()


def read_pending(
    directory: Path, settings: Migrations, url: str, *, to: str | None = None, include_all: bool = False
) -> Pending:
    """What the database at `url` has not had of the project in `directory` (the checklist's folder), up to the version `to`.

    With `include_all` also what is older than the newest that is applied. Raises RefusedError for files of which a push would
    do something else than they say, for applied ones that have changed or are gone, and for a history that pointsctl only
    reads; UsageError for an unknown version; StorageError, PermissionMissingError, and what connecting raises.
    """
    history: History = kinds.load("migration_histories", settings.history).open(directory, settings)
    if not history.applies:
        message = f"the history {settings.history!r} is only read; who applies its migrations is the tool that keeps it"
        raise RefusedError(message, hint="apply with that tool, then record it: see docs/migrations.md")
    files = {one.version: one for one in read_migrations(directory, settings).migrations}
    with closing(connect(url)) as connection:
        found = standings(history.project(), history.applied(connection))
    _refuse_bad(found, include_all=include_all)
    waiting = [one.version for one in found if one.applied is False]
    if to is not None and to not in files:
        raise UsageError(f"no migration has the version {plain(to, 80)}", hint=_STATUS)
    wanted = [version for version in waiting if to is None or version <= to]
    read = tuple(_read(files, version) for version in wanted)
    versions = frozenset(one.version for one in found if one.row is not None)
    return Pending(read, sum(one.applied is True for one in found), len(waiting) - len(wanted), versions)


def _refuse_bad(found: Iterable[Standing], *, include_all: bool) -> None:
    accepted = {MigrationState.OUT_OF_ORDER} if include_all else set()
    unknown = [one for one in found if one.state is MigrationState.UNKNOWN and one.applied is None]
    bad = [one for one in found if one.state in BAD - accepted] + unknown
    if not bad:
        return
    told = [f"{plain(one.version, 40)} {plain(one.name, 80)} is {one.state.value}" for one in bad[:_SHOWN]]
    more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    only = all(one.state is MigrationState.OUT_OF_ORDER for one in bad)
    hint = f"{_STATUS}; to apply older ones all the same: --include-all" if only else _STATUS
    raise RefusedError(f"nothing can be applied: {'; '.join(told)}{more}", hint=hint)


def _read(files: dict[str, MigrationFile], version: str) -> PendingMigration:
    file = files.get(version)
    if file is None:
        raise RefusedError(f"the file of {plain(version, 80)} was added while the files were read", hint="run again")
    content = file.content if file.content is not None else _large(file)
    return PendingMigration(file.migration, version, content)


def _large(file: MigrationFile) -> bytes:
    """The content of a file that is too large to be kept by whoever only lists it."""
    place = file.places[0]
    try:
        content = place.read_bytes()
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"{plain(place.name, 200)} cannot be read: {reason}", hint="see its permissions") from None
    if hashlib.sha256(content).hexdigest() != file.migration.sha256:
        raise RefusedError(f"{plain(place.name, 200)} was changed while it was read", hint="run again")
    return content
