"""Use case: remove the backups that nothing needs any more, and what uploads that never ended have left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pointsctl.backup_stores.interface import Store
from pointsctl.errors import PointsctlError, RefusedError, StorageError
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.ages import minute
from pointsctl.model.backup import folder_of, manifest_name_parts
from pointsctl.model.backup_history import BackupState, RecordedBackup
from pointsctl.model.history import History
from pointsctl.model.plan import ProofEvidence
from pointsctl.model.retention import UPLOAD_TAKES, Candidate, Judgement, Rules, is_abandoned, judge
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.list_backups import Lock, lock_of, locks_of, newest_records
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.record_backup import record_pruned
from pointsctl.workflow.stored_backups import StoreContents, StoredBackup, stored_backups

_CLOCKS_DIFFER = timedelta(hours=1)
_ASKERS = 8


@dataclass(frozen=True)
class Pruning:
    """What becomes of every backup of `environment` in `store`, and of unfinished uploads; `sizes` in bytes, by id."""

    environment: str
    store: str
    judgements: tuple[Judgement, ...]
    leftovers: tuple[Judgement, ...]
    sizes: Mapping[str, int]

    @property
    def removed(self) -> tuple[str, ...]:
        """The ids of everything that is removed."""
        return tuple(one.id for one in (*self.judgements, *self.leftovers) if one.removed)

    @property
    def freed(self) -> int:
        """Bytes that are removed."""
        return sum(self.sizes[one] for one in self.removed)


def prune_backups(
    request: BackupRequest, consent: Callable[[Pruning], None], needed: Mapping[str, str] | None = None
) -> Pruning:
    """Remove what may go, after `consent` was shown what that is; it raises to leave everything as it is.

    1. The ledger and the store are read, and each backup is judged. 2. Somebody agrees. 3. Everything is read again: only what
    may go both times goes. 4. For each backup the ledger says so first, then its manifest goes, then its objects; a call that
    was cut off is ended by the next one. `needed` says, by id, what still needs a backup besides the newest plan.
    Raises RefusedError without a ledger (the store alone does not say what was proven), when clocks disagree, and what the
    store and the ledger raise; StorageError names what could not be removed, after everything else was.
    """
    store = request.store()
    with open_ledger(request.name, request.environment) as ledger:
        first, _ = _judged(request, store, ledger, needed or {})
        if not first.removed:
            return first
        consent(first)
        again, contents = _judged(request, store, ledger, needed or {})
        agreed = _both(first, again)
        _remove(request, store, ledger, agreed, contents)
        # What is larger than one request has no name before it is whole.
        store.abandon(folder_of(request.name), ledger.now() - UPLOAD_TAKES)
    return agreed


def _judged(
    request: BackupRequest, store: Store, ledger: Ledger, needed: Mapping[str, str]
) -> tuple[Pruning, StoreContents]:
    history = read_history(ledger, request.variables)
    now = _now(history, request.surroundings.clock())
    recorded = newest_records(history)
    contents = stored_backups(store, request.name, {id_: one.digest for id_, one in recorded.items()})
    locks = dict(locks_of(store, contents.backups))
    rules = Rules(now, request.settings.retention, {**_needed_by_plan(history, now), **_unknown(locks), **needed})
    candidates = [_candidate(one, recorded.get(one.id), locks[one.id]) for one in contents.backups]
    going = {one.id for one in judge(candidates, rules) if one.removed}
    # One object may be locked for longer than its manifest; asked only of what would go, since it is a request for each.
    for one in contents.backups:
        if one.id in going:
            locks[one.id] = _lock_of_all(store, one)
    candidates = [_candidate(one, recorded.get(one.id), locks[one.id]) for one in contents.backups]
    judgements = judge(candidates, replace(rules, needed={**rules.needed, **_unknown(locks)}))
    leftovers = tuple(_leftover(store, id_, names, recorded, now) for id_, names in contents.unfinished.items())
    sizes = {one.id: one.size for one in contents.backups}
    sizes |= {id_: sum(names.values()) for id_, names in contents.unfinished.items()}
    return Pruning(request.name, store.address, judgements, leftovers, sizes), contents


def _now(history: History, here: datetime) -> datetime:
    """The database's clock. Raises RefusedError when it is far from this machine's: one that is ahead makes everything old."""
    if history.now is None:
        raise AssertionError("a history that was read without a clock")
    if abs(history.now - here) > _CLOCKS_DIFFER:
        message = f"the database's clock says {minute(history.now)}, this machine's {minute(here)}"
        raise RefusedError(message, hint="set the clock that is wrong; every age is counted by them")
    return history.now


def _needed_by_plan(history: History, now: datetime) -> dict[str, str]:
    """The backup that the newest plan's approvers were shown, as long as that plan may be deployed."""
    plan = history.plan
    if plan is None or now > plan.plan.content.not_after or not isinstance(plan.plan.evidence.backup, ProofEvidence):
        return {}
    subject = plan.plan.evidence.backup.subject
    return {one.id: f"plan {plan.plan.short} names it" for one in history.backups if one.digest == subject}


def _unknown(locks: Mapping[str, Lock]) -> dict[str, str]:
    text = "nobody could say until when the store protects it"
    return {id_: f"{text}: {lock.message}" for id_, lock in locks.items() if isinstance(lock, PointsctlError)}


def _candidate(stored: StoredBackup, recorded: RecordedBackup | None, lock: Lock) -> Candidate:
    manifest = stored.manifest
    known = recorded if recorded and manifest and recorded.digest == manifest.digest else None
    return Candidate(
        id=stored.id,
        taken_at=manifest.taken_at if manifest else None,
        recorded=known is not None,
        verified=known is not None and known.state is BackupState.VERIFIED,
        pruned=known is not None and known.state is BackupState.PRUNED,
        damaged="; ".join(stored.problems[:3]),
        locked_until=None if isinstance(lock, PointsctlError) else lock,
    )


def _lock_of_all(store: Store, stored: StoredBackup) -> Lock:
    with ThreadPoolExecutor(_ASKERS) as pool:
        locks = list(pool.map(lambda name: lock_of(store, (name,)), stored.names))
    unknown = next((lock for lock in locks if isinstance(lock, PointsctlError)), None)
    return unknown or max((lock for lock in locks if isinstance(lock, datetime)), default=None)


def _leftover(
    store: Store, id_: str, names: Mapping[str, int], recorded: Mapping[str, RecordedBackup], now: datetime
) -> Judgement:
    known = recorded.get(id_)
    if known is not None and known.state is not BackupState.PRUNED:
        # Somebody took its manifest away, and may bring it back from the store's versions.
        return Judgement(id_, removed=False, why="the ledger knows it as a backup, and its manifest is missing")
    begun = datetime.strptime(id_.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if known is None and not is_abandoned(begun, now):
        return Judgement(id_, removed=False, why="its upload may still go on")
    lock = lock_of(store, tuple(names))
    if isinstance(lock, PointsctlError):
        return Judgement(id_, removed=False, why=f"nobody could say whether it is locked: {lock.message}")
    if lock is not None and lock > now:
        return Judgement(id_, removed=False, why=f"the store protects it until {minute(lock)}")
    return Judgement(id_, removed=True, why="an upload that never ended" if known is None else "its removal was begun")


def _both(first: Pruning, again: Pruning) -> Pruning:
    """The second judgement, in which only what was shown may go."""
    shown = set(first.removed)
    why = "it may go now, and could not when you were asked"
    judgements = [
        one if not one.removed or one.id in shown else replace(one, removed=False, why=why) for one in again.judgements
    ]
    leftovers = [
        one if not one.removed or one.id in shown else replace(one, removed=False, why=why) for one in again.leftovers
    ]
    return replace(again, judgements=tuple(judgements), leftovers=tuple(leftovers))


def _remove(request: BackupRequest, store: Store, ledger: Ledger, agreed: Pruning, contents: StoreContents) -> None:
    why = {one.id: one.why for one in (*agreed.judgements, *agreed.leftovers) if one.removed}
    begun = [one.why == "its removal was begun" for one in agreed.judgements]
    failed = []
    for one in reversed(contents.backups):  # the oldest first
        if one.id in why and one.manifest is not None:
            if not begun[contents.backups.index(one)]:
                record_pruned(ledger, request.name, one.id, one.manifest.digest, why[one.id], request.operator)
            failed += _deleted(store, one.id, one.manifest_names, one.names)
    for id_, names in contents.unfinished.items():
        if id_ in why:
            failed += _deleted_leftover(store, request.name, id_, names)
    if failed:
        raise StorageError(
            f"{len(failed)} of {len(why)} could not be removed: {failed[0]}",
            hint="the ledger says already that they are removed; run it again to end it",
        )


def _deleted_leftover(store: Store, environment: str, id_: str, names: Mapping[str, int]) -> list[str]:
    """Somebody may have resumed and ended it in the meantime, while others were being removed."""
    if any(map(manifest_name_parts, store.names(folder_of(environment, id_)))):
        return [f"{id_}: it is a backup by now"]
    return _deleted(store, id_, (), names)


def _deleted(store: Store, id_: str, manifests: tuple[str, ...], names: Mapping[str, int]) -> list[str]:
    """Delete the manifest first: from then on it is no backup any more, whatever happens. What went wrong, or nothing."""
    try:
        store.delete(manifests)
        store.delete([name for name in names if name not in manifests])
    except PointsctlError as error:
        return [f"{id_}: {error.message}"]
    return []
