"""Puts objects that are not there yet: whole or not at all, also when many write at once, and going on where it was cut off.

s3transfer is not used for it: it neither passes `If-None-Match` on, nor finds the parts that an earlier upload has left.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pointsctl.errors import StorageError
from pointsctl.model.cancellation import Cancellation
from pointsctl.s3.conditional import demand_for_objects, demand_for_uploads
from pointsctl.s3.connection import Connection, once
from pointsctl.s3.download import digest_of
from pointsctl.s3.failures import CONFLICT, MISSING, TAKEN
from pointsctl.s3.multipart import Multipart
from pointsctl.s3.parts import SINGLE, Measured, Part, Sent, Slice, checksum, composite, demand_digest
from pointsctl.s3.retention import Retention

_CONFLICTS = 5
_NONCE = "pointsctl-put"


class Upload:
    """Puts objects into the bucket of a connection. Safe for threads."""

    def __init__(self, connection: Connection, retention: Retention) -> None:
        self._connection = connection
        self._retention = retention
        self._multipart = Multipart(connection, retention)
        self.refuse_overwriters = once(lambda: demand_for_objects(connection))
        self._refuse_overwriters_in_parts = once(lambda: demand_for_uploads(connection))

    def put(self, key: str, data: bytes, until: datetime | None) -> bool:
        """Put `data`; False when something is there already."""
        self.refuse_overwriters()
        nonce, digest = uuid.uuid4().hex, checksum(hashlib.sha256(data).digest())
        put = self._put_once(key, data, digest, until, Metadata={_NONCE: nonce})
        # When the answer to the first try was lost, the second one finds our own object.
        if put is None and (self._head(key) or {}).get("Metadata", {}).get(_NONCE) != nonce:
            return False
        self._retention.demand(key, until)
        return True

    def put_file(self, sent: Sent, cancellation: Cancellation, moved: Callable[[int], object]) -> bool:
        """Put a file; True also when the very same bytes are there already, False when others are.

        Raises StorageError when the file has not the SHA-256 that it should have.
        """
        self.refuse_overwriters()
        what = f"cannot put {self._connection.address.name(sent.key)!r} into"
        with self._connection.described(what, cancellation):
            size = sent.path.stat().st_size
            if size <= SINGLE:
                put = self._put_single(sent, cancellation, moved)
            else:
                put = self._put_in_parts(sent, size, cancellation, moved)
        if put:
            self._retention.demand(sent.key, sent.until)
        return put

    def has(self, key: str) -> bool:
        """Whether there is an object of that key."""
        return self._head(key) is not None

    def _put_single(self, sent: Sent, cancellation: Cancellation, moved: Callable[[int], object]) -> bool:
        measured = Measured(sent.path, cancellation)
        (part,) = measured
        demand_digest(sent, measured)
        with Slice(sent.path, part, cancellation) as body, self._connection.slots:
            proof = self._put_once(sent.key, body if part.size else b"", part.checksum, sent.until)
        there = proof == part.checksum or self._is_there(sent, [part], cancellation)
        moved(part.size if there else 0)
        return there

    def _put_in_parts(self, sent: Sent, size: int, cancellation: Cancellation, moved: Callable[[int], object]) -> bool:
        if self._head(sent.key) is not None:
            there = self._is_there(sent, list(Measured(sent.path, cancellation)), cancellation)
            moved(size if there else 0)
            return there
        self._refuse_overwriters_in_parts()
        parts = self._multipart.put(sent, cancellation, moved)
        # Looked up even when the store said yes: what it has is what counts.
        return self._is_there(sent, parts, cancellation)

    def _put_once(self, key: str, body: Any, digest: str, until: datetime | None, **arguments: Any) -> str | None:
        """The checksum that the store computed of what arrived (empty when it tells none); None when the key is taken."""
        what = f"cannot put {self._connection.address.name(key)!r} into"
        asked = {"Key": key, "Body": body, "ChecksumSHA256": digest, "IfNoneMatch": "*", **arguments}
        asked |= {**self._connection.address.encryption, **self._retention.wanted(until)}
        for _ in range(_CONFLICTS):
            answer = self._connection.call_unless({*CONFLICT, *TAKEN}, "put_object", what, **asked)
            if answer is not None:
                return str(answer.get("ChecksumSHA256", ""))
            # Somebody else was writing it at the same moment, and may not have succeeded.
            if self._head(key) is not None:
                return None
        raise StorageError(f"{what} {self._connection.address.url}: others write it too", hint="run it again")

    def _is_there(self, sent: Sent, parts: list[Part], cancellation: Cancellation) -> bool:
        """Whether the object is the file, by the store's own checksum of it, or else by reading it again."""
        found = self._head(sent.key)
        if found is None:
            message = (
                f"{self._connection.address.url} does not have {self._connection.address.name(sent.key)!r} after all"
            )
            raise StorageError(message, hint="see whether somebody deletes there, and run it again")
        if found["ContentLength"] != sum(part.size for part in parts):
            return False
        known = found.get("ChecksumSHA256")
        if known and known in (parts[0].checksum if len(parts) == 1 else composite(parts), composite(parts)):
            return True
        return digest_of(self._connection, sent.key, found["ContentLength"], cancellation) == sent.sha256

    def _head(self, key: str) -> Any | None:
        what = f"cannot look at {self._connection.address.name(key)!r} in"
        return self._connection.call_unless(MISSING, "head_object", what, Key=key, ChecksumMode="ENABLED")
