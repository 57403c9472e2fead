"""Folders that outlive a power cut and that others may write into too: new files linked into place, links never followed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_UNFINISHED = ".unfinished-"


@contextmanager
def linked_into_place(target: Path) -> Iterator[BinaryIO]:
    """A new private file that is at `target`, safe from a power cut, when the block has ended well.

    Folders that are missing are made. Raises FileExistsError when something is at `target` already: a link never replaces
    anything, also when many try at once. Raises OSError.
    """
    changed = {target.parent, *make_folder(target.parent)}
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=_UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Says to `remove_unfinished` that somebody is at work.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(descriptor)
            os.link(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    # A new name survives a power cut only when the folder that holds it has been flushed.
    for folder in changed:
        _flush(folder)


def walk(folder: Path) -> Iterator[Path]:
    """Everything below `folder` that is no folder; links are given and not followed, folders with a dot in front left out.

    Raises OSError for what cannot be looked into; a folder that does not exist is an empty one.
    """
    for place, folders, files in os.walk(folder, onerror=_fail_unless_missing):
        folders[:] = [one for one in folders if not one.startswith(".")]
        links = [one for one in folders if Path(place, one).is_symlink()]
        yield from (Path(place, one) for one in (*files, *links))


def remove(path: Path, root: Path) -> None:
    """Remove a file or link, and the folders between it and `root` that are empty then; nothing happens when it is gone."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()
        _flush(path.parent)
    for folder in path.parents:
        if folder == root or not folder.is_relative_to(root) or not _removed(folder):
            return


def remove_unfinished(folder: Path) -> None:
    """Remove what writers that were killed have left below `folder`; a file that is being written now is left alone."""
    for path in walk(folder):
        if path.name.startswith(_UNFINISHED) and path.is_file() and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def make_folder(folder: Path) -> list[Path]:
    """Make the folder and those above it that are missing, private ones; the folders that hold the new ones. Raises OSError."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    return [one.parent for one in missing]


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        # Not empty, most of the time; a folder that stays does no harm.
        return False
    return True


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fail_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
