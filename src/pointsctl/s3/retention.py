"""Object Lock: asks for it where the bucket has it, and looks whether it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pointsctl.errors import StorageError
from pointsctl.s3.connection import Connection, once
from pointsctl.s3.failures import MISSING, UNKNOWN_QUESTION

NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", *UNKNOWN_QUESTION}
_NO_RETENTION = {*NO_LOCK, "NoSuchObjectLegalHold", "InvalidRequest"}
_ENDLESS = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True)
class BucketLock:
    """The bucket's Object Lock: the mode and days that new objects get without asking; empty and 0 for no such default."""

    mode: str
    days: int
    now: datetime | None


def bucket_lock(answer: Mapping[str, Any] | None) -> BucketLock | None:
    """What the answer about a bucket's Object Lock means; None for a bucket without. `now` is the store's own clock."""
    configuration = (answer or {}).get("ObjectLockConfiguration", {})
    if configuration.get("ObjectLockEnabled") != "Enabled":
        return None
    rule = configuration.get("Rule", {}).get("DefaultRetention", {})
    date = (answer or {}).get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    now = parsedate_to_datetime(date) if date else None
    return BucketLock(rule.get("Mode", ""), rule.get("Days", 0) + 365 * rule.get("Years", 0), now)


class Retention:
    """The Object Lock of one bucket."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._bucket = once(self._ask)

    def wanted(self, until: datetime | None) -> dict[str, Any]:
        """How a request asks that the object stays until `until`; empty where nothing is to be asked.

        The bucket's own default is left alone when it lasts longer. Raises PermissionMissingError when the credentials may
        not see whether the bucket locks: then nobody could say whether the backup is protected.
        """
        lock = self._bucket() if until else None
        if until is None or lock is None:
            return {}
        if lock.now and (until <= lock.now or until <= lock.now + timedelta(days=lock.days)):
            return {}
        mode = self._connection.address.lock.upper() or lock.mode or "COMPLIANCE"
        return {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until}

    def demand(self, key: str, until: datetime | None) -> None:
        """See that the object is locked until `until`, where that was to be asked, and ask again if it is not.

        Raises StorageError when it still is not.
        """
        wanted = self.wanted(until)
        if until is None or not wanted or self._lasts(key, until):
            return
        asked = {"Mode": wanted["ObjectLockMode"], "RetainUntilDate": until}
        self._connection.call("put_object_retention", f"cannot lock {self._name(key)!r} in", Key=key, Retention=asked)
        if not self._lasts(key, until):
            raise StorageError(
                f"{self._connection.address.url} kept {self._name(key)!r} without the lock until {until:%Y-%m-%d}",
                hint="see the bucket's Object Lock; without one, leave it off for the whole bucket",
            )

    def until(self, key: str) -> datetime | None:
        """Until when the object cannot be deleted; a legal hold has no end. None also for an object that is not there."""
        if self._bucket() is None:
            return None
        what = f"cannot see how long {self._name(key)!r} is locked in"
        codes = {*_NO_RETENTION, *MISSING}
        retention = self._connection.call_unless(codes, "get_object_retention", what, Key=key)
        hold = self._connection.call_unless(codes, "get_object_legal_hold", what, Key=key)
        if hold and hold.get("LegalHold", {}).get("Status") == "ON":
            return _ENDLESS
        moment: datetime | None = (retention or {}).get("Retention", {}).get("RetainUntilDate")
        return moment.astimezone(UTC) if moment else None

    def _lasts(self, key: str, until: datetime) -> bool:
        found = self.until(key)
        # Stores keep whole seconds.
        return found is not None and found >= until.replace(microsecond=0)

    def _ask(self) -> BucketLock | None:
        what = "cannot see the Object Lock of"
        return bucket_lock(self._connection.call_unless(NO_LOCK, "get_object_lock_configuration", what))

    def _name(self, key: str) -> str:
        return self._connection.address.name(key)
