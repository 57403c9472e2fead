"""Locks on files, which fall with the process that holds them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

POLL_INTERVAL_S = 0.05


@contextmanager
def file_lock(path: Path, *, timeout: float) -> Iterator[bool]:
    """Hold the lock of `path` during the block, and say whether it was got within `timeout` seconds. Raises OSError.

    flock rather than POSIX locks: those let a second thread of the same process in, and fall when any descriptor closes.
    """
    deadline = time.monotonic() + timeout
    with path.open("a") as file:
        while not (acquired := _try(file.fileno())) and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL_S)
        yield acquired


def lock_now(path: Path) -> IO[str] | None:
    """The file of `path`, locked until it is closed; None when somebody else holds its lock.

    Also None when the file was removed on the way: a lock on it would keep nobody out. Raises OSError.
    """
    file = path.open("a", encoding="utf-8")
    if _try(file.fileno()) and path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
        return file
    file.close()
    return None


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
