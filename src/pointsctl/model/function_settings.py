"""What `supabase/config.toml` names of the functions' files: whatever lies elsewhere is in no plan, and could be anything."""

from __future__ import annotations

import posixpath
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from pointsctl.model.escape import plain

_PATHS = ("entrypoint", "import_map", "static_files")
_FOLDER = "functions"
_REMOTES = "remotes"


def strange_path(text: bytes) -> str:
    """What is wrong with the settings, in a sentence: a path that leaves the functions' folder, or no TOML; empty when nothing
    is. Paths count from the folder `supabase`.
    """
    try:
        settings = tomllib.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return "it is no TOML"
    for name, key, path in _paths(settings):
        if not _inside(path):
            shown = plain(str(path), 120)
            return f"`{key}` of function {plain(name, 60)!r} is {shown!r}, expected a path below supabase/{_FOLDER}"
    return ""


def _paths(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, object]]:
    """Every path with its function and key; a remote's settings replace those of the same function."""
    remotes = settings.get(_REMOTES)
    for one in (settings, *(remotes.values() if isinstance(remotes, dict) else ())):
        functions = one.get(_FOLDER) if isinstance(one, dict) else None
        for name, own in functions.items() if isinstance(functions, dict) else ():
            for key in _PATHS if isinstance(own, dict) else ():
                given = own.get(key, [])
                yield from ((name, key, path) for path in (given if isinstance(given, list) else [given]))


def _inside(path: object) -> bool:
    if not isinstance(path, str):
        return False
    # An empty path is the default; a variable is known only where it is deployed.
    return not path or posixpath.normpath(path).startswith(f"{_FOLDER}/")
