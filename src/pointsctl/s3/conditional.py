"""Whether a store keeps its word that nothing is overwritten: tried once, since a store that ignores it says nothing."""

from __future__ import annotations

import contextlib

from pointsctl.errors import PointsctlError, RefusedError
from pointsctl.s3.connection import Connection
from pointsctl.s3.failures import TAKEN

_PROBE = ".pointsctl-writes-once"
_BODY = b"made by pointsctl, to see whether this store refuses to overwrite an object\n"
_WHAT = "cannot try out"


def demand_for_objects(connection: Connection) -> None:
    """Put the same small object twice: the second must be refused. It stays, so that one request is enough next time.

    Raises RefusedError when the store takes both.
    """
    for _ in range(2):
        request = {
            "Key": connection.address.key(_PROBE),
            "Body": _BODY,
            "IfNoneMatch": "*",
            **connection.address.encryption,
        }
        if connection.call_unless(TAKEN, "put_object", _WHAT, ChecksumAlgorithm="SHA256", **request) is None:
            return
    raise _ignored(connection, "an object")


def demand_for_uploads(connection: Connection) -> None:
    """The same for an object that arrives in parts: completing it where there is one already must be refused."""
    key = {"Key": connection.address.key(_PROBE)}
    upload = connection.call("create_multipart_upload", _WHAT, **key, **connection.address.encryption)["UploadId"]
    try:
        part = connection.call("upload_part", _WHAT, **key, UploadId=upload, PartNumber=1, Body=_BODY)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        done = connection.call_unless(
            TAKEN, "complete_multipart_upload", _WHAT, **key, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*"
        )
    finally:
        # An upload that was completed after all is no longer there.
        with contextlib.suppress(PointsctlError):
            connection.call("abort_multipart_upload", _WHAT, **key, UploadId=upload)
    if done is not None:
        raise _ignored(connection, "an object that arrives in parts")


def _ignored(connection: Connection, what: str) -> RefusedError:
    return RefusedError(
        f"{connection.address.url} overwrites {what} although it is told `If-None-Match: *`",
        hint="use a store that honours conditional writes (Amazon S3, MinIO and SeaweedFS do)",
    )
