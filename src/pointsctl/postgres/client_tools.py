"""Finds PostgreSQL's client programs on this machine, with their versions and whether they can encrypt."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import ToolMissingError
from pointsctl.postgres.binaries import Account, embedded_binaries

Ask = Callable[[Sequence[str]], str]
"""Runs a program and gives everything that it said on both outputs; an empty text when it could not be run."""

NAMES = ("psql", "pg_dump", "pg_restore")
# Debian adds its own version in parentheses: `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
_VERSION = re.compile(r"\(PostgreSQL\) (([0-9]+)[^\s]*)")
_NO_ENCRYPTION = "not compiled in"


@dataclass(frozen=True)
class ClientTool:
    """One program: `version` as it says it (`18.6`), `major` its first number, `embedded` for the wheel's own."""

    name: str
    path: Path
    version: str
    major: int
    encrypts: bool
    embedded: bool


def find_client_tools(search_path: str, ask: Ask) -> tuple[ClientTool, ...]:
    """psql, pg_dump and pg_restore on `search_path` (the form of PATH), then those of the installed wheel."""
    on_path = [Path(found) for name in NAMES if (found := shutil.which(name, path=search_path))]
    return (*_asked(on_path, ask, embedded=False), *_asked(_embedded(), ask, embedded=True))


def _asked(paths: Iterable[Path], ask: Ask, *, embedded: bool) -> tuple[ClientTool, ...]:
    programs = {path.name: path for path in paths}
    encrypts = "psql" not in programs or _encrypts(programs["psql"], ask)
    found = []
    for name, path in programs.items():
        version = _VERSION.search(ask([str(path), "--version"]))
        if version:
            found.append(ClientTool(name, path, version[1], int(version[2]), encrypts, embedded))
    return tuple(found)


def _encrypts(psql: Path, ask: Ask) -> bool:
    """Whether libpq knows encryption; one installation's programs share it. Connects to nothing: there is no such socket."""
    said = ask([str(psql), "--no-psqlrc", "--dbname", "host=/nonexistent sslmode=require", "--command", ""])
    return bool(said) and _NO_ENCRYPTION not in said


def _embedded() -> list[Path]:
    # Clients may run as anybody, so unlike for a server nothing has to be copied for another account.
    account = Account(os.geteuid(), os.getegid(), drop=False)
    try:
        binaries = embedded_binaries(account)
        return [binaries.program(name) for name in NAMES]
    except ToolMissingError:
        return []
