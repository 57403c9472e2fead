"""What a rehearsal is given, and what came of it: the pending migrations, the copy, problems and remarks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pointsctl.model.backup import Manifest
from pointsctl.model.configuration import Migrations
from pointsctl.model.expected_catalogue import ExpectedCatalogue
from pointsctl.model.pending_migration import Limits, PendingMigration
from pointsctl.model.rehearsal import ClientWait, RehearsedMigration
from pointsctl.postgres.rehearsing import Copy
from pointsctl.workflow.companion_scripts import Companions
from pointsctl.workflow.copy_audits import CopyAudits
from pointsctl.workflow.restored_copy import RestoredCopy


@dataclass(frozen=True)
class Asked:
    """What is tried: the pending migrations in their order, each with its scripts; `traffic` whether clients work meanwhile."""

    pending: tuple[PendingMigration, ...]
    companions: tuple[Companions, ...]
    traffic: bool


@dataclass(frozen=True)
class Place:
    """Where it is tried: the copy, the folder for what programs write, and how the copy came about."""

    copy: Copy
    restored: RestoredCopy
    manifest: Manifest
    folder: Path


@dataclass
class Tried:
    """What came of it. `problems` fail the rehearsal; `remarks` are told. `expected` is None unless everything was applied."""

    migrations: list[RehearsedMigration] = field(default_factory=list)
    expected: ExpectedCatalogue | None = None
    audits: CopyAudits | None = None
    applied_again: bool = False
    traffic: ClientWait | None = None
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def limits_of(settings: Migrations) -> Limits:
    """The limits of the checklist's `migrations`."""
    return Limits(settings.lock_timeout, settings.statement_timeout, settings.idle_timeout, settings.tries)
