"""A backup that has been taken and is not yet in the store: what its manifest will say, kept beside its files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.model.backup import BackupId, Encryption, Manifest, Short, StoredObject, folder_of
from pointsctl.model.configuration import Name
from pointsctl.model.statement import DatabaseName, Moment


class UnfinishedBackup(pydantic.BaseModel):
    """A manifest without its objects, and `store`, the address of the store that they go to. See `model/backup.py`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: BackupId
    store: Annotated[str, StringConstraints(max_length=2000)]
    environment: Name
    database: DatabaseName
    server_version: int
    engine: Short
    taken_at: Moment
    snapshot: Short
    lsn: Short
    database_size: int = pydantic.Field(ge=0)
    tools: Mapping[str, Short]
    commit: str | None
    encryption: Encryption | None
    contents: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """The backup's folder in the store."""
        return folder_of(self.environment, self.id)

    def manifest(self, objects: tuple[StoredObject, ...], finished_at: datetime) -> Manifest:
        """The manifest, once every object is in the store."""
        known = {name: getattr(self, name) for name in type(self).model_fields if name != "store"}
        return Manifest(**known, finished_at=finished_at, objects=objects)
