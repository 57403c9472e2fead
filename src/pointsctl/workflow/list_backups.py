"""Use case: every backup of an environment, as the store shows it and as the ledger tells of it; nothing is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from pointsctl.backup_stores.interface import Store
from pointsctl.errors import CouldNotLookError, PointsctlError, UsageError
from pointsctl.model.backup_history import BackupState, RecordedBackup
from pointsctl.model.escape import plain
from pointsctl.model.history import History
from pointsctl.model.retention import protected_until
from pointsctl.workflow.backup_ledger import BackupLedger, backup_ledger
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.stored_backups import StoreContents, StoredBackup, stored_backups

_ASKERS = 4
_IN_THE_LEDGER = frozenset({BackupState.UNVERIFIED, BackupState.VERIFIED, BackupState.REFUTED})


@dataclass(frozen=True)
class ListedBackup:
    """One backup. `stored` is None when only the ledger knows it, `recorded` when the ledger does not know this manifest.

    `protected_until` is None where nobody could say; `problems` is what is wrong with it in the store.
    """

    id: str
    stored: StoredBackup | None
    recorded: RecordedBackup | None
    protected_until: datetime | None
    problems: tuple[str, ...]

    @property
    def taken_at(self) -> datetime | None:
        """The database's clock when it was taken, where a manifest or a record says so."""
        if self.stored and self.stored.manifest:
            return self.stored.manifest.taken_at
        return self.recorded.taken_at if self.recorded else None


@dataclass(frozen=True)
class BackupList:
    """The backups of `environment`, the newest first. `unread` says why the ledger was not asked, empty when it was."""

    environment: str
    store: str
    now: datetime
    backups: tuple[ListedBackup, ...]
    contents: StoreContents
    unread: str

    def find(self, given: str) -> ListedBackup:
        """The backup whose id begins with `given`, or the newest in the store for `latest`.

        Raises ContextMissingError when there is none, UsageError when there are several.
        """
        stored = {one.id: one for one in self.backups if one.stored is not None}
        begins = [one for one in self.backups if given and one.id.lower().startswith(given.lower())]
        if len(begins) == 1:
            return begins[0]
        return stored[self.contents.find(given).id]


def list_backups(request: BackupRequest) -> BackupList:
    """Look into the store and the ledger.

    A ledger that cannot be read is no reason to show nothing: its server may be what is lost. Raises UsageError without a store,
    StorageError and its kin when the store cannot be looked into.
    """
    store, ledger = request.store(), _ledger(request)
    recorded = newest_records(ledger.history)
    contents = stored_backups(store, request.name, {id_: one.digest for id_, one in recorded.items()})
    locks = locks_of(store, contents.backups)
    listed = [_listed(request, one, recorded.get(one.id), locks[one.id]) for one in contents.backups]
    there = {one.id for one in contents.backups}
    lost = [
        ListedBackup(one.id, None, one, None, (_missing(one, store),))
        for one in recorded.values()
        if one.id not in there and one.state in _IN_THE_LEDGER
    ]
    backups = sorted([*listed, *lost], key=lambda one: one.id, reverse=True)
    now = ledger.history.now if ledger.history and ledger.history.now else request.surroundings.clock()
    return BackupList(request.name, store.address, now, tuple(backups), contents, ledger.why)


def _missing(one: RecordedBackup, store: Store) -> str:
    where = one.data.store
    return "it is not in the store" if where == store.address else f"it was stored in {plain(where)}, another store"


def newest_records(history: History | None) -> Mapping[str, RecordedBackup]:
    """What the ledger tells of each backup, by id; of an id that was recorded twice, nothing that counts."""
    return {one.id: one for one in history.backups if not one.objection} if history else {}


Lock = datetime | PointsctlError | None


def locks_of(store: Store, backups: Iterable[StoredBackup]) -> Mapping[str, Lock]:
    """Until when the store protects each backup's manifest: the moment, None for not at all, or why nobody could say."""
    wanted = list(backups)
    with ThreadPoolExecutor(_ASKERS) as pool:
        return dict(
            zip(
                [one.id for one in wanted],
                pool.map(lambda one: lock_of(store, one.manifest_names), wanted),
                strict=True,
            )
        )


def lock_of(store: Store, names: Sequence[str]) -> Lock:
    """The latest lock of any of these names, or why nobody could say."""
    latest: datetime | None = None
    for name in names:
        try:
            until = store.protected_until(name)
        except PointsctlError as error:
            return error
        latest = max(latest, until) if latest and until else latest or until
    return latest


def _listed(request: BackupRequest, stored: StoredBackup, recorded: RecordedBackup | None, lock: Lock) -> ListedBackup:
    problems = stored.problems
    if isinstance(lock, PointsctlError):
        problems = (*problems, f"nobody could say until when the store protects it: {lock.message}")
    until = None
    if stored.manifest is not None and not isinstance(lock, PointsctlError):
        until = protected_until(stored.manifest.taken_at, request.settings.retention, lock)
    same = recorded is not None and stored.manifest is not None and recorded.digest == stored.manifest.digest
    return ListedBackup(stored.id, stored, recorded if same else None, until, problems)


def _ledger(request: BackupRequest) -> BackupLedger:
    try:
        return backup_ledger(request.name, request.environment, request.variables)
    except UsageError:
        raise
    except CouldNotLookError as error:
        return BackupLedger(request.name, request.environment, None, f"the ledger was not read: {error.message}")
    except PointsctlError as error:
        return BackupLedger(request.name, request.environment, None, f"the ledger does not count: {error.message}")
