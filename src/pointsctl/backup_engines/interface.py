"""What an engine is: a way to take a backup of a database into files, to make a copy of them, and to prove the copy.

Nothing here says whether an engine copies rows or pages: what it needs to prove a copy is its own `contents`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.catalogue import Catalogue
from pointsctl.model.configuration import Backup
from pointsctl.model.expected_catalogue import Reading
from pointsctl.model.progress import Progress
from pointsctl.model.proof import Proof
from pointsctl.postgres.identity import Identity
from pointsctl.postgres.scratch import Scratch


@dataclass(frozen=True)
class Source:
    """The database to back up. `url` may hold a password; `jobs` is how many connections may read at once."""

    url: str = field(repr=False)
    identity: Identity
    jobs: int = 2


@dataclass(frozen=True)
class Taken:
    """What an engine has put into the folder: the moment of the database that it is, and what proves a copy of it.

    `database_size` in bytes, as the server counts it. `contents` is JSON, and only its engine reads it. `tools` are the
    programs that were used, with versions (`{"pg_dump": "18.6", "compression": "gzip:1"}`).
    """

    taken_at: datetime
    snapshot: str
    lsn: str
    database_size: int
    tools: Mapping[str, str]
    contents: Mapping[str, Any]


@dataclass(frozen=True)
class Restored:
    """A copy: its address (as a role that sees everything), and how long the restore took, in seconds, without proofs.

    `folder` holds the files that it was made from, for the proof; they have to stay there until then.
    """

    url: str = field(repr=False)
    seconds: float
    left_out: tuple[str, ...] = ()
    folder: Path | None = None


@dataclass(frozen=True)
class Archive:
    """The definitions that a backup holds, and how others are read in the same words."""

    catalogue: Catalogue
    reading: Reading


class Engine(ABC):
    """Base of every engine."""

    @classmethod
    @abstractmethod
    def open(cls, settings: Backup, variables: Mapping[str, str], directory: Path) -> Self:
        """The engine as the checklist configures it. `variables` is the process environment, of which only PATH is used;
        relative paths of the settings count from `directory`, the checklist's folder.
        """

    @abstractmethod
    def refuse(self, source: Source) -> None:
        """Raises RefusedError or a CouldNotLookError when a backup of `source` would not hold everything, or could not be
        restored: a role that sees only some rows, a pooler in between, programs that are too old.
        """

    @abstractmethod
    def estimate(self, source: Source) -> int:
        """Bytes that the backup may take on the disk, at most, as far as anybody can know before."""

    @abstractmethod
    def take(self, source: Source, folder: Path, cancellation: Cancellation, progress: Progress) -> Taken:
        """Take the backup into the empty `folder`; every regular file below it belongs to the backup.

        Raises pointsctl's errors; what is in the folder is then worthless.
        """

    @abstractmethod
    def restore(
        self,
        contents: Mapping[str, Any],
        folder: Path,
        scratch: Scratch,
        cancellation: Cancellation,
        progress: Progress,
    ) -> Restored:
        """Make a copy in `scratch` from the files in `folder`, whose bytes the caller has checked."""

    @abstractmethod
    def prove(
        self,
        contents: Mapping[str, Any],
        copy: Restored,
        scratch: Scratch,
        cancellation: Cancellation,
        progress: Progress,
    ) -> Proof:
        """Compare the copy with what was recorded when the backup was taken. Everything that differs is named."""

    def archived(self, contents: Mapping[str, Any], folder: Path) -> Archive:  # noqa: ARG002  (an engine may have none)
        """The definitions in the files in `folder`. Raises RefusedError where the engine copies pages, which hold none."""
        message = "the definitions in a backup of this engine cannot be read"
        raise RefusedError(message, hint="set `backup.engine: pg_dump`, and take and verify a backup")

    @abstractmethod
    def summary(self, contents: Mapping[str, Any]) -> Mapping[str, int]:
        """What the backup holds, in numbers for people: `{"tables": 8, "rows": 3500000}`."""

    def parts(self, contents: Mapping[str, Any]) -> Sequence[tuple[str, str]]:  # noqa: ARG002  (an engine may know of none)
        """The parts that people ask about, the largest first, each with its amount: `("public.coupons", "20,500 rows")`."""
        return ()
