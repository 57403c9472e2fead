"""What the store shows of an environment's backups: every folder, whole or not, readable or not; nothing is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pointsctl.backup_stores.interface import NoFileError, Store
from pointsctl.errors import BackupDamagedError, ContextMissingError, UsageError
from pointsctl.model.backup import (
    LONGEST_MANIFEST,
    Manifest,
    ManifestError,
    folder_of,
    is_backup_id,
    manifest_name_parts,
    read_manifest,
)

_READERS = 4
LATEST = "latest"


@dataclass(frozen=True)
class StoredBackup:
    """One folder of the store that holds a manifest. `manifest` is None when none can be believed; `problems` say why, and
    which objects are missing, of another size, or not in it. `names` is everything below the folder, with sizes in bytes.
    """

    id: str
    manifest_names: tuple[str, ...]
    manifest: Manifest | None
    problems: tuple[str, ...] = ()
    names: Mapping[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes in the store, manifests included."""
        return sum(self.names.values())


@dataclass(frozen=True)
class StoreContents:
    """The backups of an environment, the newest first; `unfinished` are the ids of folders without a manifest, `strangers`
    names that no backup has.
    """

    backups: tuple[StoredBackup, ...]
    unfinished: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()

    def find(self, given: str) -> StoredBackup:
        """The backup whose id begins with `given`, or the newest for `latest`.

        Raises ContextMissingError when there is none, UsageError when there are several.
        """
        hint = "`pointsctl backup list` names them"
        if given == LATEST:
            if not self.backups:
                raise ContextMissingError("there is no backup in the store", hint="take one: `pointsctl backup create`")
            return self.backups[0]
        found = [one for one in self.backups if given and one.id.lower().startswith(given.lower())]
        if not found:
            raise ContextMissingError(f"there is no backup {given!r} in the store", hint=hint)
        if len(found) > 1:
            raise UsageError(f"{len(found)} backups begin with {given!r}", hint=hint)
        return found[0]


def stored_backups(store: Store, environment: str, digests: Mapping[str, str] | None = None) -> StoreContents:
    """Everything that is stored of the environment. `digests` are the manifests that the ledger records, by backup: where
    somebody put a second manifest into a folder, the recorded one is the one that counts, and the other is a problem.

    Raises StorageError and what the store raises when it cannot be looked into; a manifest that cannot be believed is a
    problem of its backup.
    """
    folders: dict[str, dict[str, int]] = {}
    strangers = []
    for name, size in store.sizes(folder_of(environment)).items():
        parts = name.split("/")
        if len(parts) > 3 and is_backup_id(parts[2]):
            folders.setdefault(parts[2], {})[name] = size
        else:
            strangers.append(name)
    with_manifest = {id_: names for id_, names in folders.items() if any(map(manifest_name_parts, names))}
    with ThreadPoolExecutor(_READERS) as pool:
        read = pool.map(lambda one: _read(store, one[0], one[1], (digests or {}).get(one[0])), with_manifest.items())
        backups = sorted(read, key=lambda one: one.id, reverse=True)
    unfinished = {id_: names for id_, names in folders.items() if id_ not in with_manifest}
    return StoreContents(tuple(backups), unfinished, tuple(strangers))


def _read(store: Store, backup: str, names: Mapping[str, int], digest: str | None) -> StoredBackup:
    manifests = tuple(name for name in names if manifest_name_parts(name))
    chosen = [name for name in manifests if digest and name.endswith(f"/manifest-{digest}.json")] or list(manifests)
    problems = []
    if len(manifests) > 1:
        problems.append(f"{len(manifests)} manifests, expected 1")
    if len(chosen) > 1:
        return StoredBackup(backup, manifests, None, tuple(problems), names)
    if names[chosen[0]] > LONGEST_MANIFEST:
        problem = f"its manifest has {names[chosen[0]]:,} bytes, more than any has"
        return StoredBackup(backup, manifests, None, (*problems, problem), names)
    try:
        manifest = read_manifest(chosen[0], store.get(chosen[0], LONGEST_MANIFEST))
    except (ManifestError, NoFileError) as error:
        return StoredBackup(backup, manifests, None, (*problems, error.message), names)
    if digest is not None and manifest.digest != digest:
        problems.append(f"its manifest is {manifest.digest[:12]}, the ledger recorded {digest[:12]}")
    problems += object_problems(manifest, names)
    return StoredBackup(backup, manifests, manifest, tuple(problems), names)


def object_problems(manifest: Manifest, names: Mapping[str, int], *, extra: bool = True) -> tuple[str, ...]:
    """Every object that is missing or of another size, by name; with `extra` also what is there and not in the manifest."""
    expected = {manifest.place_of(one): one.size for one in manifest.objects}
    begins = len(manifest.folder) + 1
    problems = [
        f"{name[begins:]} is missing"
        if name not in names
        else f"{name[begins:]} has {names[name]:,} bytes, expected {size:,}"
        for name, size in expected.items()
        if names.get(name) != size
    ]
    if extra:
        known = {*expected, manifest.name}
        problems += [f"{name[begins:]} is not in the manifest" for name in names if name not in known]
    return tuple(problems)


def require_whole(backup: StoredBackup, *, extra: bool = True) -> Manifest:
    """The manifest of a backup whose objects are all there in their sizes. Raises BackupDamagedError naming every problem.

    Without `extra`, what somebody has added does not matter: it is never read, and must not keep anybody from a restore.
    """
    if backup.manifest is None:
        problems: Sequence[str] = backup.problems
    else:
        problems = backup.problems if extra else object_problems(backup.manifest, backup.names, extra=False)
        if not problems:
            return backup.manifest
    raise damaged(backup.id, problems)


def damaged(backup: str, problems: Sequence[str]) -> BackupDamagedError:
    """The error for a backup with these problems."""
    message = f"backup {backup} is damaged: {problems[0]}"
    message += f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    hint = "use another backup; `pointsctl backup list` names them"
    return BackupDamagedError(message, hint=hint, problems=tuple(problems))
