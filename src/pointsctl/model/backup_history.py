"""What the ledger says of each backup: whether it counts, was proven by a restore, was refuted, or is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pointsctl.model.ages import minute
from pointsctl.model.backup_records import (
    CreatedBackup,
    PrunedBackup,
    RefutedBackup,
    VerifiedBackup,
    read_backup_record,
)
from pointsctl.model.escape import plain
from pointsctl.model.ledger import Record
from pointsctl.model.pin import Pin
from pointsctl.model.statement import DatabaseName

_COUNTED = ("tables", "rows", "objects", "sequences", "large_objects")


class BackupState(StrEnum):
    """How a backup stands; ids that scripts may rely on."""

    VERIFIED = "verified"  # the newest restore proved it
    UNVERIFIED = "unverified"  # nobody has restored it
    REFUTED = "refuted"  # the newest restore failed, or gave something else
    PRUNED = "pruned"  # it was removed from its store
    REJECTED = "rejected"  # its own record does not count; `objection` says why


@dataclass(frozen=True)
class Drill:
    """A restore drill of a backup, and its record."""

    data: VerifiedBackup | RefutedBackup
    record: Record


@dataclass(frozen=True)
class RecordedBackup:
    """A backup that the ledger knows. `drills` are the restores of these very bytes, oldest first; `pruned` says that it was
    removed; `objection` says why it counts for nothing (empty when it does).
    """

    data: CreatedBackup
    record: Record
    drills: tuple[Drill, ...] = ()
    pruned: Record | None = None
    objection: str = ""

    @property
    def id(self) -> str:
        """The backup's id."""
        return self.data.backup

    @property
    def digest(self) -> str:
        """The digest of its manifest."""
        return self.data.manifest

    @property
    def taken_at(self) -> datetime:
        """The moment of the database that it is, by the database's clock; its age counts from here."""
        return self.data.taken_at

    @property
    def state(self) -> BackupState:
        """How it stands; the newest drill decides."""
        if self.objection:
            return BackupState.REJECTED
        if self.pruned is not None:
            return BackupState.PRUNED
        if not self.drills:
            return BackupState.UNVERIFIED
        return BackupState.VERIFIED if self.verification else BackupState.REFUTED

    @property
    def verification(self) -> VerifiedBackup | None:
        """What the newest drill says, when it proved the backup and the backup still counts."""
        newest = self.drills[-1].data if self.drills else None
        counts = not self.objection and self.pruned is None
        return newest if counts and isinstance(newest, VerifiedBackup) else None

    @property
    def refutation(self) -> RefutedBackup | None:
        """What the newest drill says, when it refuted the backup."""
        newest = self.drills[-1].data if self.drills else None
        return newest if isinstance(newest, RefutedBackup) else None

    @property
    def in_a_sentence(self) -> str:
        """How it stands and why, for people: `backup 2026… was refuted at 2026-01-31 08:00Z: …`."""
        what = f"backup {self.id}"
        if self.objection:
            return f"{what} does not count: {self.objection}"
        if self.pruned is not None:
            return f"{what} was removed at {minute(self.pruned.recorded_at)}"
        if self.refutation is not None:
            return (
                f"{what} was refuted at {minute(self.drills[-1].record.recorded_at)}: {plain(self.refutation.why, 200)}"
            )
        return f"{what} is verified" if self.verification else f"{what} is not verified"


class BackupFold:
    """A fold of records about backups in the order of the chain; `pin` is the pin in force."""

    def __init__(self, pin: Pin | None) -> None:
        self._database = pin.database if pin else None
        self._environment = pin.name if pin else ""
        self._created: dict[str, list[tuple[CreatedBackup, Record]]] = {}
        self._drills: dict[tuple[str, str], list[Drill]] = {}
        self._pruned: dict[tuple[str, str], Record] = {}

    def add(self, record: Record) -> None:
        """One record more, of a kind of `BACKUP_KINDS`. Raises BackupRecordError for one that cannot be read."""
        data = read_backup_record(record)
        key = (data.backup, data.manifest)
        if isinstance(data, CreatedBackup):
            known = self._created.setdefault(data.backup, [])
            if data not in [one for one, _ in known]:
                known.append((data, record))
        elif isinstance(data, PrunedBackup):
            self._pruned.setdefault(key, record)
        elif record.environment == self._environment:
            self._drills.setdefault(key, []).append(Drill(data, record))

    def result(self) -> tuple[RecordedBackup, ...]:
        """Every backup, the newest last."""
        found = [self._backup(data, record) for known in self._created.values() for data, record in known]
        return tuple(sorted(found, key=lambda one: (one.taken_at, one.record.seq)))

    def _backup(self, data: CreatedBackup, record: Record) -> RecordedBackup:
        key = (data.backup, data.manifest)
        # A drill of something that was taken at another time, or before it was taken, is none of this backup.
        drills = [
            one
            for one in self._drills.get(key, ())
            if one.data.taken_at == data.taken_at and one.record.seq > record.seq and _of_all(data, one.data)
        ]
        return RecordedBackup(data, record, tuple(drills), self._pruned.get(key), self._objection(data, record))

    def _objection(self, data: CreatedBackup, record: Record) -> str:
        if len(self._created[data.backup]) > 1:
            return "the ledger says two things of this id"
        if record.environment != self._environment:
            return f"it is recorded for {plain(record.environment, 60)!r}, this is the ledger of {self._environment!r}"
        if self._database is None or data.database != self._database:
            return f"it is of another database: {_named(data.database)}"
        if data.taken_at > record.recorded_at:
            return f"it says that it was taken at {minute(data.taken_at)}, after it was recorded"
        return ""


def _of_all(taken: CreatedBackup, drill: VerifiedBackup | RefutedBackup) -> bool:
    """Whether a proof is of as much as was taken, by everything that both have counted; a refutation may have found less."""
    if isinstance(drill, RefutedBackup):
        return True
    return all(taken.summary[name] == getattr(drill.proof, name) for name in _COUNTED if name in taken.summary)


def _named(database: DatabaseName) -> str:
    system = database.system_identifier or "unknown"
    return plain(f"{database.database} (oid {database.database_oid}, system {system})", 200)


def newest(backups: Sequence[RecordedBackup]) -> RecordedBackup | None:
    """The newest one that counts, whether it is verified or not."""
    gone = (BackupState.REJECTED, BackupState.PRUNED)
    return next((one for one in reversed(backups) if one.state not in gone), None)


def proven(backups: Sequence[RecordedBackup]) -> RecordedBackup | None:
    """The newest verified one, unless a newer one was refuted: what went wrong there may have been wrong before.

    The refuted one is given then, so that it can be named; removing it does not bring the older one back.
    """
    return next((one for one in reversed(backups) if not one.objection and (one.verification or one.refutation)), None)


def in_question(backups: Sequence[RecordedBackup], now: datetime, fresh_for: timedelta) -> RecordedBackup | None:
    """The one backup that every item of a checklist is about: the proven one while it is fresh, else the newest.

    One for all, so that no gate is opened by the restore of one backup and the place of another.
    """
    drilled = proven(backups)
    return drilled if drilled is not None and is_fresh(drilled, now, fresh_for) else newest(backups)


def is_fresh(backup: RecordedBackup, now: datetime, fresh_for: timedelta) -> bool:
    """Whether it is no older than `fresh_for` at `now`, the database's clock, and not of the future."""
    return timedelta(0) <= now - backup.taken_at <= fresh_for


def before(backups: Sequence[RecordedBackup], taken_at: datetime) -> RecordedBackup | None:
    """What the size of a backup of that moment is compared with, pruned or not: the last one before it that was proven, else
    the last one: a backup that shrank must not become the measure for the next one by itself.
    """
    earlier = [one for one in backups if one.taken_at < taken_at and not one.objection]
    proven_once = [one for one in earlier if any(isinstance(drill.data, VerifiedBackup) for drill in one.drills)]
    return next(reversed(proven_once or earlier), None)
