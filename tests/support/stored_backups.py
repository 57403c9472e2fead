"""Backups whose files are invented and whose way through the store is real."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pointsctl.backup_stores.interface import Store
from pointsctl.encryption import Recipients
from pointsctl.model.backup import Encryption, Manifest, folder_of
from pointsctl.model.progress import NoProgress
from pointsctl.model.statement import DatabaseName
from pointsctl.workflow.interruption import Stoppable
from pointsctl.workflow.transfer import Way, send

SOMEWHERE = DatabaseName(system_identifier="7000000000000000001", database_oid=5, database="points")
FILES = {"toc.dat": 900, "3001.dat.gz": 5_000, "3002.dat.gz": 5_000, "blobs/blob_1.dat": 10, "empty.dat": 0}
TAKEN = datetime(2026, 1, 31, 8, tzinfo=UTC)


def way(store: Store, folder: Path, *, jobs: int = 3) -> Way:
    """Between the store and a folder, watched by nobody."""
    return Way(store, folder, Stoppable(600, time.monotonic), NoProgress(), jobs)


def write_files(folder: Path, files: Mapping[str, int] = FILES, seed: int = 0) -> dict[str, bytes]:
    """Files of these sizes in bytes; their contents by name."""
    chance = random.Random(seed)  # noqa: S311  (the same bytes each time)
    contents = {name: chance.randbytes(size) for name, size in files.items()}
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return contents


def id_of(taken_at: datetime, unique: str = "aaaaaa") -> str:
    """An id as backups have them."""
    return f"{taken_at:%Y%m%dT%H%M%SZ}-{unique}"


def store_backup(
    store: Store,
    folder: Path,
    *,
    environment: str = "production",
    taken_at: datetime = TAKEN,
    unique: str = "aaaaaa",
    database: DatabaseName = SOMEWHERE,
    recipients: Recipients | None = None,
    files: Mapping[str, int] = FILES,
    with_manifest: bool = True,
) -> Manifest:
    """A backup in the store; without its manifest it is an upload that never ended."""
    id_ = id_of(taken_at, unique)
    work = folder / f"work-{id_}"
    (work / "backup").mkdir(parents=True)
    write_files(work / "backup", files)
    place = folder_of(environment, id_)
    objects = send(way(store, work / "backup"), place, journal=work / "sealed.jsonl", recipients=recipients)
    manifest = Manifest(
        id=id_,
        environment=environment,
        database=database,
        server_version=180000,
        engine="pg_dump",
        taken_at=taken_at,
        finished_at=taken_at + timedelta(minutes=1),
        snapshot="00000003-1",
        lsn="0/1",
        database_size=100_000,
        tools={"pg_dump": "18.6"},
        commit=None,
        encryption=Encryption(recipients=recipients.keys) if recipients else None,
        objects=objects,
        contents={},
    )
    if with_manifest:
        store.put(manifest.name, manifest.text().encode())
    return manifest
