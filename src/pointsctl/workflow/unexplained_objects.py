"""Use case: objects in the database that no migration made: the history replayed on a scratch server, both catalogues compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pointsctl import kinds
from pointsctl.errors import CouldNotLookError, PointsctlError
from pointsctl.migration_histories.interface import History
from pointsctl.model.archive import ArchiveEntry
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.catalogue import Catalogue, differences
from pointsctl.model.configuration import LeftOut
from pointsctl.model.migration_status import Standing
from pointsctl.model.platform_objects import migrations_own
from pointsctl.model.proof import Difference
from pointsctl.postgres.connection import connect
from pointsctl.postgres.database_catalogue import catalogue_of_database
from pointsctl.postgres.dump_tools import UNCOMPRESSED, DumpProgram, installed_tools, pg_dump_for
from pointsctl.postgres.dumping import definitions
from pointsctl.postgres.ephemeral import EphemeralServer, ephemeral_server
from pointsctl.postgres.identity import identify
from pointsctl.postgres.locale import DatabaseLocale
from pointsctl.postgres.prelude import run_prelude
from pointsctl.postgres.replaying import let_log_in, platform_schemas_of, replay, supply_platform
from pointsctl.postgres.roles import Role, read_roles
from pointsctl.postgres.workspace import Workspace, sweep
from pointsctl.workflow.backup_request import BackupRequest

_MAJOR = 10_000
_ENCODING = "UTF8"
_FILES = "catalogues"
Migration = tuple[str, Sequence[str]]
"""A migration's name, and its statements."""


@dataclass(frozen=True)
class FoundObjects:
    """What came of the comparison: how many objects were compared, how many migrations replayed, what is not as they make it;
    `failure` is why it could not be done.
    """

    compared: int = 0
    replayed: int = 0
    differences: tuple[Difference, ...] = ()
    failure: PointsctlError | None = None

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "compared": self.compared,
            "replayed": self.replayed,
            "differences": [one.as_json() for one in self.differences],
            "failure": self.failure.message if self.failure else None,
        }


@dataclass(frozen=True)
class _Source:
    major: int
    role: str
    roles: tuple[Role, ...]
    locale: DatabaseLocale
    program: DumpProgram
    platform: tuple[str, ...]


def unexplained_objects(
    request: BackupRequest, standings: Sequence[Standing], cancellation: Cancellation
) -> FoundObjects:
    """Replay what the database has had of migrations on a private server of its version, and compare both catalogues.

    1. The statements of every applied migration: those that the history keeps, else the file's. 2. A scratch server with the
    source's roles, what the platform supplies there, and the prelude. 3. Replay, by the role that looks. 4. Compare all but
    what is the platform's, the ledger's and the history's. Statements run as they stand, on this machine. What kept us from
    looking is told in `failure`, and not raised.
    """
    try:
        return _Search(request, standings, cancellation).run()
    except PointsctlError as error:
        if error.exit_code != CouldNotLookError.exit_code:
            raise
        return FoundObjects(failure=error)


class _Search:
    def __init__(self, request: BackupRequest, standings: Sequence[Standing], cancellation: Cancellation) -> None:
        self.request = request
        self.url = request.environment.database_url
        self.standings = standings
        self.cancellation = cancellation
        settings = request.loaded.checklist.migrations
        self.history: History = kinds.load("migration_histories", settings.history).open(
            request.loaded.directory, settings
        )

    def run(self) -> FoundObjects:
        migrations, source = self._migrations(), self._source()
        base, search_path = self.request.base, source.program.search_path
        sweep(base)
        with (
            Workspace.open(base, f"migrate status {self.request.name}") as workspace,
            ephemeral_server(workspace, source.major, search_path=search_path, jobs=1) as server,
        ):
            folder = workspace.directory(_FILES)
            entries = definitions(
                self.url,
                source.program,
                folder / "source",
                encoding=_ENCODING,
                without_schemas=(),
                cancellation=self.cancellation,
            ).entries
            made = self._replayed(server, source, entries, migrations)
            without = LeftOut(schemas=(*source.platform, *self.request.settings.leave_out.schemas))
            program = source.program
            expected = self._own(catalogue_of_database(made, program, folder, without, self.cancellation))
            found = self._own(catalogue_of_database(self.url, program, folder, without, self.cancellation))
        return FoundObjects(len(found), len(migrations), differences(expected, found))

    def _migrations(self) -> list[Migration]:
        applied = [one for one in self.standings if one.row is not None]
        with connect(self.url) as connection:
            kept = self.history.statements(connection, [one.version for one in applied])
        return [(f"{one.version}_{one.name}", self._statements(one, kept.get(one.version))) for one in applied]

    def _statements(self, one: Standing, kept: Sequence[str] | None) -> Sequence[str]:
        statements = kept if kept is not None else one.file.statements if one.file else None
        if statements is None:
            message = f"nobody knows the statements of {one.version}: neither the history nor a file in SQL holds them"
            raise CouldNotLookError(
                message, hint="objects can be looked for only where every migration can be replayed"
            )
        return statements

    def _source(self) -> _Source:
        search_path = self.request.variables.get("PATH", os.defpath)
        with closing(connect(self.url)) as connection:
            identity, encrypted = identify(connection), connection.pgconn.ssl_in_use
            roles, locale = read_roles(connection), DatabaseLocale.of(connection)
        major = identity.server_version // _MAJOR
        tool = pg_dump_for(major, installed_tools(search_path), encrypted=encrypted)
        program = DumpProgram(tool, UNCOMPRESSED, search_path)
        return _Source(major, identity.role, roles, locale, program, platform_schemas_of(self.url))

    def _replayed(
        self, server: EphemeralServer, source: _Source, entries: Sequence[ArchiveEntry], migrations: Sequence[Migration]
    ) -> str:
        """The URL of the database on the scratch server that the migrations have made."""
        server.prepare_roles(source.roles)
        url = server.empty_database(source.locale)
        for name in self.request.settings.prelude:
            run_prelude(url, self.request.loaded.directory / name, self.cancellation)
        supply_platform(url, entries, [statements for _, statements in migrations])
        replay(let_log_in(url, source.role), migrations, self.cancellation)
        return url

    def _own(self, catalogue: Catalogue) -> Catalogue:
        return migrations_own(catalogue, self.history.tables)
