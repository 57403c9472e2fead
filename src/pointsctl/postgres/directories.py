"""Directories that another account may pass through, and directories that nobody else may touch."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pointsctl.errors import StorageError


def private_directory(path: Path, *, mode: int, uid: int) -> None:
    """Make the directory `path`, or check the one that is there: no link, owned by `uid`, written by nobody else.

    In a place like /tmp anybody may have put something under this name first. Raises StorageError when somebody did.
    """
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        pass
    except OSError as error:
        raise StorageError(f"cannot make the directory {path}: {error.strerror}") from error
    else:
        path.chmod(mode)
        os.chown(path, uid, -1)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid or status.st_mode & 0o022:
        raise StorageError(
            f"{path} should be a directory that only user {uid} can write to; it is {stat.filemode(status.st_mode)} "
            f"and belongs to user {status.st_uid}",
            hint=f"look at what is in {path}, then remove it",
        )


def make_passable(directory: Path) -> None:
    """Make a directory and its missing parents so that every account can pass, whatever the umask says. Raises OSError."""
    missing = [path for path in [directory, *directory.parents] if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
