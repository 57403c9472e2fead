"""A private folder for one backup or one drill: nobody else's while its process lives, swept away by the next run after a kill."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

from pointsctl.errors import RefusedError, StorageError
from pointsctl.files import write_private
from pointsctl.postgres.binaries import Account
from pointsctl.postgres.cluster import PrivateCluster
from pointsctl.postgres.directories import make_passable
from pointsctl.postgres.file_lock import lock_now
from pointsctl.postgres.postmaster import end_programs_in

CLUSTER = "cluster"
"""The folder of a workspace that a private server may have."""

_LOCK = "lock"
_KEY = "kept"
_NAME = re.compile(r"pointsctl-work-([0-9]+)-[0-9a-f]{12}")
_ATTEMPTS = 20
_LONGEST_KEY = 4096


class Workspace:
    """A folder that is ours as long as its lock is held; `folder` is absolute, and only its owner can look into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextmanager
    def open(cls, base: Path, purpose: str) -> Iterator[Self]:
        """A new workspace below `base`, which is made if need be; removed after the block unless it was kept.

        `purpose` (`backup create`) is for people who find it. Raises StorageError when the folder cannot be made.
        """
        folder, lock = _make(base.absolute(), purpose)
        with lock:
            yield from cls(folder)._until_removed()

    @classmethod
    @contextmanager
    def resume(cls, folder: Path) -> Iterator[Self]:
        """A workspace that was kept; removed after the block unless it is still marked as kept.

        Raises RefusedError while another process works in it, StorageError when it is not there any more.
        """
        lock = _try_to_lock(folder) if _is_ours(folder) else None
        if lock is None:
            there = folder.is_dir()
            raise (RefusedError if there else StorageError)(
                f"the workspace {folder} {'is in use by another process' if there else 'is not there any more'}",
                hint="wait for that process to end" if there else "begin anew, without resuming",
            )
        with lock:
            yield from cls(folder)._until_removed()

    def directory(self, name: str) -> Path:
        """A subfolder that only this user can enter; made if need be."""
        path = self.folder / name
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _failed("made", path, error) from error
        return path

    def keep(self, key: str) -> None:
        """Leave the workspace behind after the block, and after a kill, until it is resumed or discarded.

        `key` says whose it is (`production`); `kept` finds it by that.
        """
        write_private(self.folder / _KEY, key)

    def forget(self) -> None:
        """Take `keep` back: the workspace goes with the block."""
        (self.folder / _KEY).unlink(missing_ok=True)

    def _until_removed(self) -> Iterator[Self]:
        try:
            yield self
        finally:
            if not _kept_for(self.folder):
                _remove(self.folder)


def sweep(base: Path) -> tuple[Path, ...]:
    """Remove every workspace of this user below `base` whose process is gone and which was not kept; gives what was removed.

    Servers and programs that still work in one are ended first, by the folder that they were started for. Raises StorageError
    when one cannot be removed.
    """
    removed = []
    for folder in _workspaces(base):
        if not _kept_for(folder):
            removed += [folder] if _remove_unused(folder) else []
    return tuple(removed)


def kept(base: Path, key: str) -> tuple[Path, ...]:
    """The workspaces that were kept for `key` and that nobody works in now, the newest first."""
    found = [folder for folder in _workspaces(base) if _kept_for(folder) == key]
    free = [folder for folder in found if (lock := _try_to_lock(folder)) and not lock.close()]
    return tuple(sorted(free, key=lambda folder: (folder / _KEY).stat().st_mtime_ns, reverse=True))


def kept_keys(base: Path) -> tuple[str, ...]:
    """What the workspaces below `base` are kept for."""
    return tuple(sorted(key for folder in _workspaces(base) if (key := _kept_for(folder))))


def discard(folder: Path) -> None:
    """Remove a workspace that was kept, since another one has taken its place. Raises RefusedError while it is in use."""
    if _is_ours(folder) and not _remove_unused(folder):
        raise RefusedError(f"the workspace {folder} is in use by another process", hint="wait for that process to end")


def require_room(base: Path, needed: int) -> None:
    """Raises StorageError unless `needed` bytes are free on the file system of `base` (or its nearest parent that exists)."""
    place = next(path for path in (base.absolute(), *base.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise StorageError(
            f"{base} has {free:,} bytes free, about {needed:,} are needed",
            hint="make room there, or name a roomier folder in `backup.scratch`",
        )


def _make(base: Path, purpose: str) -> tuple[Path, IO[str]]:
    # As root a server of ours runs as another user, who has to pass through to its own part.
    mode = 0o711 if Account.of_this_process().drop else 0o700
    try:
        make_passable(base)
    except OSError as error:
        raise _failed("made", base, error) from error
    for _ in range(_ATTEMPTS):
        folder = base / f"pointsctl-work-{os.geteuid()}-{secrets.token_hex(6)}"
        try:
            folder.mkdir(mode=0o700)
            folder.chmod(mode)
            lock = _try_to_lock(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _failed("made", folder, error) from error
        if lock is not None:
            lock.write(f"{purpose}, process {os.getpid()}\n")
            lock.flush()
            return folder, lock
    raise StorageError(f"cannot make a workspace below {base}: each one was removed at once", hint="run it again")


def _try_to_lock(folder: Path) -> IO[str] | None:
    """The lock of a workspace, or None when another process holds it, or has removed the workspace meanwhile."""
    try:
        return lock_now(folder / _LOCK)
    except FileNotFoundError:
        return None


def _workspaces(base: Path) -> list[Path]:
    try:
        return sorted(path for path in base.absolute().iterdir() if _is_ours(path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _failed("looked for", base, error) from error


def _is_ours(folder: Path) -> bool:
    """Whether it is a workspace of this user: in a place like /var/tmp anybody may make a folder, or a link, of such a name."""
    name = _NAME.fullmatch(folder.name)
    if name is None or int(name[1]) != os.geteuid():
        return False
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _kept_for(folder: Path) -> str:
    """The key that the workspace is kept for; an empty text when it is not kept."""
    try:
        with (folder / _KEY).open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST_KEY)
    except FileNotFoundError:
        return ""


def _remove_unused(folder: Path) -> bool:
    lock = _try_to_lock(folder)
    if lock is None:
        return not folder.exists()
    with lock:
        _remove(folder)
    return True


def _remove(folder: Path) -> None:
    end_programs_in(folder)
    PrivateCluster(folder / CLUSTER).destroy()
    # The mark first: a workspace that is half removed must not be taken for one that was kept.
    (folder / _KEY).unlink(missing_ok=True)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _failed("removed", folder, error) from error


def _failed(what: str, path: Path, error: OSError) -> StorageError:
    reason = (error.strerror or "refused").lower()
    return StorageError(f"the folder {path} cannot be {what}: {reason}", hint="see its permissions, and those above it")
