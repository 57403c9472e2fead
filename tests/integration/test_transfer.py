"""A backup's objects go into a store and come back as they were; whatever was done to them there is noticed and named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pointsctl.backup_stores.interface import AlreadyStoredError, Store
from pointsctl.encryption import Identities, Recipients, read_identities, recipients_of
from pointsctl.errors import BackupDamagedError, InterruptedByOperatorError, PermissionMissingError, StorageError
from pointsctl.model.backup import Manifest, StoredObject
from pointsctl.workflow.open_store import open_store
from pointsctl.workflow.stored_backups import require_whole, stored_backups
from pointsctl.workflow.transfer import Way, fetch, send
from tests.support.stored_backups import FILES, store_backup, way, write_files
from tests.unit.test_encryption import new_key

Keys = tuple[Recipients, Identities]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "store").mkdir()
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    path, public = new_key(tmp_path)
    return recipients_of([public]), read_identities(path)


def back(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fresh(folder: Path, name: str = "back") -> Path:
    target = folder / name
    target.mkdir()
    return target


def test_what_was_sent_comes_back(tmp_path: Path, store: Store) -> None:
    manifest = store_backup(store, tmp_path)
    target = fresh(tmp_path)
    fetch(way(store, target), manifest)
    (tmp_path / "same").mkdir()
    assert back(target) == write_files(tmp_path / "same")
    assert all(path.stat().st_mode & 0o077 == 0 for path in target.rglob("*"))
    assert stored_backups(store, "production").find("latest").problems == ()


def test_encrypted_it_comes_back_and_only_with_a_key(tmp_path: Path, store: Store, keys: Keys) -> None:
    recipients, identities = keys
    manifest = store_backup(store, tmp_path, recipients=recipients)
    target = fresh(tmp_path)
    fetch(way(store, target), manifest, identities=identities)
    (tmp_path / "same").mkdir()
    contents = write_files(tmp_path / "same")
    assert back(target) == contents
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert contents["3001.dat.gz"] not in stored
    with pytest.raises(PermissionMissingError, match="no key"):
        fetch(way(store, fresh(tmp_path, "no")), manifest)
    other, _ = new_key(tmp_path, "other")
    with pytest.raises(PermissionMissingError, match="other keys"):
        fetch(way(store, fresh(tmp_path, "other keys")), manifest, identities=read_identities(other))


class _KilledError(Exception):
    """The process is killed."""


class _Cutting:
    """Progress that ends the work at the moment chosen."""

    def __init__(self, after: int) -> None:
        self._left = after

    def _count(self, *_told: object) -> None:
        self._left -= 1
        if self._left < 0:
            raise _KilledError

    begin = move = end = _count


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_call_that_was_cut_off_goes_on(tmp_path: Path, store: Store, keys: Keys, encrypted: bool) -> None:
    folder, journal = tmp_path / "work" / "backup", tmp_path / "work" / "sealed.jsonl"
    folder.mkdir(parents=True)
    contents = write_files(folder)
    recipients = keys[0] if encrypted else None
    objects: tuple[StoredObject, ...] = ()
    for after in range(20):
        going = Way(store, folder, way(store, folder).cancellation, _Cutting(after), jobs=1)
        try:
            objects = send(going, "backups/production/x", journal=journal, recipients=recipients)
        except _KilledError:
            continue
    assert [one.name for one in objects] == sorted(contents)
    assert {one.name: one.plain_size for one in objects} == FILES
    assert store.sizes("backups/production/x") == {
        f"backups/production/x/objects/{one.name}": one.size for one in objects
    }
    assert [path.name for path in (tmp_path / "work").iterdir() if path.suffix == ".age"] == []


def test_a_journal_that_was_cut_off_in_a_line_is_no_obstacle(tmp_path: Path, store: Store, keys: Keys) -> None:
    folder, journal = tmp_path / "work" / "backup", tmp_path / "work" / "sealed.jsonl"
    folder.mkdir(parents=True)
    write_files(folder)
    first = send(way(store, folder), "backups/production/x", journal=journal, recipients=keys[0])
    lines = journal.read_bytes()
    journal.write_bytes(lines + b'{"name": "toc.dat", "si')
    assert send(way(store, folder), "backups/production/x", journal=journal, recipients=keys[0]) == first


def test_a_file_that_changes_between_two_calls_is_noticed(tmp_path: Path, store: Store, keys: Keys) -> None:
    folder, journal = tmp_path / "work" / "backup", tmp_path / "work" / "sealed.jsonl"
    folder.mkdir(parents=True)
    write_files(folder)
    send(way(store, folder), "backups/production/x", journal=journal, recipients=keys[0])
    (folder / "toc.dat").write_bytes(b"another")
    with pytest.raises(StorageError, match="has changed"):
        send(way(store, folder), "backups/production/x", journal=journal, recipients=keys[0])
    plain = tmp_path / "plain"
    write_files(plain / "backup")
    send(way(store, plain / "backup"), "backups/production/y", journal=plain / "sealed.jsonl")
    (plain / "backup" / "toc.dat").write_bytes(b"another")
    with pytest.raises(AlreadyStoredError):
        send(way(store, plain / "backup"), "backups/production/y", journal=plain / "sealed.jsonl")


def _link(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_link, "'link' in the backup is no regular file"),
        (lambda folder: (folder / "a b").touch(), "'a b' is no name"),
        (lambda folder: (folder / ".hidden").touch(), "'.hidden' is no name"),
    ],
)
def test_an_unexpected_file_is_an_error(tmp_path: Path, store: Store, spoil: Callable[[Path], None], said: str) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    spoil(folder)
    with pytest.raises(StorageError, match=said):
        send(way(store, folder), "backups/production/x", journal=tmp_path / "journal")


def test_nothing_is_no_backup(tmp_path: Path, store: Store) -> None:
    with pytest.raises(StorageError, match="no files"):
        send(way(store, fresh(tmp_path)), "backups/production/x", journal=tmp_path / "journal")


def test_every_bad_object_is_named(tmp_path: Path, store: Store) -> None:
    manifest = store_backup(store, tmp_path)
    objects = tmp_path / "store" / manifest.folder / "objects"
    for name in ("3001.dat.gz", "3002.dat.gz", "toc.dat"):
        (objects / name).write_bytes(bytes([(objects / name).read_bytes()[0] ^ 1]) + (objects / name).read_bytes()[1:])
    with pytest.raises(BackupDamagedError) as damaged:
        fetch(way(store, fresh(tmp_path)), manifest)
    assert [problem.split(" has ")[0] for problem in damaged.value.problems] == [
        "objects/3001.dat.gz",
        "objects/3002.dat.gz",
        "objects/toc.dat",
    ]
    (objects / "toc.dat").unlink()
    (objects / "3001.dat.gz").write_bytes(b"short")
    (objects / "added").touch()
    with pytest.raises(BackupDamagedError) as damaged:
        fetch(way(store, fresh(tmp_path, "again")), manifest)
    assert damaged.value.problems == (
        "objects/3001.dat.gz has 5 bytes, expected 5,000",
        "objects/toc.dat is missing",
        "objects/added is not in the manifest",
    )


def test_what_somebody_added_keeps_nobody_from_a_restore(tmp_path: Path, store: Store) -> None:
    manifest = store_backup(store, tmp_path)
    store.put(f"{manifest.folder}/objects/added", b"x")
    with pytest.raises(BackupDamagedError):
        fetch(way(store, fresh(tmp_path)), manifest)
    fetch(way(store, fresh(tmp_path, "again")), manifest, extra=False)
    found = stored_backups(store, "production").find("latest")
    with pytest.raises(BackupDamagedError):
        require_whole(found)
    assert require_whole(found, extra=False) == manifest


def test_a_stop_is_told_as_one(tmp_path: Path, store: Store) -> None:
    manifest = store_backup(store, tmp_path)
    going = way(store, fresh(tmp_path))
    going.cancellation.cancel("stop")  # type: ignore[attr-defined]  # of a Stoppable
    with pytest.raises(InterruptedByOperatorError):
        fetch(going, manifest)


Mutation = Callable[[Path, Manifest, random.Random], None]


def _objects(root: Path, manifest: Manifest, chance: random.Random, least: int = 1) -> Path:
    files = [manifest.place_of(one) for one in manifest.objects if one.size >= least]
    return root / chance.choice(files)


def _flip(root: Path, manifest: Manifest, chance: random.Random) -> None:
    path = _objects(root, manifest, chance)
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))


def _truncate(root: Path, manifest: Manifest, chance: random.Random) -> None:
    path = _objects(root, manifest, chance)
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def _lengthen(root: Path, manifest: Manifest, chance: random.Random) -> None:
    path = _objects(root, manifest, chance, 0)
    path.write_bytes(path.read_bytes() + chance.randbytes(1 + chance.randrange(9)))


def _remove(root: Path, manifest: Manifest, chance: random.Random) -> None:
    _objects(root, manifest, chance, 0).unlink()


def _swap(root: Path, manifest: Manifest, chance: random.Random) -> None:
    one, other = chance.sample([root / manifest.place_of(stored) for stored in manifest.objects], 2)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def _rename(root: Path, manifest: Manifest, chance: random.Random) -> None:
    path = _objects(root, manifest, chance, 0)
    path.rename(path.with_name(f"other{chance.randrange(1000)}"))


def _add(root: Path, manifest: Manifest, chance: random.Random) -> None:
    (root / manifest.folder / "objects" / f"added{chance.randrange(1000)}").write_bytes(chance.randbytes(3))


def _edit_manifest(root: Path, manifest: Manifest, chance: random.Random) -> None:
    path = root / manifest.name
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))


def _cut_manifest(root: Path, manifest: Manifest, chance: random.Random) -> None:
    path = root / manifest.name
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def _forge_manifest(root: Path, manifest: Manifest, chance: random.Random) -> None:
    """Another backup under the same id, all of it consistent: only the ledger knows better."""
    stored = manifest.objects[chance.randrange(len(manifest.objects))]
    (root / manifest.place_of(stored)).unlink()
    others = tuple(one for one in manifest.objects if one is not stored)
    forged = manifest.model_copy(update={"objects": others, "database_size": chance.randrange(10**9)})
    (root / manifest.name).unlink()
    (root / forged.name).write_bytes(forged.text().encode())


def _second_manifest(root: Path, manifest: Manifest, chance: random.Random) -> None:
    forged = manifest.model_copy(update={"database_size": chance.randrange(10**9)})
    (root / forged.name).write_bytes(forged.text().encode())


def _rename_manifest(root: Path, manifest: Manifest, chance: random.Random) -> None:
    path = root / manifest.name
    path.rename(path.with_name(f"manifest-{chance.randbytes(32).hex()}.json"))


MUTATIONS: tuple[Mutation, ...] = (
    _flip,
    _truncate,
    _lengthen,
    _remove,
    _swap,
    _rename,
    _add,
    _edit_manifest,
    _cut_manifest,
    _forge_manifest,
    _second_manifest,
    _rename_manifest,
)


def _looked_at(store: Store, root: Path, manifest: Manifest, target: Path) -> None:
    """What `backup verify` does with a store before it restores."""
    found = stored_backups(store, "production", {manifest.id: manifest.digest}).find(manifest.id)
    fetch(way(store, target), require_whole(found))


def test_two_hundred_mutations_are_all_detected(tmp_path: Path) -> None:
    chance = random.Random(4)  # noqa: S311  (the same mutations each time)
    (tmp_path / "store").mkdir()
    good = open_store((tmp_path / "store").as_uri())
    manifest = store_backup(good, tmp_path, files={"toc.dat": 90, "3001.dat.gz": 300, "b/2": 301, "empty": 0})
    for number in range(200):
        root = tmp_path / str(number)
        shutil.copytree(tmp_path / "store", root / "store")
        store = open_store((root / "store").as_uri())
        mutation = MUTATIONS[number % len(MUTATIONS)]
        if number < len(MUTATIONS):  # the same look finds nothing before it
            _looked_at(store, root, manifest, fresh(root, "before"))
        mutation(root / "store", manifest, chance)
        with pytest.raises(BackupDamagedError) as damaged:
            _looked_at(store, root, manifest, fresh(root))
        assert damaged.value.problems, mutation


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", ".hidden", "a//b"])
def test_no_manifest_can_name_a_place_outside(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        StoredObject(name=name, size=0, sha256="0" * 64, plain_size=0, plain_sha256="0" * 64)


def test_a_folder_that_is_in_the_way_is_an_error_and_no_crash(tmp_path: Path, store: Store) -> None:
    manifest = store_backup(store, tmp_path)
    target = fresh(tmp_path)
    (target / "blobs").touch()
    with pytest.raises(StorageError):
        fetch(way(store, target), manifest)
