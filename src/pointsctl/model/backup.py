"""A backup as its manifest describes it: what was taken of which database, and every object that it is made of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.canonical import canonical_text
from pointsctl.model.configuration import Name
from pointsctl.model.statement import DatabaseName, Digest, Moment
from pointsctl.model.strict_json import JsonError, parse

ROOT = "backups"
LONGEST_MANIFEST = 256 * 1024 * 1024
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-hjkmnp-tv-z]{6}")
_MANIFEST = re.compile(r"manifest-([0-9a-f]{64})\.json")

BackupId = Annotated[str, StringConstraints(pattern=rf"^{_ID.pattern}$")]
"""When the backup began, in UTC, and six letters that make it unique: `20260131T080000Z-x3k9qz`. Sorts by time."""

ObjectName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$", max_length=200),
]
Short = Annotated[str, StringConstraints(max_length=200)]


class ManifestError(PointsctlError):
    """A manifest cannot be believed: it is not what a backup wrote, or its bytes were changed."""

    code = "manifest"


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoredObject(_Strict):
    """One object of a backup. `size` (bytes) and `sha256` are of what lies in the store, `plain_*` of what it is when it is
    not encrypted (the same where it is not).
    """

    name: ObjectName
    size: int = pydantic.Field(ge=0)
    sha256: Digest
    plain_size: int = pydantic.Field(ge=0)
    plain_sha256: Digest


class Encryption(_Strict):
    """How the objects are encrypted: `recipients` are public age keys, any of whose owners can read the backup."""

    method: Annotated[str, StringConstraints(pattern="^age$")] = "age"
    recipients: tuple[Short, ...] = pydantic.Field(min_length=1)


class Manifest(_Strict):
    """Everything that is known of a backup. It is written last: a backup without a manifest does not exist.

    `taken_at` is the database's clock when the snapshot was taken; `snapshot` and `lsn` say which moment of the database that
    was; `database_size` is in bytes, as the server counted it then. `contents` is the engine's own description of what the
    backup holds, by which a restored copy is proven; `tools` are the programs that made it, with their versions.
    """

    SCHEMA: ClassVar[str] = "pointsctl/backup/v1"

    id: BackupId
    environment: Name
    database: DatabaseName
    server_version: int
    engine: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    taken_at: Moment
    finished_at: Moment
    snapshot: Short
    lsn: Short
    database_size: int = pydantic.Field(ge=0)
    tools: Mapping[str, Short]
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")] | None
    encryption: Encryption | None
    objects: tuple[StoredObject, ...] = pydantic.Field(min_length=1)
    contents: Mapping[str, Any]

    @pydantic.model_validator(mode="after")
    def _names_are_unique(self) -> Manifest:
        names = [one.name for one in self.objects]
        if len(set(names)) != len(names):
            raise ValueError("two objects of one name")
        return self

    def text(self) -> str:
        """Canonical JSON, whose SHA-256 is the backup's digest."""
        return canonical_text({"schema": self.SCHEMA, **self.model_dump(mode="json")})

    @property
    def digest(self) -> str:
        """The backup's digest: it fixes every byte of every object."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    @property
    def stored_size(self) -> int:
        """Bytes in the store, without the manifest."""
        return sum(one.size for one in self.objects)

    @property
    def folder(self) -> str:
        """The folder in the store."""
        return folder_of(self.environment, self.id)

    @property
    def name(self) -> str:
        """The manifest's name in the store; it holds the digest, so that bytes and name cannot differ unnoticed."""
        return manifest_name(self.environment, self.id, self.digest)

    def place_of(self, stored: StoredObject) -> str:
        """An object's name in the store."""
        return f"{self.folder}/objects/{stored.name}"


def folder_of(environment: str, backup: str = "") -> str:
    """The folder of an environment's backups in the store, or of one of them."""
    return "/".join(part for part in (ROOT, environment, backup) if part)


def is_backup_id(text: str) -> bool:
    """Whether a text has the form of a backup's id."""
    return _ID.fullmatch(text) is not None


def manifest_name(environment: str, backup: str, digest: str) -> str:
    """The name in the store of the manifest with this digest."""
    return f"{folder_of(environment, backup)}/manifest-{digest}.json"


def manifest_name_parts(name: str) -> tuple[str, str, str] | None:
    """(environment, id, digest) of a manifest's name in the store; None for any other name."""
    parts = name.split("/")
    if len(parts) != len(("backups", "environment", "id", "manifest")) or parts[0] != ROOT:
        return None
    found = _MANIFEST.fullmatch(parts[3])
    return (parts[1], parts[2], found[1]) if found and is_backup_id(parts[2]) else None


def read_manifest(name: str, data: bytes) -> Manifest:
    """The manifest that is stored under `name`. Raises ManifestError unless every byte is as the name's digest says."""
    parts = manifest_name_parts(name)
    if parts is None:
        raise ManifestError(f"{name!r} is not the name of a manifest", hint="nothing but pointsctl writes them")
    environment, backup, expected = parts
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise _unbelievable(backup, f"its bytes have the digest {found[:12]}, its name says {expected[:12]}")
    try:
        document = parse(data.decode())
        if not isinstance(document, dict) or document.pop("schema", None) != Manifest.SCHEMA:
            raise _unbelievable(backup, f"it is no {Manifest.SCHEMA}")
        manifest = Manifest.model_validate(document)
    except (UnicodeDecodeError, JsonError) as error:
        raise _unbelievable(backup, f"it is no JSON ({type(error).__name__})") from None
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        raise _unbelievable(backup, f"{where} is not as expected") from None
    if (manifest.environment, manifest.id) != (environment, backup):
        raise _unbelievable(backup, f"it speaks of {manifest.id} of {manifest.environment!r}")
    return manifest


def _unbelievable(backup: str, why: str) -> ManifestError:
    message = f"the manifest of backup {backup} cannot be believed: {why}"
    return ManifestError(message, hint="use another backup; `pointsctl backup list` names them")
