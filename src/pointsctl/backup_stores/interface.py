"""What a store is: a place outside the database where things are put once, by name, and never overwritten."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from pointsctl.errors import StorageError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.posture import Posture

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_LONGEST_NAME = 512

Moved = Callable[[int], None]
"""Told how many bytes more have been moved (negative when some have to be moved again); from any thread."""


class AlreadyStoredError(StorageError):
    """There is something of that name already, and it stays as it is."""


class NotStoredError(StorageError):
    """There is nothing of that name."""


class NoFileError(StorageError):
    """What is under the name is no file but a link, a folder or a pipe."""


class Store(ABC):
    """Base of every store; the kind is the scheme of its URL. Names are parts of letters, digits, `.`, `_`, `-` with `/` between.

    Safe to use from several threads.
    """

    @classmethod
    @abstractmethod
    def open(cls, url: str) -> Self:
        """The store that a URL means; nothing is read or made yet. Raises UsageError for a URL that means none."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The store as people know it, without credentials."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the store where that is ours to do, and see that something can be put there.

        Called before work that takes hours. Raises StorageError when nothing can be put there, RefusedError for a store that
        would overwrite, and what reaching it raises.
        """

    @abstractmethod
    def put(self, name: str, data: bytes, *, retain_until: datetime | None = None) -> None:
        """Keep `data` under `name`, whole or not at all, and return when it would survive a power cut.

        `retain_until` locks it against deletion until then, where the store can do that.
        Raises AlreadyStoredError when the name is taken, StorageError when it cannot be kept.
        """

    @abstractmethod
    def get(self, name: str, limit: int) -> bytes:
        """What is kept under `name`. Raises NotStoredError when there is nothing, StorageError for more than `limit` bytes."""

    @abstractmethod
    def put_file(
        self,
        name: str,
        path: Path,
        sha256: str,
        cancellation: Cancellation,
        *,
        moved: Moved = lambda _bytes: None,
        retain_until: datetime | None = None,
    ) -> None:
        """Keep the bytes of the file `path`, whose SHA-256 is `sha256`, whole or not at all; of any size, in bounded memory.

        Where an earlier call was cut off, this one goes on with what had arrived. When the name is taken by the very same
        bytes, that is done already; by others, raises AlreadyStoredError. Raises StorageError also when the file's bytes are
        not those of `sha256`, and then nothing is kept.
        """

    @abstractmethod
    def get_file(
        self, name: str, path: Path, size: int, cancellation: Cancellation, *, moved: Moved = lambda _bytes: None
    ) -> str:
        """Write what is kept under `name` into the new file `path` (mode 0600), and give its SHA-256, computed on the way.

        `size` is what is expected, in bytes: a store that gives more is not read on. The caller compares.
        Raises NotStoredError, StorageError.
        """

    @abstractmethod
    def names(self, prefix: str) -> Sequence[str]:
        """Every name below the folder `prefix`, sorted; empty when there is none.

        Raises StorageError when the store cannot be looked into: not to see is not the same as to see nothing.
        """

    @abstractmethod
    def sizes(self, prefix: str) -> dict[str, int]:
        """Every name below the folder `prefix` with its size in bytes. Raises as `names` does."""

    @abstractmethod
    def delete(self, names: Sequence[str]) -> None:
        """Delete these; what is not there is gone already. Raises StorageError when one of them stays (locked, not allowed)."""

    @abstractmethod
    def protected_until(self, name: str) -> datetime | None:
        """Until when the store itself refuses to delete it; None when it would not refuse."""

    @abstractmethod
    def abandon(self, prefix: str, begun_before: datetime) -> None:
        """Clean up what uploads that were cut off have left below the folder `prefix`; nothing that is stored is touched.

        Only what was begun before that moment: a store cannot always tell an upload that was cut off from one under way.
        """

    @abstractmethod
    def posture(self, prefix: str) -> Posture:
        """How what lies below the folder `prefix` is kept. What the credentials may not ask is None in it, with a note.

        Raises StorageError when the store cannot be reached or does not exist.
        """


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a name. Raises StorageError for what could lead out of the store, or is hidden, or is no name."""
    parts = tuple(name.split("/"))
    if len(name) > _LONGEST_NAME or not all(_PART.fullmatch(part) for part in parts):
        raise StorageError("not a name in a store", hint="use letters, digits, `.`, `_`, `-`, and `/` between parts")
    return parts
