"""SQL files that people apply by hand: the ledger's audit records say which, and there is no other history."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pointsctl.migration_histories.interface import History
from pointsctl.model.configuration import Migrations
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.project_files import Project
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.history_contents import noted_migrations
from pointsctl.sql_folder import sql_project

_SUFFIX = ".sql"


class Plain(History):
    """Files in their order; applied is what `migration_audit` names, as `20250725000001_points` or with `.sql`."""

    def __init__(self, directory: Path, settings: Migrations) -> None:
        self._directory = directory
        self._folder = settings.directory

    @classmethod
    def open(cls, directory: Path, settings: Migrations) -> Self:
        return cls(directory, settings)

    def project(self) -> Project:
        return sql_project(self._directory, self._folder, lambda sha256, _statements: sha256)

    def applied(self, connection: Connection) -> tuple[HistoryRow, ...]:
        """By version, the newest record of each; a name without a version stands for itself."""
        found: dict[str, HistoryRow] = {}
        for noted, sha256 in noted_migrations(connection):
            row = _row(noted, sha256)
            found[row.version] = row
        return tuple(found.values())


def _row(noted: str, sha256: str | None) -> HistoryRow:
    version, _, name = noted.strip().removesuffix(_SUFFIX).partition("_")
    if version.isascii() and version.isdigit():
        return HistoryRow(version, name or None, digest=sha256)
    return HistoryRow(noted, None, digest=sha256)
