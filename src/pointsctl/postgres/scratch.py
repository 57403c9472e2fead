"""Where a copy of a backup may be made: a place that holds nothing else, is nobody's, and goes away afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pointsctl.postgres.identity import Identity
from pointsctl.postgres.locale import DatabaseLocale
from pointsctl.postgres.roles import Role


class Scratch(Protocol):
    """A place for one copy. `own_server` says whether the whole server is thrown away with it, so that roles may be made
    there; `major` is the server's major version; `programs` is the folder of the server's own client programs, if they are
    on this machine.
    """

    own_server: bool
    major: int
    programs: Path | None

    def prepare_roles(self, roles: Sequence[Role]) -> None:
        """Make the roles that the copy is going to name, before `empty_database`; where the server is not ours, look for them.

        Raises RefusedError naming those that are missing and cannot be made.
        """

    def empty_database(self, like: DatabaseLocale | None = None) -> str:
        """The URL of a new, empty database, as the role that is to own everything that no role of its own does.

        It sorts and encodes text as `like` does, where the server can do that.
        """

    def identity(self) -> Identity:
        """Who that database is. Raises AssertionError before `empty_database`."""
