"""Gets objects: large ones in ranges, several at a time and handed on in order, never more than was expected."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from pointsctl.errors import StorageError
from pointsctl.files import new_private_file
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import stop_if_over
from pointsctl.s3.connection import REQUESTS, Connection
from pointsctl.s3.failures import MISSING, code_of
from pointsctl.s3.parts import MIB

# Of several downloads at once each holds some of these: twice as much takes more memory than the whole process may.
_RANGE = 4 * MIB
_EMPTY = {"InvalidRange", "416"}
_T = TypeVar("_T")
_BROKEN = (HTTPClientError, IncompleteReadError)


def read(connection: Connection, key: str, limit: int) -> bytes | None:
    """The bytes of a small object; None when there is none. Raises StorageError for more than `limit` bytes."""
    name = connection.address.name(key)
    with connection.described(f"cannot get {name!r} from"):
        answer = _first(connection, key, limit, None)
    return None if answer is None else answer.data


def fetch(
    connection: Connection,
    key: str,
    path: Path,
    size: int,
    cancellation: Cancellation,
    moved: Callable[[int], object],
) -> str | None:
    """Write an object into the new file `path`; its SHA-256, or None when there is no such object.

    Raises StorageError for more than `size` bytes.
    """
    digest, what = hashlib.sha256(), f"cannot get {connection.address.name(key)!r} from"
    with connection.described(what, cancellation):
        pieces = _pieces(connection, key, size, cancellation)
        if pieces is None:
            return None
        with new_private_file(path) as file, ThreadPoolExecutor(1) as hashing:
            for piece in pieces:
                # Both let other threads run meanwhile, and take about as long as the network.
                hashed = hashing.submit(digest.update, piece)
                file.write(piece)
                hashed.result()
                moved(len(piece))
    return digest.hexdigest()


def digest_of(connection: Connection, key: str, size: int, cancellation: Cancellation) -> str:
    """The SHA-256 of an object as it is read back; empty when there is no such object."""
    digest = hashlib.sha256()
    with connection.described(f"cannot read back {connection.address.name(key)!r} from", cancellation):
        pieces = _pieces(connection, key, size, cancellation)
        for piece in pieces or ():
            digest.update(piece)
    return "" if pieces is None else digest.hexdigest()


@dataclass(frozen=True)
class _First:
    """The beginning of an object (a small one: all of it), its size in bytes, and its ETag."""

    data: bytes
    total: int
    etag: str


def _pieces(connection: Connection, key: str, size: int, cancellation: Cancellation) -> Iterator[bytes] | None:
    """The object in pieces, in order. The first range tells how large it is, and what all the others must belong to."""
    first = _first(connection, key, size, cancellation)
    return None if first is None else _in_order(connection, key, first, cancellation)


def _first(connection: Connection, key: str, limit: int, cancellation: Cancellation | None) -> _First | None:
    # A range of an empty object is an error.
    asked = {"Range": f"bytes=0-{_RANGE - 1}"} if limit > _RANGE else {}

    def ask() -> _First:
        answer = connection.client.get_object(Bucket=connection.address.bucket, Key=key, **asked)
        total = int(answer.get("ContentRange", "").rpartition("/")[2] or answer["ContentLength"])
        if total > limit:
            message = f"{connection.address.name(key)!r} in {connection.address.url} has {total:,} bytes, not {limit:,}"
            raise StorageError(message, hint="it is not what pointsctl put there")
        data = _body(answer["Body"], min(_RANGE, total) if asked else total, cancellation)
        return _First(data, total, answer["ETag"])

    try:
        return _patiently(connection, ask)
    except ClientError as error:
        if code_of(error) in MISSING:
            return None
        if code_of(error) in _EMPTY:
            return _First(b"", 0, "")
        raise


def _in_order(connection: Connection, key: str, first: _First, cancellation: Cancellation) -> Iterator[bytes]:
    yield first.data
    if len(first.data) == first.total:
        return
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(REQUESTS) as pool:
        try:
            for start in range(len(first.data), first.total, _RANGE):
                # Several downloads share the slots: whoever holds one may wait for his own pieces, never for more slots.
                while not connection.slots.acquire(blocking=not waiting):
                    yield _next(connection, waiting)
                length = min(_RANGE, first.total - start)
                waiting.append(pool.submit(_piece, connection, key, first.etag, (start, length), cancellation))
            while waiting:
                yield _next(connection, waiting)
        finally:
            for _ in waiting:
                connection.slots.release()


def _next(connection: Connection, waiting: deque[Future[bytes]]) -> bytes:
    try:
        return waiting.popleft().result()
    finally:
        connection.slots.release()


def _piece(connection: Connection, key: str, etag: str, place: tuple[int, int], cancellation: Cancellation) -> bytes:
    start, length = place

    def ask() -> bytes:
        span = f"bytes={start}-{start + length - 1}"
        answer = connection.client.get_object(Bucket=connection.address.bucket, Key=key, Range=span, IfMatch=etag)
        return _body(answer["Body"], length, cancellation)

    return _patiently(connection, ask)


def _body(body: Any, length: int, cancellation: Cancellation | None) -> bytes:
    """So many bytes of an answer, in one piece. Raises IncompleteReadError for fewer."""
    with closing(body):
        if cancellation:
            stop_if_over(cancellation, "reading from the store")
        data: bytes = body.read(length) if length else b""
    if len(data) < length:
        raise IncompleteReadError(actual_bytes=len(data), expected_bytes=length)
    return data


def _patiently(connection: Connection, ask: Callable[[], _T]) -> _T:
    """boto3 asks again when no answer comes, but not when an answer breaks off in the middle."""
    for attempt in range(1, connection.patience.attempts + 1):
        try:
            return ask()
        except _BROKEN:
            if attempt == connection.patience.attempts:
                raise
    raise AssertionError("there is at least one attempt")
