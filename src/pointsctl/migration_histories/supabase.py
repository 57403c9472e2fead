"""`supabase_migrations.schema_migrations`, as the Supabase CLI and pointsctl write it: versions, names and statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Self

from pointsctl.migration_histories.interface import History
from pointsctl.model.configuration import Migrations
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.project_files import Project, statements_digest
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.history_contents import supabase_rows, supabase_statements
from pointsctl.sql_folder import sql_project


class Supabase(History):
    """A project as `supabase init` makes it."""

    applies = True
    tables = frozenset({"schema supabase_migrations"})

    def __init__(self, directory: Path, settings: Migrations) -> None:
        self._directory = directory
        self._folder = settings.directory

    @classmethod
    def open(cls, directory: Path, settings: Migrations) -> Self:
        return cls(directory, settings)

    def project(self) -> Project:
        return sql_project(self._directory, self._folder, lambda _sha256, statements: statements_digest(statements))

    def applied(self, connection: Connection) -> tuple[HistoryRow, ...]:
        return supabase_rows(connection)

    def statements(self, connection: Connection, versions: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        return supabase_statements(connection, versions)
