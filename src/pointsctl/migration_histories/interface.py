"""What a history is: the migrations that a project's files hold, and those that its database says to have had."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Self

from pointsctl.model.configuration import Migrations
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.project_files import Project
from pointsctl.postgres.connection import Connection


class History(ABC):
    """Base of every kind of history."""

    applies: bool = False
    """Whether pointsctl can apply migrations of this kind; of all others it only reads the status."""

    tables: frozenset[str] = frozenset()
    """What the history itself has made in the database (`schema x`, `table x.y`), which no migration makes."""

    @classmethod
    @abstractmethod
    def open(cls, directory: Path, settings: Migrations) -> Self:
        """The history of the project whose checklist is in `directory`."""

    @abstractmethod
    def project(self) -> Project:
        """The project's files. What is wrong with one is told, not raised. Raises StorageError, RefusedError for links."""

    @abstractmethod
    def applied(self, connection: Connection) -> tuple[HistoryRow, ...]:
        """What the database says to have had, without statements; empty where it has no such history.

        Raises PermissionMissingError.
        """

    def statements(self, connection: Connection, versions: Collection[str]) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002  (most histories keep none)
        """The statements that the history keeps of these versions; those of which it keeps none are left out."""
        return {}
