"""Reads the migration files beside the checklist, what undoes and verifies them, and refuses what could not be deployed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pointsctl.errors import RefusedError, StorageError
from pointsctl.files import MAX_CONTENT_BYTES, FileSeen, see
from pointsctl.model.configuration import Migrations
from pointsctl.model.plan import Migration
from pointsctl.model.problems import shown
from pointsctl.workflow.cancellation import TimeLimit

_SECONDS = 60.0
_NAME = re.compile(r"([0-9]+)_.*\.sql")
_REVERSE_SUFFIX = ".down.sql"
VERIFY_SUFFIX = ".verify.sql"


@dataclass(frozen=True)
class MigrationFile:
    """A migration file with what belongs to it. `content` is None when it is too large to be kept; `places` are all its files."""

    migration: Migration
    version: str
    content: bytes | None = field(repr=False)
    places: tuple[Path, ...]

    @property
    def lines(self) -> int | None:
        """How many lines it has, None when that is not known."""
        return None if self.content is None else len(self.content.splitlines())


@dataclass(frozen=True)
class MigrationFiles:
    """The migrations in the order in which they are applied; `ignored` are the names of files that are no migrations."""

    migrations: tuple[MigrationFile, ...]
    ignored: tuple[str, ...] = ()


def read_migrations(directory: Path, settings: Migrations) -> MigrationFiles:
    """The migration files; `directory` is the checklist's folder, against which the settings' folders count.

    A migration is `<digits>_<name>.sql`, as the Supabase CLI has it. In the reverse folder, a file of the same name undoes it
    and `<digits>_<name>.verify.sql` verifies it. Raises RefusedError for links, for two files with one version and for a
    `.down.sql` that would be applied forwards, StorageError when something cannot be read. No folder means no migrations.
    """
    folder, reverse = directory / settings.directory, directory / settings.reverse_directory
    names = _names(folder)
    wanted = [name for name in names if _NAME.fullmatch(name)]
    _refuse_undeployable(folder, names, wanted)
    read = [_read(folder, reverse, name) for name in wanted]
    return MigrationFiles(tuple(read), tuple(name for name in names if name not in wanted))


def read_file(place: Path, *, keep: bool = False) -> FileSeen | None:
    """A regular file that is no link, None when there is none. Raises RefusedError for anything else, StorageError."""
    if place.is_symlink():
        message = f"{shown(place.name, 200)} is a link; expected the file itself"
        raise RefusedError(message, hint=f"put the file into {shown(str(place.parent), 200)}")
    seen = see(place, TimeLimit(_SECONDS, time.monotonic), keep=keep)
    if seen == "does not exist":
        return None
    if isinstance(seen, str):
        raise RefusedError(f"{shown(place.name, 200)} {seen}; expected a regular file", hint="move it away")
    return seen


def _names(folder: Path) -> list[str]:
    try:
        return sorted(place.name for place in folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"the folder {folder} cannot be read: {reason}", hint="correct `migrations`") from None


def _refuse_undeployable(folder: Path, names: Iterable[str], wanted: Iterable[str]) -> None:
    for name in names:
        if name.lower().endswith(_REVERSE_SUFFIX):
            message = f"{shown(name, 200)} is beside the migrations, where a push applies it forwards"
            raise RefusedError(message, hint="move it into `migrations.reverse_directory`, named as what it undoes")
    first: dict[str, str] = {}
    for name in wanted:
        if not name.isprintable():
            raise RefusedError(f"{shown(name, 200)} is no name for a migration", hint="rename it")
        other = first.setdefault(name.partition("_")[0], name)
        if other != name:
            message = f"{shown(other, 200)} and {shown(name, 200)} have one version, so that a push fails half-way"
            raise RefusedError(message, hint=f"give one of them another version in {shown(str(folder), 200)}")


def _read(folder: Path, reverse: Path, name: str) -> MigrationFile:
    place, undo = folder / name, reverse / name
    verify = reverse / f"{name.removesuffix('.sql')}{VERIFY_SUFFIX}"
    seen = _seen(place)
    if seen is None:
        raise StorageError(f"{shown(name, 200)} was removed while it was read", hint="run again")
    undone, verified = read_file(undo), read_file(verify)
    migration = Migration(
        name=name,
        sha256=seen.sha256,
        reverse=undone.sha256 if undone else None,
        verify=verified.sha256 if verified else None,
    )
    places = (place, *(one.place for one in (undone, verified) if one))
    content = seen.content if seen.size == len(seen.content) else None
    return MigrationFile(migration, name.partition("_")[0], content, places)


def _seen(place: Path) -> FileSeen | None:
    """The file with its content, if that can be kept."""
    seen = read_file(place)
    return read_file(place, keep=True) if seen is not None and seen.size <= MAX_CONTENT_BYTES else seen
