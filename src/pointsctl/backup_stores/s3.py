"""A bucket as a store: `s3://bucket/prefix`, at Amazon or at any endpoint that speaks like it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from pointsctl.backup_stores.interface import AlreadyStoredError, Moved, NotStoredError, Store, parts_of
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.posture import Posture
from pointsctl.s3 import download, listing
from pointsctl.s3.address import Address
from pointsctl.s3.connection import Connection, Patience
from pointsctl.s3.multipart import Multipart
from pointsctl.s3.parts import Sent
from pointsctl.s3.posture import posture_of
from pointsctl.s3.retention import Retention
from pointsctl.s3.upload import Upload


class S3(Store):
    """Objects below a prefix of one bucket. Credentials come from boto3's own chain, and are never part of the address."""

    def __init__(self, address: Address, patience: Patience | None = None) -> None:
        self._connection = Connection(address, patience or Patience())
        self._retention = Retention(self._connection)
        self._upload = Upload(self._connection, self._retention)

    @classmethod
    def open(cls, url: str) -> Self:
        """The bucket of `s3://bucket/prefix?endpoint=...&region=...&sse=...&kms_key=...&lock=...&style=...`."""
        return cls(Address.parse(url))

    @property
    def address(self) -> str:
        """Bucket, prefix and endpoint."""
        return self._connection.address.url

    def prepare(self) -> None:
        """Put a small object twice: see `s3/conditional`."""
        self._upload.refuse_overwriters()

    def put(self, name: str, data: bytes, *, retain_until: datetime | None = None) -> None:
        """One request with `If-None-Match: *`. Raises RefusedError for a store that would overwrite all the same."""
        if not self._upload.put(self._key(name), data, retain_until):
            raise self._taken(name)

    def put_file(
        self,
        name: str,
        path: Path,
        sha256: str,
        cancellation: Cancellation,
        *,
        moved: Moved = lambda _bytes: None,
        retain_until: datetime | None = None,
    ) -> None:
        """One request for a small file; a large one goes in parts, of which those that had arrived are kept."""
        if not self._upload.put_file(Sent(self._key(name), path, sha256, retain_until), cancellation, moved):
            raise self._taken(name)

    def get(self, name: str, limit: int) -> bytes:
        """The object's bytes."""
        data = download.read(self._connection, self._key(name), limit)
        if data is None:
            raise self._missing(name)
        return data

    def get_file(
        self, name: str, path: Path, size: int, cancellation: Cancellation, *, moved: Moved = lambda _bytes: None
    ) -> str:
        """In ranges of one and the same version, several at a time."""
        sha256 = download.fetch(self._connection, self._key(name), path, size, cancellation, moved)
        if sha256 is None:
            raise self._missing(name)
        return sha256

    def names(self, prefix: str) -> Sequence[str]:
        """What `sizes` finds."""
        return list(self.sizes(prefix))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Lists the bucket, however many there are."""
        parts_of(prefix)
        return listing.sizes(self._connection, prefix)

    def delete(self, names: Sequence[str]) -> None:
        """With every version of them, where the bucket keeps versions."""
        for name in names:
            parts_of(name)
        listing.delete(self._connection, names)

    def protected_until(self, name: str) -> datetime | None:
        """The object's retention; a legal hold has no end, which is the last day that there is."""
        if not self._upload.has(self._key(name)):
            # A look at an object does not tell a bucket that does not exist from an object that does not; reading does.
            self.get(name, 0)
        return self._retention.until(self._key(name))

    def abandon(self, prefix: str, begun_before: datetime) -> None:
        """Abort the uploads that were begun there before that moment, by the store's clock, also one that still goes on."""
        parts_of(prefix)
        multipart = Multipart(self._connection, self._retention)
        for one in multipart.unfinished(f"{self._connection.address.key(prefix)}/"):
            if one.begun_at < begun_before:
                multipart.abort(one.key, one.id)

    def posture(self, prefix: str) -> Posture:
        """What the bucket says about itself, and what somebody without credentials may do there."""
        parts_of(prefix)
        return posture_of(self._connection, prefix)

    def _key(self, name: str) -> str:
        parts_of(name)
        return self._connection.address.key(name)

    def _taken(self, name: str) -> AlreadyStoredError:
        message = f"there is {name!r} in {self.address} already"
        return AlreadyStoredError(message, hint="what is in the store is never overwritten")

    def _missing(self, name: str) -> NotStoredError:
        hint = "was it removed? see what is there: `pointsctl backup list`"
        return NotStoredError(f"there is no {name!r} in {self.address}", hint=hint)
