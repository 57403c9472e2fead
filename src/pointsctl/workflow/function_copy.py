"""A private copy of the functions' files, so that what was hashed is what is deployed, whatever is edited meanwhile."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import RefusedError, StorageError
from pointsctl.model.function_settings import strange_path
from pointsctl.model.plan import Absent
from pointsctl.model.problems import shown
from pointsctl.workflow.function_bundles import SETTINGS, read_functions

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class FunctionCopy:
    """The copy in `folder`, with the digest of each function's bundle; files are where they are beside the checklist."""

    folder: Path
    bundles: Mapping[str, str]


def copy_functions(directory: Path, names: Sequence[str], folder: Path) -> FunctionCopy:
    """Copy the functions `names` (all of the checklist's) from the checklist's folder `directory` into the empty `folder`.

    Only the copy is hashed. Raises RefusedError when a function has no folder or holds no file (the platform's tools only
    warn of that), for links, for settings that name files elsewhere, and as `read_functions` does.
    """
    files = read_functions(directory, names)
    if isinstance(files.bundles, Absent):
        hint = "make it, or take the name out of `functions.names`; nothing was deployed"
        raise RefusedError(f"the functions cannot be deployed: {files.bundles.absent}", hint=hint)
    for place in files.places:
        _copy(place, folder / place.relative_to(directory))
    bundles = read_functions(folder, _with_files(folder, names)).bundles
    if not isinstance(bundles, tuple):
        raise StorageError(f"the copy of the functions is not whole: {bundles.absent}", hint="run again")
    refuse_strange_paths(folder)
    return FunctionCopy(folder, {one.name: one.sha256 for one in bundles})


def _with_files(folder: Path, names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if not (folder / "supabase/functions" / name).is_dir():
            message = f"the function {name!r} holds no file; expected its entry point, such as index.ts"
            raise RefusedError(message, hint="write it, or take the name out of `functions.names`")
    return names


def refuse_strange_paths(directory: Path) -> None:
    """Raises RefusedError when the settings below `directory` let a function be made of files that no plan holds."""
    settings = directory / SETTINGS
    found = strange_path(settings.read_bytes()) if settings.is_file() else ""
    if found:
        raise RefusedError(f"{SETTINGS}: {found}", hint="put the file among the functions, and name it there")


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A link that was put there meanwhile leads nowhere.
        read = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(read, "rb") as given, target.open("xb") as file:
            target.chmod(0o600)
            while chunk := given.read(_CHUNK_BYTES):
                file.write(chunk)
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        message = f"the file {shown(source.name, 200)} cannot be copied: {reason}"
        raise StorageError(message, hint="see its permissions, and the room in `backup.scratch`") from None
