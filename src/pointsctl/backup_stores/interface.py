"""What a store is: a place outside the database where things are put once, by name, and never overwritten."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

from pointsctl.errors import StorageError

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_LONGEST_NAME = 512


class AlreadyStoredError(StorageError):
    """There is something of that name already, and it stays as it is."""


class Store(ABC):
    """Base of every store; the kind is the scheme of its URL. Names are parts of letters, digits, `.`, `_`, `-` with `/` between."""

    @classmethod
    @abstractmethod
    def open(cls, url: str) -> Self:
        """The store that a URL means; nothing is read or made yet. Raises UsageError for a URL that means none."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The store as people know it, without credentials."""

    @abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Keep `data` under `name`, whole or not at all, and return when it would survive a power cut.

        Raises AlreadyStoredError when the name is taken, StorageError when it cannot be kept.
        """

    @abstractmethod
    def get(self, name: str, limit: int) -> bytes:
        """What is kept under `name`. Raises StorageError when there is nothing, or more than `limit` bytes."""

    @abstractmethod
    def names(self, prefix: str) -> Sequence[str]:
        """Every name below the folder `prefix`, sorted; empty when there is none.

        Raises StorageError when the store cannot be looked into: not to see is not the same as to see nothing.
        """


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a name. Raises StorageError for what could lead out of the store, or is hidden, or is no name."""
    parts = tuple(name.split("/"))
    if len(name) > _LONGEST_NAME or not all(_PART.fullmatch(part) for part in parts):
        raise StorageError("not a name in a store", hint="use letters, digits, `.`, `_`, `-`, and `/` between parts")
    return parts
