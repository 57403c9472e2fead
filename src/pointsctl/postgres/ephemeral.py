"""A server of our own for one copy: made in a workspace for speed, gone with it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from psycopg import sql

from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster
from pointsctl.postgres.connection import connect
from pointsctl.postgres.failures import translated
from pointsctl.postgres.identity import Identity, identify
from pointsctl.postgres.installations import installation_for
from pointsctl.postgres.locale import DatabaseLocale, create_like
from pointsctl.postgres.roles import Role, bootstrap_of, create_roles, owner_of_database
from pointsctl.postgres.workspace import CLUSTER, Workspace

DATABASE = "pointsctl_copy"
_CHECKSUMS_BY_DEFAULT = 18
_MIB = 1024 * 1024
_LEAST_MEMORY = 64 * _MIB
_MOST_MEMORY = 1024 * _MIB


class EphemeralServer:
    """A running private server for one copy; what `Scratch` asks for. Its superuser is called as the source's."""

    own_server = True

    def __init__(self, cluster: PrivateCluster, major: int, programs: Path) -> None:
        self.major = major
        self.programs: Path | None = programs
        self._cluster = cluster
        self._superuser = cluster.superuser
        self._owner: str | None = None
        self._identity: Identity | None = None

    def prepare_roles(self, roles: Sequence[Role]) -> None:
        """Make every role that the copy needs. Raises RefusedError for predefined roles that this version does not know."""
        bootstrap = bootstrap_of(roles)
        if bootstrap is not None:
            self._rename_superuser(bootstrap)
        with connect(self._url("postgres")) as connection:
            create_roles(connection, roles)
        self._owner = owner_of_database(roles)

    def empty_database(self, like: DatabaseLocale | None = None) -> str:
        """The URL of the new database, as the superuser; it belongs to the owner of the source, once the roles are made."""
        owner = sql.SQL("owner {}").format(sql.Identifier(self._owner)) if self._owner else sql.SQL("")
        with connect(self._url("postgres")) as connection:
            create_like(connection, DATABASE, like, owner)
        url = self._url(DATABASE)
        with connect(url) as connection:
            self._identity = identify(connection)
        return url

    def identity(self) -> Identity:
        """Who that database is. Raises AssertionError before `empty_database`."""
        if self._identity is None:
            raise AssertionError("there is no database yet")
        return self._identity

    def _rename_superuser(self, name: str) -> None:
        """Give the server's superuser the name that the source's has: it owns what extensions bring along."""
        # Nobody can rename the role that they are connected as.
        helper = f"{self._superuser}_helper"
        with connect(self._url("postgres")) as connection, translated("making a helping role"):
            connection.execute(sql.SQL("create role {} superuser login").format(sql.Identifier(helper)))
        old, new = sql.Identifier(self._superuser), sql.Identifier(name)
        with connect(self._cluster.url("postgres", helper)) as connection, translated("naming the superuser"):
            connection.execute(sql.SQL("alter role {} rename to {}").format(old, new))
        self._superuser = name
        with connect(self._url("postgres")) as connection, translated("dropping the helping role"):
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(helper)))

    def _url(self, database: str) -> str:
        return self._cluster.url(database, self._superuser)


@contextmanager
def ephemeral_server(
    workspace: Workspace, major: int, *, search_path: str, jobs: int, settings: Mapping[str, str] | None = None
) -> Iterator[EphemeralServer]:
    """A server of the version `major` in the workspace, gone after the block; one that a kill leaves goes with the workspace.

    `search_path` has the form of PATH; `jobs` is how many connections are going to restore at once; `settings` are the
    server's further ones, which win over those made for speed. Raises ToolMissingError
    when this machine has no such server, StorageError, ServerUnreachableError, TookTooLongError.
    """
    binaries = installation_for(major, search_path)
    # A name that the source does not have, so that it can be renamed to one that it has.
    superuser = f"pointsctl_{secrets.token_hex(6)}"
    cluster = PrivateCluster(
        workspace.folder / CLUSTER,
        superuser=superuser,
        settings={**fast_settings(jobs), **(settings or {})},
        binaries=binaries,
        # What is read minutes after it was written needs no protection from a disk that decays.
        initdb_options=["--no-data-checksums"] if major >= _CHECKSUMS_BY_DEFAULT else [],
    )
    try:
        cluster.start()
        yield EphemeralServer(cluster, major, binaries.root / "bin")
    finally:
        cluster.destroy()


def fast_settings(jobs: int) -> Mapping[str, str]:
    """Settings for `jobs` connections that restore at once, by this machine's memory and processors.

    A quarter of the memory at most, for all of them together; a crash of the machine loses the copy, and nothing else.
    """
    memory = psutil.virtual_memory().available // 4
    each = max(_LEAST_MEMORY, min(_MOST_MEMORY, memory // (jobs + 1)))
    cores = os.cpu_count() or 1
    return {
        **THROW_AWAY_SETTINGS,
        "shared_buffers": f"{max(_LEAST_MEMORY, min(_MOST_MEMORY, memory // 2)) // _MIB}MB",
        "maintenance_work_mem": f"{each // _MIB}MB",
        "work_mem": "64MB",
        "max_connections": str(2 * jobs + 30),
        "max_parallel_maintenance_workers": str(max(0, min(8, cores // jobs))),
        "max_wal_size": "64GB",
        "checkpoint_timeout": "1d",
        "jit": "off",
        "max_locks_per_transaction": "1024",
    }
