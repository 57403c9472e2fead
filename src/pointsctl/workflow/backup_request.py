"""What taking and verifying a backup have in common: the environment, the store, the engine, and who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pointsctl import kinds
from pointsctl.backup_engines.interface import Engine
from pointsctl.backup_stores.interface import Store
from pointsctl.errors import UsageError
from pointsctl.model.configuration import Backup, Environment
from pointsctl.model.statement import DatabaseName
from pointsctl.postgres.identity import Identity
from pointsctl.workflow.check_environment import Surroundings
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.open_store import open_store


@dataclass(frozen=True)
class BackupRequest:
    """Which environment, and who asks: `operator` as the machine names them, `tool` the version of pointsctl.

    `jobs` None leaves the number of connections to the checklist.
    """

    loaded: Loaded
    name: str
    environment: Environment
    operator: str
    tool: str
    surroundings: Surroundings
    jobs: int | None = None

    @property
    def settings(self) -> Backup:
        """The checklist's `backup`, with what the command line changes."""
        written = self.loaded.checklist.backup
        return written if self.jobs is None else written.model_copy(update={"jobs": self.jobs})

    @property
    def variables(self) -> Mapping[str, str]:
        """The process environment."""
        return self.surroundings.variables

    @property
    def base(self) -> Path:
        """The folder in which workspaces are made."""
        return self.loaded.directory / self.settings.scratch

    def store(self) -> Store:
        """The environment's store. Raises UsageError when none is configured."""
        url = self.environment.store or self.settings.store
        if not url:
            hint = "set `backup.store` in the checklist: file:///folder or s3://bucket/prefix"
            raise UsageError(f"environment {self.name!r} has no store for its backups", hint=hint)
        return open_store(url)

    def engine(self, kind: str) -> Engine:
        """The engine of a kind, as the checklist configures it."""
        engine: Engine = kinds.load("backup_engines", kind).open(self.settings, self.variables, self.loaded.directory)
        return engine


def database_name(identity: Identity) -> DatabaseName:
    """A database as manifests and pins name it."""
    return DatabaseName(
        system_identifier=identity.system_identifier,
        database_oid=identity.database_oid,
        database=identity.database,
    )
