"""Fixes the edge functions beside the checklist by digest: everything that a deployment of them would take along."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import RefusedError, StorageError
from pointsctl.model.canonical import digest
from pointsctl.model.plan import Absent, Bundle
from pointsctl.model.problems import shown
from pointsctl.workflow.migration_files import read_file

FOLDER = "supabase/functions"
SETTINGS = "supabase/config.toml"
"""Says, among other things, which function is called without a token."""

_MOST_FILES = 5_000


@dataclass(frozen=True)
class FunctionFiles:
    """The bundles, or why there are none; `places` are all files in them."""

    bundles: tuple[Bundle, ...] | Absent
    places: tuple[Path, ...] = ()


def read_functions(directory: Path, names: Sequence[str]) -> FunctionFiles:
    """The bundles of the functions `names` in the checklist's folder `directory`.

    A bundle is the function's folder with what every function can import: all else in the functions' folder but what belongs
    to another one of `names`, and `supabase/config.toml`. Its digest covers the path and the bytes of each file. Raises
    RefusedError for links and too many files, StorageError when something cannot be read.
    """
    if not names:
        return FunctionFiles(())
    folder = directory / FOLDER
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing:
        return FunctionFiles(Absent(absent=f"no folder {FOLDER}/{missing[0]}{_more(missing)}"[:400]))
    shared = _digests(directory, _shared(directory, names))
    own = {name: _digests(directory, _walk(folder / name)) for name in names}
    bundles = tuple(
        Bundle(name=name, sha256=digest({"schema": "pointsctl/function-bundle/v1", "files": shared | files}))
        for name, files in own.items()
    )
    paths = dict.fromkeys(path for files in (shared, *own.values()) for path in files)
    return FunctionFiles(bundles, tuple(directory / path for path in paths))


def _more(missing: Sequence[str]) -> str:
    return f", nor {len(missing) - 1} more of them" if len(missing) > 1 else ""


def _shared(directory: Path, names: Sequence[str]) -> Iterator[Path]:
    settings = directory / SETTINGS
    if settings.exists() or settings.is_symlink():
        yield settings
    for entry in _entries(directory / FOLDER):
        if not entry.is_dir(follow_symlinks=False):
            yield Path(entry.path)
        elif entry.name not in names:
            yield from _walk(Path(entry.path))


def _walk(folder: Path) -> Iterator[Path]:
    if folder.is_symlink():
        raise RefusedError(
            f"{shown(folder.name, 200)} is a link; expected the folder itself", hint="put the files there"
        )
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"the folder {folder} cannot be read: {reason}", hint="see its permissions") from None


def _digests(directory: Path, places: Iterator[Path]) -> dict[str, str]:
    """SHA-256 by path in the checklist's folder, with slashes."""
    found: dict[str, str] = {}
    for place in places:
        if len(found) >= _MOST_FILES:
            message = f"the functions have more than {_MOST_FILES:,} files"
            raise RefusedError(message, hint=f"keep only what is deployed in {FOLDER}")
        seen = read_file(place)
        if seen is None:
            raise StorageError(f"{shown(place.name, 200)} was removed while it was read", hint="run again")
        found[_path(place.relative_to(directory))] = seen.sha256
    return found


def _path(place: Path) -> str:
    text = place.as_posix()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RefusedError(f"{shown(text, 200)} is no name in UTF-8", hint="rename the file") from None
    return text
