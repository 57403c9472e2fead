"""What is in a bucket below a folder, and how it goes away: with all its versions, or not at all."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pointsctl.errors import StorageError
from pointsctl.s3.connection import Connection

_BATCH = 1000
_WHAT = "cannot delete from"
_Version = dict[str, str]


def sizes(connection: Connection, prefix: str) -> dict[str, int]:
    """Names below the folder `prefix` with sizes in bytes; what a console puts there to show a folder is left out."""
    found = {}
    start = f"{connection.address.key(prefix)}/"
    for page in connection.pages("list_objects_v2", "cannot look into", Prefix=start):
        demand_listing(connection, page)
        for one in page.get("Contents", ()):
            name = connection.address.name(one["Key"])
            if not any(part.startswith(".") or not part for part in name.split("/")):
                found[name] = int(one["Size"])
    return dict(sorted(found.items()))


def demand_listing(connection: Connection, answer: Mapping[str, Any]) -> None:
    """Raises StorageError for what is no listing: any web page that comes with 200 reads like a bucket with nothing in it."""
    if "Name" not in answer:
        message = f"what answers at {connection.address.url} is no object store"
        raise StorageError(message, hint="see `endpoint` in the address of the store")


def delete(connection: Connection, names: Sequence[str]) -> None:
    """Delete these with every version of them: a deletion that leaves versions would keep the bytes, and their cost.

    Raises StorageError when one of them stays.
    """
    keys = [connection.address.key(name) for name in names]
    if not keys:
        return
    status = connection.call("get_bucket_versioning", "cannot see whether there are versions in").get("Status")
    doomed = list(_versions(connection, keys)) if status else [{"Key": key} for key in keys]
    for start in range(0, len(doomed), _BATCH):
        batch = {"Objects": doomed[start : start + _BATCH], "Quiet": True}
        answer = connection.call("delete_objects", _WHAT, Delete=batch)
        _demand_gone(connection, answer.get("Errors", ()))


def _versions(connection: Connection, keys: Sequence[str]) -> Iterator[_Version]:
    wanted, common = set(keys), os.path.commonpath(keys)
    for page in connection.pages("list_object_versions", "cannot see the versions in", Prefix=common):
        for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            if one["Key"] in wanted:
                yield {"Key": one["Key"], "VersionId": one["VersionId"]}


def _demand_gone(connection: Connection, errors: Sequence[_Version]) -> None:
    left = [one for one in errors if one.get("Code") not in ("NoSuchKey", "NoSuchVersion")]
    if not left:
        return
    first = connection.address.name(left[0]["Key"])
    count = f"{first!r}" if len(left) == 1 else f"{first!r} and {len(left) - 1:,} more"
    if left[0].get("Code") in ("AccessDenied", "403"):
        hint = "see how long it is locked (Object Lock, legal hold), and what the credentials may do"
        raise StorageError(f"{_WHAT} {connection.address.url}: {count} is locked, or may not be deleted", hint=hint)
    hint = "see the store's log, and run it again"
    raise StorageError(f"{_WHAT} {connection.address.url}: {count} stays", hint=hint)
