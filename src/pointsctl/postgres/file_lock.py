"""Locks on files, which fall with the process that holds them."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
