"""Backups taken of real databases for tests, and copies of them on the same server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pointsctl.backup_engines.interface import Source
from pointsctl.backup_engines.pg_dump import PgDump
from pointsctl.model.configuration import Backup
from pointsctl.postgres.connection import connect
from pointsctl.postgres.identity import identify
from pointsctl.postgres.scratch_database import ScratchDatabase
from pointsctl.workflow.cancellation import TimeLimit

SECONDS = 300.0


def limit() -> TimeLimit:
    return TimeLimit(SECONDS, time.monotonic)


def engine(**settings: object) -> PgDump:
    """The engine with these settings of `backup`, which finds its programs where everybody does."""
    return PgDump.open(Backup.model_validate(settings), os.environ, Path())


def source_of(url: str, jobs: int = 2) -> Source:
    with connect(url) as connection:
        return Source(url, identify(connection), jobs)


@contextmanager
def scratch_beside(url: str) -> Iterator[ScratchDatabase]:
    """A place for a copy on the server of `url`, as its role; no drill would use the source's own server."""
    with connect(url) as server:
        scratch = ScratchDatabase(url, server)
        try:
            yield scratch
        finally:
            scratch.drop()
