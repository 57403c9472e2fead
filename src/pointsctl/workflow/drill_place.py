"""Use case: the place of a restore drill, as `backup.restore_into` names it: a server of its own, or a scratch database elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pointsctl.model.backup import Manifest
from pointsctl.postgres.ephemeral import ephemeral_server
from pointsctl.postgres.scratch import Scratch
from pointsctl.postgres.scratch_database import scratch_database
from pointsctl.postgres.workspace import Workspace
from pointsctl.workflow.backup_request import BackupRequest

EPHEMERAL = "ephemeral"
_VERSIONS = 10_000


@contextmanager
def drill_place(
    request: BackupRequest, workspace: Workspace, manifest: Manifest, *, settings: Mapping[str, str] | None = None
) -> Iterator[Scratch]:
    """An empty place for a copy of the backup, gone after the block; what killed drills have left there goes with it.

    `settings` are further ones for a server of our own.

    Raises RefusedError for a scratch server that is the source by identity, or of another major version; ToolMissingError when
    this machine has no server of that version; UsageError for an environment that is not declared.
    """
    backup, major = request.settings, manifest.server_version // _VERSIONS
    if backup.restore_into == EPHEMERAL:
        search_path = request.variables.get("PATH", os.defpath)
        place = ephemeral_server(workspace, major, search_path=search_path, jobs=backup.jobs, settings=settings)
        with place as server:
            yield server
        return
    name = backup.restore_into
    environment = request.surroundings.built_in.get(name) or request.loaded.environment(name)
    with scratch_database(environment.database_url, manifest.database.system_identifier, major) as database:
        yield database
