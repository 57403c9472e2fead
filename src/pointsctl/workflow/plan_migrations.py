"""Use case: what would run: the pending migrations with their statements, and what the newest rehearsal says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pointsctl.model.history import History
from pointsctl.model.migration_segments import obstacles, segments
from pointsctl.model.pending_migration import PendingMigration
from pointsctl.model.rehearsal import RecordedRehearsal, RehearsedMigration
from pointsctl.model.sql_statements import Unusable
from pointsctl.workflow.backup_ledger import backup_ledger
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.pending import read_pending


@dataclass(frozen=True)
class PlannedStatement:
    """A statement: its line, its first words, and whether it runs by itself, outside a transaction."""

    line: int
    words: str
    alone: bool


@dataclass(frozen=True)
class PlannedMigration:
    """A pending file. `obstacles` are why it cannot be applied as it stands; `rehearsed` is what the newest rehearsal of these
    very bytes measured, `rehearsal` that rehearsal; None when there is none.
    """

    pending: PendingMigration
    statements: tuple[PlannedStatement, ...]
    obstacles: tuple[Unusable, ...]
    rehearsed: RehearsedMigration | None
    rehearsal: RecordedRehearsal | None


@dataclass(frozen=True)
class MigrationPlan:
    """What would run in this order with this engine; `applied` is how many the database has had. `unread` says why nothing is
    known of rehearsals, empty when the ledger was read.
    """

    environment: str
    engine: str
    applied: int
    migrations: tuple[PlannedMigration, ...]
    unread: str


def plan_migrations(request: BackupRequest, *, to: str | None = None) -> MigrationPlan:
    """What `migrate apply` would do, up to the version `to`; nothing is changed. Raises what `read_pending` raises."""
    loaded = request.loaded
    settings = loaded.checklist.migrations
    found = read_pending(loaded.directory, settings, request.environment.database_url, to=to)
    ledger = backup_ledger(request.name, request.environment, request.variables)
    rehearsals = (ledger.history or History()).rehearsals
    planned = tuple(_planned(one, rehearsals) for one in found.migrations)
    return MigrationPlan(request.name, settings.engine, found.applied, planned, ledger.why)


def _planned(one: PendingMigration, rehearsals: Sequence[RecordedRehearsal]) -> PlannedMigration:
    statements = tuple(
        PlannedStatement(step.statement.line, step.kind.words, part.alone)
        for part in segments(one.script)
        for step in part.steps
    )
    seen = (
        (known, rehearsal)
        for rehearsal in reversed(rehearsals)
        for known in rehearsal.data.migrations
        if not rehearsal.objection and known.migration == one.migration
    )
    rehearsed, rehearsal = next(seen, (None, None))
    return PlannedMigration(one, statements, obstacles(one.script), rehearsed, rehearsal)
