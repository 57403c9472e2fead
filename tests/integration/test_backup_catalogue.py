"""What is listed, and what may be removed: from a real store and a real ledger."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pointsctl.backup_stores.interface import Store
from pointsctl.cli.backup_list import state_of
from pointsctl.errors import BackupDamagedError, ContextMissingError, RefusedError, StorageError, UsageError
from pointsctl.ledger.store import Ledger
from pointsctl.model.backup import LONGEST_MANIFEST, Manifest
from pointsctl.model.ledger import Kind
from pointsctl.workflow import prune_backups as pruning
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.list_backups import list_backups
from pointsctl.workflow.prune_backups import Pruning, prune_backups
from pointsctl.workflow.record_backup import record_created, record_pruned
from pointsctl.workflow.show_backup import show_backup
from pointsctl.workflow.stored_backups import require_whole, stored_backups
from tests.support.backup_requests import OLGA, backup_request
from tests.support.ledgers import installed
from tests.support.recorded_backups import put_verified_backup
from tests.support.stored_backups import store_backup

DAY = timedelta(days=1)


class Place:
    """An environment with a ledger and a store, and backups of any age in it."""

    def __init__(self, folder: Path, url: str, ledger: Ledger) -> None:
        self.folder, self.ledger = folder, ledger
        self.request: BackupRequest = backup_request(folder, url)
        self.store: Store = self.request.store()
        self._number = 0

    def verified(self, days: float) -> Manifest:
        """A backup of so many days ago that a restore has proven."""
        self._number += 1
        taken_at = self.ledger.now() - days * DAY
        return put_verified_backup(
            self.ledger, "production", (self.folder / "store").as_uri(), self._number, taken_at=taken_at,
            id=f"{taken_at:%Y%m%dT%H%M%SZ}-{self._number:06d}",
        )  # fmt: skip

    def unverified(self, days: float, *, recorded: bool = True, with_manifest: bool = True) -> Manifest:
        """A backup of so many days ago that nobody has restored."""
        self._number += 1
        taken_at = self.ledger.now() - days * DAY
        manifest = store_backup(
            self.store, self.folder, taken_at=taken_at, unique=f"{self._number:06d}", database=self.ledger.database(),
            with_manifest=with_manifest,
        )  # fmt: skip
        if recorded:
            record_created(self.ledger, "production", manifest, self.store.address, {}, OLGA, "0")
        return manifest

    def states(self) -> dict[str, str]:
        """How each backup is listed."""
        found = list_backups(self.request)
        return {one.id: state_of(one, found.unread) for one in found.backups}

    def prune(self) -> Pruning:
        """Prune, and agree."""
        return prune_backups(self.request, lambda _shown: None)

    def names(self) -> set[str]:
        """The ids of which anything is in the store."""
        return {name.split("/")[2] for name in self.store.names("backups/production")}


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    with installed(database_url, "production") as ledger:
        yield Place(tmp_path, database_url, ledger)


def by_id(done: Pruning) -> dict[str, str]:
    return {one.id: one.why for one in (*done.judgements, *done.leftovers)}


def test_everything_is_listed_as_it_is(place: Place) -> None:
    good, plain, foreign = place.verified(1), place.unverified(2), place.unverified(3, recorded=False)
    damaged, lost, unreadable = place.verified(4), place.verified(5), place.unverified(6)
    never = place.unverified(0.1, recorded=False, with_manifest=False)
    root = place.folder / "store"
    (root / damaged.place_of(damaged.objects[0])).unlink()
    place.store.delete(place.store.names(lost.folder))
    (root / unreadable.name).write_bytes(b"{}")
    place.store.put("backups/production/notes.txt", b"x")
    found = list_backups(place.request)
    assert {one.id: state_of(one, found.unread) for one in found.backups} == {
        good.id: "verified",
        plain.id: "unverified",
        foreign.id: "unrecorded",
        damaged.id: "damaged",
        lost.id: "missing",
        unreadable.id: "damaged",
    }
    assert [one.id for one in found.backups] == sorted(place.states(), reverse=True)
    assert set(found.contents.unfinished) == {never.id}
    assert found.contents.strangers == ("backups/production/notes.txt",)
    assert found.backups[0].protected_until == good.taken_at + timedelta(days=7)


def test_a_second_manifest_does_not_hide_the_recorded_one(place: Place) -> None:
    good = place.verified(1)
    forged = good.model_copy(update={"database_size": 1})
    place.store.put(forged.name, forged.text().encode())
    (one,) = list_backups(place.request).backups
    assert one.recorded is not None
    assert one.stored is not None
    assert one.stored.manifest == good
    assert one.problems[0] == "2 manifests, expected 1"


def test_without_the_server_the_store_is_listed_alone(place: Place) -> None:
    good = place.verified(1)
    found = list_backups(backup_request(place.folder, "postgresql://nobody@127.0.0.1:1/x"))
    assert [state_of(one, found.unread) for one in found.backups] == ["unknown"]
    assert found.backups[0].id == good.id
    assert "not read" in found.unread


def test_a_backup_is_found_by_an_unambiguous_beginning(place: Place) -> None:
    first, second = place.verified(1), place.verified(2)
    assert show_backup(place.request, "latest").listed.id == first.id
    assert show_backup(place.request, second.id).listed.id == second.id
    with pytest.raises(UsageError, match="2 backups begin with '20'"):
        show_backup(place.request, "20")
    with pytest.raises(ContextMissingError):
        show_backup(place.request, "19990101")
    place.store.delete(place.store.names(second.folder))
    assert show_backup(place.request, second.id).listed.problems == ("it is not in the store",)


def test_what_is_old_goes_and_is_recorded(place: Place) -> None:
    old, older, new = place.verified(8), place.unverified(20), place.verified(1)
    shown: list[Pruning] = []
    done = prune_backups(place.request, shown.append)
    assert shown[0].removed == done.removed == (old.id, older.id)
    assert place.names() == {new.id}
    assert place.states() == {new.id: "verified"}
    records = list(place.ledger.rows(kinds=[Kind.BACKUP_PRUNED]))
    assert len(records) == 2
    assert place.prune().removed == ()


def test_nothing_goes_before_somebody_agrees(place: Place) -> None:
    old, new = place.verified(8), place.verified(1)

    def refuse(_shown: Pruning) -> None:
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        prune_backups(place.request, refuse)
    assert place.states() == {old.id: "verified", new.id: "verified"}


def test_what_became_old_meanwhile_stays(place: Place) -> None:
    old = place.verified(8)
    place.verified(1)
    later = [place.verified(9)]

    def another(_shown: Pruning) -> None:
        later.append(place.verified(10))

    done = prune_backups(place.request, another)
    assert set(done.removed) == {old.id, later[0].id}
    assert "when you were asked" in by_id(done)[later[1].id]
    assert later[1].id in place.names()


def test_the_newest_verified_one_stays_however_old(place: Place) -> None:
    proven, newer, newest = place.verified(30), place.unverified(20), place.unverified(9)
    done = place.prune()
    assert done.removed == (newer.id,)
    assert by_id(done)[proven.id] == "the newest verified backup"
    assert by_id(done)[newest.id] == "the newest backup"


def test_what_is_damaged_unknown_or_needed_stays(place: Place) -> None:
    damaged, unknown, needed = place.verified(30), place.unverified(20, recorded=False), place.verified(19)
    goes = place.verified(18)
    place.verified(1)
    (place.folder / "store" / damaged.place_of(damaged.objects[0])).unlink()
    done = prune_backups(place.request, lambda _shown: None, {needed.id: "plan 1 is open"})
    assert done.removed == (goes.id,)
    assert "is missing" in by_id(done)[damaged.id]
    assert by_id(done)[unknown.id] == "the ledger does not know it"
    assert by_id(done)[needed.id] == "plan 1 is open"


def test_a_forged_removal_removes_nothing(place: Place) -> None:
    young, new = place.verified(3), place.verified(1)
    for one in (young, new):
        record_pruned(place.ledger, "production", one.id, one.digest, "because I say so", "mallory@example.test")
    assert place.prune().removed == ()


def test_a_removal_that_was_cut_off_is_ended(place: Place) -> None:
    half, bare, new = place.unverified(20), place.unverified(21), place.verified(1)
    for one in (half, bare):
        record_pruned(place.ledger, "production", one.id, one.digest, "older than 7d", OLGA)
    place.store.delete([half.place_of(half.objects[0])])
    place.store.delete([bare.name])
    done = place.prune()
    assert set(done.removed) == {half.id, bare.id}
    assert place.names() == {new.id}
    assert len(list(place.ledger.rows(kinds=[Kind.BACKUP_PRUNED]))) == 2


def test_uploads_that_never_ended_go_after_a_day(place: Place) -> None:
    old, young = (place.unverified(days, recorded=False, with_manifest=False) for days in (1.1, 0.5))
    robbed = place.unverified(20)
    place.store.delete([robbed.name])
    done = place.prune()
    assert done.removed == (old.id,)
    assert by_id(done)[young.id] == "its upload may still go on"
    assert "its manifest is missing" in by_id(done)[robbed.id]


def test_an_upload_that_ends_while_others_are_removed_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    old, _ = place.verified(20), place.verified(1)
    late = place.unverified(1.1, recorded=False, with_manifest=False)
    delete = type(place.store).delete

    def resumed(self: Store, names: list[str]) -> None:
        if late.name not in self.names("backups/production"):
            self.put(late.name, late.text().encode())
        delete(self, names)

    monkeypatch.setattr(type(place.store), "delete", resumed)
    with pytest.raises(StorageError, match="it is a backup by now"):
        place.prune()
    assert old.id not in place.names()
    assert require_whole(stored_backups(place.store, "production").find(late.id)) == late


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _too_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LONGEST_MANIFEST + 1)


@pytest.mark.parametrize("make", [_link, _too_large, os.mkfifo])
def test_a_manifest_that_is_none_spoils_only_its_own_backup(place: Place, make: Callable[[Path], None]) -> None:
    good, bad = place.verified(2), place.unverified(1, recorded=False, with_manifest=False)
    make(place.folder / "store" / bad.name)
    assert place.states() == {good.id: "verified", bad.id: "damaged"}
    with pytest.raises(BackupDamagedError):
        require_whole(stored_backups(place.store, "production").find(bad.id))


def test_without_a_ledger_nothing_is_removed(tmp_path: Path, empty_database_url: str) -> None:
    request = backup_request(tmp_path, empty_database_url)
    with pytest.raises(ContextMissingError, match="no ledger"):
        prune_backups(request, lambda _shown: None)


def test_clocks_that_disagree_remove_nothing(place: Place, database_url: str) -> None:
    place.verified(8), place.verified(1)
    wrong = backup_request(place.folder, database_url, now=place.ledger.now() - timedelta(hours=2))
    with pytest.raises(RefusedError, match="clock"):
        prune_backups(wrong, lambda _shown: None)


def test_a_store_that_keeps_one_is_told_and_the_others_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, gone, new = place.verified(20), place.verified(19), place.verified(1)
    delete = type(place.store).delete

    def refusing(self: Store, names: list[str]) -> None:
        if any(kept.id in name for name in names):
            raise StorageError("access denied")
        delete(self, names)

    monkeypatch.setattr(type(place.store), "delete", refusing)
    with pytest.raises(StorageError, match="1 of 2 could not be removed"):
        place.prune()
    assert place.names() == {kept.id, new.id}
    monkeypatch.undo()
    assert place.prune().removed == (kept.id,)
    assert gone.id not in place.names()


def test_what_the_store_locks_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    locked, unknown, new = place.verified(20), place.verified(19), place.verified(1)
    until = place.ledger.now() + DAY

    def lock_of(_store: Store, names: tuple[str, ...]) -> object:
        if any(locked.place_of(locked.objects[0]) == name for name in names):
            return until
        return StorageError("access denied") if any(unknown.id in name for name in names) else None

    monkeypatch.setattr(pruning, "lock_of", lock_of)
    done = place.prune()
    assert done.removed == ()
    assert "protects it until" in by_id(done)[locked.id]
    assert "nobody could say" in by_id(done)[unknown.id]
    assert new.id in place.names()
