"""What a history is: the migrations that a project's files hold, and those that its database says to have had."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pointsctl.model.configuration import Migrations
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.postgres.connection import Connection


@dataclass(frozen=True)
class ProjectFile:
    """A migration in the project. `after` are the versions that it follows, where the files say so themselves (Alembic);
    None where the order of the versions does. `expected` are the statements that its row in the history must hold, None
    where the history keeps none; `place` is relative to the checklist's folder, with slashes.
    """

    version: str
    name: str
    place: str
    sha256: str
    expected: tuple[str, ...] | None = field(default=None, repr=False)
    after: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Project:
    """The files in the order in which they apply; `remarks` are sentences about files that are none, or endanger a push."""

    files: tuple[ProjectFile, ...]
    remarks: tuple[str, ...] = ()


class History(ABC):
    """Base of every kind of history."""

    applies: bool = False
    """Whether pointsctl can apply migrations of this kind; of all others it only reads the status."""

    @classmethod
    @abstractmethod
    def open(cls, directory: Path, settings: Migrations) -> Self:
        """The history of the project whose checklist is in `directory`."""

    @abstractmethod
    def project(self) -> Project:
        """The project's files. Raises StorageError, RefusedError."""

    @abstractmethod
    def applied(self, connection: Connection) -> tuple[HistoryRow, ...]:
        """What the database says to have had; empty where it has no such history. Raises PermissionMissingError."""
