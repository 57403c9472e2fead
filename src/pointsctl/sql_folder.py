"""The SQL migrations in a folder as values: names, digests, statements; what is wrong with one is told and not raised."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from pointsctl.errors import RefusedError, StorageError
from pointsctl.model.problems import shown
from pointsctl.model.project_files import Project, ProjectFile
from pointsctl.model.sql_statements import SqlScript, split

_NAME = re.compile(r"(?P<version>[0-9]+)_(?P<name>.*)\.sql", re.DOTALL)
_REVERSE_SUFFIX = ".down.sql"
_NAMED = 3

DigestOf = Callable[[str, tuple[str, ...]], str | None]
"""What a history's row must hold of a file, from the SHA-256 of its bytes and from its statements; None for nothing."""


def sql_project(directory: Path, folder: str, digest: DigestOf) -> Project:
    """The migrations `<digits>_<name>.sql` of `folder`, which counts against `directory`; no folder means none.

    Raises StorageError for what cannot be read, RefusedError for a link.
    """
    names = file_names(directory / folder)
    wanted = {name: found for name in names if (found := _NAME.fullmatch(name))}
    reverse = [name for name in names if name.lower().endswith(_REVERSE_SUFFIX)]

    def read(chosen: Iterable[str]) -> tuple[ProjectFile, ...]:
        return tuple(_file(directory, f"{folder}/{name}", wanted.get(name), digest) for name in chosen)

    files = read(name for name in wanted if name not in reverse)
    others = tuple(f"{folder}/{name}" for name in names if name not in wanted and name not in reverse)
    return Project(files, read(reverse), others)


def file_names(folder: Path) -> list[str]:
    """The names of what is in the folder, sorted; a folder that does not exist is an empty one. Raises StorageError."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  (names alone, of which there may be thousands)
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"the folder {folder} cannot be read: {reason}", hint="correct `migrations`") from None


def content_of(place: Path) -> bytes:
    """The bytes of a regular file. Raises RefusedError for a link and for what is no file, StorageError."""
    try:
        # Without O_NONBLOCK a pipe that nobody writes to would be waited for.
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return file.read()
    except OSError as error:
        if place.is_symlink():
            message = f"{shown(place.name, 200)} is a link; expected the file itself"
            raise RefusedError(message, hint=f"put the file into {shown(str(place.parent), 200)}") from None
        reason = (error.strerror or "refused").lower()
        raise StorageError(
            f"the file {shown(place.name, 200)} cannot be read: {reason}", hint="see its permissions"
        ) from None
    raise RefusedError(f"{shown(place.name, 200)} is not a file; expected a regular file", hint="move it away")


def _file(directory: Path, place: str, found: re.Match[str] | None, digest: DigestOf) -> ProjectFile:
    content = content_of(directory / place)
    script = split(content)
    statements = tuple(one.text for one in script.statements)
    sha256 = hashlib.sha256(content).hexdigest()
    version, name = (found["version"], found["name"]) if found else ("", place.rpartition("/")[2])
    return ProjectFile(version, name, place, sha256, statements, digest(sha256, statements), unusable=_why(script))


def _why(script: SqlScript) -> str:
    told = [f"line {one.line}: {one.why}" for one in script.unusable[:_NAMED]]
    return f"it cannot be applied as it is: {'; '.join(told)}" if told else ""
