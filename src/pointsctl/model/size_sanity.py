"""Whether a backup's size can be right: one that suddenly shrinks was often taken of the wrong thing, or only half of it."""

from __future__ import annotations

from typing import Protocol

_MEBIBYTE = 1024 * 1024
_SMALL = 64 * _MEBIBYTE
"""Databases below this are mostly PostgreSQL's own catalogue, and their sizes say nothing."""
_LARGE = 1024 * _MEBIBYTE
_SHRINKS = 2
_FAR = 2
_NOTHING = 1000


class Sized(Protocol):
    """What is known of a backup's size, in bytes: a manifest, or the record of it."""

    @property
    def stored_size(self) -> int:
        """Bytes in the store."""

    @property
    def database_size(self) -> int:
        """The database when the backup was taken, as the server counts it."""


def size_problems(backup: Sized, previous: Sized | None, live_size: int | None) -> tuple[str, ...]:
    """Everything about the size that fails, each as a sentence with both values; empty when the size can be right.

    `previous` is the backup before it of the same database, None when there is none; `live_size` is the database now, in
    bytes, as the server counts it, None when nobody could ask. The checklist's "backup file size is reasonable".
    """
    return tuple(
        problem
        for problem in (
            _nothing(backup),
            _shrunk(backup, previous) if previous else "",
            _far(backup, live_size) if live_size is not None else "",
        )
        if problem
    )


def _nothing(backup: Sized) -> str:
    if backup.stored_size <= 0:
        return "the backup has 0 bytes"
    if backup.database_size >= _LARGE and backup.stored_size * _NOTHING < backup.database_size:
        return f"the backup has {backup.stored_size:,} bytes of a database of {backup.database_size:,}"
    return ""


def _shrunk(backup: Sized, previous: Sized) -> str:
    if max(previous.database_size, previous.stored_size) < _SMALL:
        return ""
    if backup.stored_size * _SHRINKS < previous.stored_size:
        return f"the backup has {backup.stored_size:,} bytes, less than half of the one before it ({previous.stored_size:,})"
    return ""


def _far(backup: Sized, live_size: int) -> str:
    smaller, larger = sorted((backup.database_size, live_size))
    if larger < _SMALL or smaller * _FAR >= larger:
        return ""
    return f"the database had {backup.database_size:,} bytes when it was backed up and has {live_size:,} now, more than {_FAR} times apart"
