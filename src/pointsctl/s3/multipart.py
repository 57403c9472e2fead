"""Puts one large file in parts: several at a time, and those that an earlier upload of the same bytes has left are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pointsctl.model.cancellation import Cancellation
from pointsctl.s3.connection import REQUESTS, Connection
from pointsctl.s3.failures import CONFLICT, TAKEN
from pointsctl.s3.parts import Measured, Part, Sent, Slice, demand_digest
from pointsctl.s3.retention import Retention

_GONE = {"NoSuchUpload"}


@dataclass(frozen=True)
class Begun:
    """An upload that was begun and is not finished; `begun_at` by the store's clock."""

    key: str
    id: str
    begun_at: datetime


@dataclass(frozen=True)
class _Unfinished:
    """An upload to go on with, and the ETags of the parts that have arrived, by their numbers."""

    id: str
    kept: Mapping[int, str]


class Multipart:
    """Uploads in parts to the bucket of a connection."""

    def __init__(self, connection: Connection, retention: Retention) -> None:
        self._connection = connection
        self._retention = retention

    def put(self, sent: Sent, cancellation: Cancellation, moved: Callable[[int], object]) -> list[Part]:
        """Send the file and complete it unless something is there already; the caller looks what is there. Gives its parts.

        Cut off, the parts stay for the next call. Raises StorageError, and leaves nothing, when the file has not its SHA-256.
        """
        measured = Measured(sent.path, cancellation)
        parts: Iterable[Part] = measured
        upload = None
        if earlier := self.unfinished(sent.key, exactly=True):
            # To know which parts are these very bytes, all are measured first; otherwise that goes along with the sending.
            parts = list(measured)
            demand_digest(sent, measured)
            upload = self._to_go_on_with(sent, [one.id for one in earlier], parts)
        upload = upload or self._begun(sent)
        done, etags = self._send(sent, upload, parts, cancellation, moved)
        if measured.sha256 != sent.sha256 or not self._completed(sent.key, upload.id, done, etags):
            self.abort(sent.key, upload.id)
        demand_digest(sent, measured)
        return done

    def unfinished(self, prefix: str, *, exactly: bool = False) -> list[Begun]:
        """The uploads that were begun below `prefix` (or for that very key) and are not finished."""
        what = "cannot look for unfinished uploads in"
        pages = self._connection.pages("list_multipart_uploads", what, Prefix=prefix)
        found = [one for page in pages for one in page.get("Uploads", ()) if one["Key"] == prefix or not exactly]
        return [Begun(one["Key"], one["UploadId"], one["Initiated"]) for one in found]

    def abort(self, key: str, upload: str) -> None:
        """Give an upload up; nothing happens when it is gone."""
        what = "cannot clean up an unfinished upload in"
        self._connection.call_unless(_GONE, "abort_multipart_upload", what, Key=key, UploadId=upload)

    def _begun(self, sent: Sent) -> _Unfinished:
        asked = {**self._connection.address.encryption, **self._retention.wanted(sent.until)}
        what = self._what(sent)
        answer = self._connection.call(
            "create_multipart_upload", what, Key=sent.key, ChecksumAlgorithm="SHA256", **asked
        )
        return _Unfinished(answer["UploadId"], {})

    def _to_go_on_with(self, sent: Sent, uploads: Sequence[str], parts: Sequence[Part]) -> _Unfinished | None:
        """The upload whose parts are all parts of this file; one that holds anything else belongs to somebody else."""
        by_number = {part.number: part for part in parts}
        for upload in uploads:
            listed = self._listed(sent, upload)
            ours = [by_number.get(one["PartNumber"]) for one in listed]
            if listed and all(part and _same(sent.path, part, one) for part, one in zip(ours, listed, strict=True)):
                return _Unfinished(upload, {one["PartNumber"]: one["ETag"] for one in listed})
        return None

    def _listed(self, sent: Sent, upload: str) -> list[Mapping[str, Any]]:
        pages = self._connection.pages("list_parts", self._what(sent), Key=sent.key, UploadId=upload)
        return [one for page in pages for one in page.get("Parts", ())]

    def _send(
        self,
        sent: Sent,
        upload: _Unfinished,
        parts: Iterable[Part],
        cancellation: Cancellation,
        moved: Callable[[int], object],
    ) -> tuple[list[Part], dict[int, str]]:
        done, sending = list[Part](), dict[int, Future[str]]()
        with ThreadPoolExecutor(REQUESTS) as pool:
            for part in parts:
                done.append(part)
                if part.number in upload.kept:
                    moved(part.size)
                    continue
                self._connection.slots.acquire()
                future = pool.submit(self._send_part, sent, upload.id, part, cancellation, moved)
                future.add_done_callback(lambda _: self._connection.slots.release())
                sending[part.number] = future
                _raise_what_failed(sending.values())
        return done, {**upload.kept, **{number: future.result() for number, future in sending.items()}}

    def _send_part(
        self, sent: Sent, upload: str, part: Part, cancellation: Cancellation, moved: Callable[[int], object]
    ) -> str:
        what = self._what(sent)
        place = {"Key": sent.key, "UploadId": upload, "PartNumber": part.number}
        with self._connection.described(what, cancellation), Slice(sent.path, part, cancellation) as body:
            answer = self._connection.call("upload_part", what, Body=body, ChecksumSHA256=part.checksum, **place)
        moved(part.size)
        return str(answer["ETag"])

    def _completed(self, key: str, upload: str, parts: Sequence[Part], etags: Mapping[int, str]) -> bool:
        """False when there is something under the key already; whether the upload is gone or done, the caller sees there."""
        listed = [
            {"PartNumber": one.number, "ETag": etags[one.number], "ChecksumSHA256": one.checksum} for one in parts
        ]
        answer = self._connection.call_unless(
            {*TAKEN, *CONFLICT, *_GONE},
            "complete_multipart_upload",
            f"cannot put {self._connection.address.name(key)!r} into",
            Key=key,
            UploadId=upload,
            MultipartUpload={"Parts": listed},
            IfNoneMatch="*",
        )
        return answer is not None

    def _what(self, sent: Sent) -> str:
        return f"cannot put {self._connection.address.name(sent.key)!r} into"


def _raise_what_failed(futures: Iterable[Future[str]]) -> None:
    for future in futures:
        if future.done():
            future.result()


def _same(path: Path, part: Part, listed: Mapping[str, Any]) -> bool:
    """Whether the part that the store has is this one: by SHA-256 where it tells, else by the ETag, which is the MD5."""
    if listed["Size"] != part.size:
        return False
    if "ChecksumSHA256" in listed:
        return bool(listed["ChecksumSHA256"] == part.checksum)
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        file.seek(part.offset)
        left = part.size
        while left and (chunk := file.read(min(left, 1 << 20))):
            digest.update(chunk)
            left -= len(chunk)
    return bool(listed["ETag"].strip('"') == digest.hexdigest())
