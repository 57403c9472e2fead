"""Files to be stored, and a cancellation that a test asks for."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass
class Stopped:
    """A cancellation that a test asks for."""

    requested: bool = False

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:  # noqa: ARG002  (nothing calls back)
        """Whoever is stopped looks at `requested`."""
        yield

    def remaining(self) -> float:
        """There is always time."""
        return 60.0


NEVER = Stopped()


def a_file(folder: Path, data: bytes) -> tuple[Path, str]:
    """A file with these bytes, and their SHA-256."""
    path = folder / f"file-{uuid.uuid4().hex}"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def bytes_of(size: int) -> bytes:
    """So many bytes, no part of them like another; always the same ones."""
    return random.Random(size).randbytes(size)  # noqa: S311  (no secret)
