"""Migrations as values: what a file is, what a database says to have had, and what came of applying one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from pointsctl.model.migration_segments import Segment, segments
from pointsctl.model.sql_statements import SqlScript, split

if TYPE_CHECKING:
    from pointsctl.model.plan import Migration


@dataclass(frozen=True)
class HistoryRow:
    """A migration that a database says to have had. `statements` is None where the history keeps none, or they were not asked
    for; `name` may be missing. `digest` is of what was applied, None where nobody knows.
    """

    version: str
    name: str | None
    statements: tuple[str, ...] | None = None
    digest: str | None = None


@dataclass(frozen=True)
class PendingMigration:
    """A migration that is to be applied: its digests as plans hold them, its version (`20250101000001`), its bytes."""

    migration: Migration
    version: str
    content: bytes = field(repr=False)

    @cached_property
    def script(self) -> SqlScript:
        """The statements of its bytes, split once."""
        return split(self.content)

    @cached_property
    def parts(self) -> tuple[Segment, ...]:
        """What of it is committed together."""
        return segments(self.script)

    @property
    def name(self) -> str:
        """What stands between the version and `.sql`, as the history writes it."""
        return self.migration.name.removesuffix(".sql").partition("_")[2]

    @property
    def full_name(self) -> str:
        """`20250725000001_points_and_coupons`, as the audit record names it."""
        return self.migration.name.removesuffix(".sql")


@dataclass(frozen=True)
class Limits:
    """How long a migration may wait and work. `tries` counts the attempts at a file that meets a locked table."""

    lock_timeout: timedelta
    statement_timeout: timedelta
    idle_timeout: timedelta
    tries: int


@dataclass(frozen=True)
class AppliedMigration:
    """A migration that was applied now. `tries` counts the attempts; `rebuilt` names invalid indexes that were dropped and
    built again; `record` is the seq of its audit record.
    """

    migration: Migration
    version: str
    statements: int
    duration_ms: int
    tries: int
    record: int
    rebuilt: tuple[str, ...] = ()
