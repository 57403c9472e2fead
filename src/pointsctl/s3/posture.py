"""Asks a bucket how it keeps what is in it; what may not be asked, or is not known to the store, stays unknown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pointsctl.errors import PermissionMissingError, StorageError
from pointsctl.model.posture import Posture
from pointsctl.s3.connection import Connection
from pointsctl.s3.failures import UNKNOWN_QUESTION
from pointsctl.s3.listing import demand_listing
from pointsctl.s3.retention import NO_LOCK, bucket_lock

_EVERYBODY = ("/global/AllUsers", "/global/AuthenticatedUsers")
_NO_ENCRYPTION = {"ServerSideEncryptionConfigurationNotFoundError"}
_NO_LIFECYCLE = {"NoSuchLifecycleConfiguration"}
_NO_POLICY = {"NoSuchBucketPolicy"}
_NO_BLOCK = {"NoSuchPublicAccessBlockConfiguration"}
_NO_ACL = {"AccessControlListNotSupported"}
_BLOCKS = ("IgnorePublicAcls", "RestrictPublicBuckets")


@dataclass
class _Asking:
    """Asks the bucket; collects what could not be asked."""

    connection: Connection
    notes: list[str] = field(default_factory=list)

    def ask(self, operation: str, subject: str, absent: Collection[str] = ()) -> Mapping[str, Any] | None:
        """The answer; an empty one for the codes `absent`; None, with a note, for what nobody would say."""
        try:
            answer = self.connection.call_unless({*absent}, operation, f"cannot see {subject} of")
        except PermissionMissingError:
            self.notes.append(f"{subject}: the credentials may not ask ({operation})")
            return None
        except StorageError as error:
            if not any(f"({code})" in error.message for code in UNKNOWN_QUESTION):
                raise
            self.notes.append(f"{subject}: the store does not know the question ({operation})")
            return None
        return answer or {}


def posture_of(connection: Connection, prefix: str) -> Posture:
    """How what lies below the folder `prefix` is kept. Raises what reaching the bucket raises."""
    key = f"{connection.address.key(prefix)}/"
    demand_listing(connection, connection.call("list_objects_v2", "cannot look into", Prefix=key, MaxKeys=1))
    asking = _Asking(connection)
    versioning = asking.ask("get_bucket_versioning", "versioning")
    lock_answer = asking.ask("get_object_lock_configuration", "the Object Lock", NO_LOCK - UNKNOWN_QUESTION)
    lock = bucket_lock(lock_answer)
    rules = asking.ask("get_bucket_lifecycle_configuration", "the lifecycle rules", _NO_LIFECYCLE)
    hitting = _hitting((rules or {}).get("Rules", ()), key)
    encryption = asking.ask("get_bucket_encryption", "the encryption", _NO_ENCRYPTION)
    public = _public(asking, key)
    if connection.client.meta.endpoint_url.startswith("http://"):
        asking.notes.append("the connection is not encrypted (http)")
    return Posture(
        "s3",
        connection.address.url,
        away=True,
        versioning=None if versioning is None else versioning.get("Status") == "Enabled",
        lock=None if lock_answer is None else lock is not None,
        lock_mode=None if lock_answer is None else (lock.mode if lock else ""),
        lock_days=None if lock_answer is None else (lock.days if lock else 0),
        public=public,
        expires_after=_shortest(hitting),
        expiry_known=rules is not None,
        aborts_uploads=None if rules is None else any("AbortIncompleteMultipartUpload" in rule for rule in hitting),
        encryption=None if encryption is None else _encryption(encryption),
        notes=tuple(asking.notes),
    )


def _hitting(rules: Sequence[Mapping[str, Any]], key: str) -> list[Mapping[str, Any]]:
    """The rules in force for objects below `key`; ours carry no tags, so a rule for tagged ones is none of them."""
    return [rule for rule in rules if rule.get("Status") == "Enabled" and _hits(rule, key)]


def _hits(rule: Mapping[str, Any], key: str) -> bool:
    limits = rule.get("Filter") or {}
    limits = {**limits, **(limits.get("And") or {})}
    start = rule.get("Prefix") or limits.get("Prefix") or ""
    return not limits.get("Tag") and not limits.get("Tags") and (key.startswith(start) or start.startswith(key))


def _shortest(rules: Sequence[Mapping[str, Any]]) -> timedelta | None:
    """After how long a rule deletes current objects; a rule with a date deletes whatever is there from then on."""
    found = [rule["Expiration"] for rule in rules if rule.get("Expiration")]
    ages = [timedelta(days=one["Days"]) for one in found if one.get("Days")]
    ages += [timedelta() for one in found if one.get("Date")]
    return min(ages, default=None)


def _encryption(answer: Mapping[str, Any]) -> str:
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    names = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "") for rule in rules]
    return next((name for name in names if name), "")


def _public(asking: _Asking, key: str) -> bool | None:
    """Whether anybody could read it: tried without credentials first, since that cannot be explained away."""
    if _anybody_may_list(asking.connection, key):
        return True
    block = asking.ask("get_public_access_block", "the public access block", _NO_BLOCK)
    settings = (block or {}).get("PublicAccessBlockConfiguration", {})
    no_acl, no_policy = (bool(settings.get(name)) for name in _BLOCKS)
    opened = [
        False if no_acl else _by_acl(asking),
        False if no_policy else _by_policy(asking),
    ]
    if True in opened:
        return True
    return None if None in opened else False


def _by_acl(asking: _Asking) -> bool | None:
    answer = asking.ask("get_bucket_acl", "the access list", _NO_ACL)
    if answer is None:
        return None
    grantees = [grant.get("Grantee", {}).get("URI", "") for grant in answer.get("Grants", ())]
    return any(uri.endswith(_EVERYBODY) for uri in grantees)


def _by_policy(asking: _Asking) -> bool | None:
    answer = asking.ask("get_bucket_policy_status", "the bucket's policy", _NO_POLICY)
    return None if answer is None else bool(answer.get("PolicyStatus", {}).get("IsPublic", False))


def _anybody_may_list(connection: Connection, key: str) -> bool:
    try:
        connection.anonymous().list_objects_v2(Bucket=connection.address.bucket, Prefix=key, MaxKeys=1)
    except (BotoCoreError, ClientError):
        # Refused, or lost on the way: the other questions decide.
        return False
    return True
