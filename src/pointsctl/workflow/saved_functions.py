"""Fetches what is deployed of a function: kept in the store before it is replaced, compared with what was sent after it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pointsctl.backup_stores.interface import Store
from pointsctl.errors import CouldNotLookError, StorageError
from pointsctl.files import write_private
from pointsctl.function_platforms.interface import Platform
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.canonical import canonical_text, digest
from pointsctl.model.deployed_function import DeployedFunction
from pointsctl.model.escape import plain

FOLDER = "functions"
INDEX = "index.json"
SCHEMA = "pointsctl/saved-function/v1"

_MOST_FILES = 5_000
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Fetched:
    """What a platform gave back: the SHA-256 of each file by its path, as it would be beside the checklist."""

    folder: Path
    files: Mapping[str, str]


def fetch_function(platform: Platform, name: str, folder: Path, cancellation: Cancellation) -> Fetched | None:
    """What is deployed under `name`, in the new folder `folder`; None when the platform gives nothing back.

    Raises what the platform raises, CouldNotLookError for links, no file, or too many.
    """
    folder.mkdir(mode=0o700)
    if not platform.save(name, folder, cancellation):
        return None
    files = {path.relative_to(folder).as_posix(): _sha256(path) for path in _walk(folder)}
    if not files:
        message = f"the platform gave back no file of the function {name!r}"
        raise CouldNotLookError(message, hint="see on the platform whether it is whole")
    return Fetched(folder, files)


def keep_function(store: Store, environment: str, one: DeployedFunction, fetched: Fetched, stop: Cancellation) -> str:
    """Put what was fetched into the store, and give its folder there; what is there already stays.

    The files are kept under their digests; `index.json` says which path each one had. Raises StorageError.
    """
    version = _NO_NAME.sub("_", one.version)[:60] or "_"
    folder = f"{_place(environment, one.name)}/{version}-{digest(dict(fetched.files))}"
    for path, sha256 in fetched.files.items():
        store.put_file(f"{folder}/{sha256}", fetched.folder / path, sha256, stop)
    index = {"schema": SCHEMA, "function": one.name, "version": one.version, "files": dict(fetched.files)}
    text = canonical_text(index)
    # Last, so that a folder with an index is whole.
    place = fetched.folder.parent / f"{fetched.folder.name}.{INDEX}"
    write_private(place, text)
    store.put_file(f"{folder}/{INDEX}", place, hashlib.sha256(text.encode()).hexdigest(), stop)
    return folder


def kept_before(store: Store, environment: str, one: DeployedFunction, since: str | None) -> str | None:
    """The folder of the newest version that was kept before `one`, from version `since` on; None when there is none.

    After a deployment that was cut off before its record, that is what ran before it. Raises StorageError.
    """
    place, suffix = _place(environment, one.name), f"/{INDEX}"
    folders = [name.removesuffix(suffix) for name in store.names(place) if name.endswith(suffix)]
    kept = {folder.removeprefix(f"{place}/").partition("-")[0]: folder for folder in folders}
    if not one.version.isdecimal() or not (since or "0").isdecimal():
        return None
    versions = [int(version) for version in kept if version.isdecimal()]
    found = [version for version in versions if int(since or "0") <= version < int(one.version)]
    return kept[str(max(found))] if found else None


def _place(environment: str, name: str) -> str:
    return f"{FOLDER}/{environment}/{_NO_NAME.sub('_', name)}"


def difference(fetched: Fetched, name: str, sent: Path) -> str | None:
    """How what was fetched differs from the files below `sent`; None when every file of it was sent, and the function's own
    among them. A platform keeps only what a function imports, so not all that was sent must be there.
    """
    own = f"supabase/functions/{name}/"
    if not any(path.startswith(own) for path in fetched.files):
        return f"it holds no file below {own}"
    for path, sha256 in sorted(fetched.files.items()):
        place = sent / path
        if not place.is_file():
            return f"{plain(path, 120)} was not sent"
        if _sha256(place) != sha256:
            return f"{plain(path, 120)} has other bytes than were sent"
    return None


def _walk(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, names in os.walk(folder):
        for name in (*names, *(one for one in folders if Path(place, one).is_symlink())):
            path, count = Path(place, name), count + 1
            if path.is_symlink() or not path.is_file() or count > _MOST_FILES:
                message = f"the platform gave back {plain(name, 120)!r}, a link or one of too many files"
                raise CouldNotLookError(message, hint="see on the platform what is deployed there")
            yield path


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"{plain(path.name, 120)!r} cannot be read: {reason}", hint="see its permissions") from None
