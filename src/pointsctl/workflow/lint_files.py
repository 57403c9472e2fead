"""Reads the files that `migrate lint` looks at: those named, or the project's migrations with what undoes and verifies them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import UsageError
from pointsctl.model.configuration import Migrations
from pointsctl.model.lint import Role, SourceFile
from pointsctl.model.problems import shown
from pointsctl.sql_folder import content_of

_SQL = ".sql"
_VERIFY = ".verify.sql"


@dataclass(frozen=True)
class Places:
    """Where the project's files are: the checklist's folder, and the settings that name the others."""

    directory: Path
    settings: Migrations

    @property
    def reverse(self) -> Path:
        """The folder of what undoes and verifies."""
        return self.directory / self.settings.reverse_directory


def named_files(places: Places, files: Sequence[Path]) -> tuple[SourceFile, ...]:
    """The files that were named, each once. Raises UsageError for one that is not there, RefusedError for a link, StorageError."""
    for file in files:
        if not os.path.lexists(file):
            raise UsageError(f"no file {shown(str(file), 200)}", hint="name a file that is there")
    return tuple(_read(places, file, _role(places, file)) for file in dict.fromkeys(map(Path.absolute, files)))


def project_files(places: Places, migrations: Iterable[str]) -> tuple[SourceFile, ...]:
    """These migrations (relative to the checklist's folder) and what belongs to them. Raises RefusedError, StorageError."""
    return tuple(file for place in migrations for file in _with_companions(places, place))


def _with_companions(places: Places, place: str) -> Iterator[SourceFile]:
    if not place.endswith(_SQL):
        return
    file = places.directory / place
    yield _read(places, file, Role.MIGRATION)
    reverse, verify = places.reverse / file.name, places.reverse / f"{file.name.removesuffix(_SQL)}{_VERIFY}"
    for companion, role in ((reverse, Role.REVERSE), (verify, Role.VERIFY)):
        if os.path.lexists(companion):
            yield _read(places, companion, role)


def _role(places: Places, file: Path) -> Role:
    if file.name.endswith(_VERIFY):
        return Role.VERIFY
    return Role.REVERSE if file.parent == places.reverse.absolute() else Role.MIGRATION


def _read(places: Places, file: Path, role: Role) -> SourceFile:
    return SourceFile(_relative(places, file), content_of(file), role)


def _relative(places: Places, file: Path) -> str:
    top = places.directory.absolute()
    return file.absolute().relative_to(top).as_posix() if file.absolute().is_relative_to(top) else file.as_posix()
