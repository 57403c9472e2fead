"""A project with migration files and an environment of its own, whose ledger is installed, for tests that apply them."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import yaml
from ulid import ULID

from pointsctl.ledger.store import Ledger
from pointsctl.migration_engines.interface import Engine, Order, Target
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.ledger import Draft, Kind, Record, read_record
from pointsctl.model.pending_migration import AppliedMigration, Limits, PendingMigration
from pointsctl.model.plan import Migration
from pointsctl.model.progress import NoProgress, Progress
from pointsctl.postgres.connection import connect
from pointsctl.workflow.apply_migrations import Applied, ApplyRequest, apply_migrations
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.check_environment import Surroundings
from pointsctl.workflow.interruption import stoppable
from pointsctl.workflow.load_checklist import load_checklist
from tests.support.cli import Result, pointsctl, write_checklist
from tests.support.ledgers import ADA, install
from tests.support.stores import NEVER

NAME = "here"
ITEM = "- {id: team.told, title: Everybody knows, kind: attestation}"
LIMITS = Limits(timedelta(milliseconds=200), timedelta(seconds=30), timedelta(seconds=30), tries=3)


class MigrationProject:
    """`folder` holds the checklist; `migrations` is the checklist's section."""

    def __init__(self, folder: Path, url: str, *, made: bool = True, **migrations: Any) -> None:
        self.folder, self.url = folder, url
        self.migrations = folder / "supabase/migrations"
        self.checklist = folder / "checklist.yaml"
        if made:
            self.migrations.mkdir(parents=True)
            text = write_checklist(folder, ITEM).read_text("utf-8")
            section = yaml.safe_dump({"migrations": {"lock_timeout": "200ms", "tries": 3, **migrations}})
            self.checklist.write_text(text.replace("phases:", f"{section}phases:", 1), "utf-8")
            install(url, NAME)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a migration file."""
        path = self.migrations / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def request(self, **given: Any) -> ApplyRequest:
        """What the workflow is given."""
        known = {"PATH": os.environ["PATH"], "DATABASE_URL": self.url}
        loaded = load_checklist(self.checklist, known)
        around = Surroundings(known, lambda: datetime.now(UTC), time.monotonic, lambda: str(ULID()))
        return ApplyRequest(BackupRequest(loaded, NAME, loaded.environment(NAME), ADA, "0", around), "run-1", **given)

    def apply(self, progress: Progress | None = None, **given: Any) -> Applied:
        """Apply what is pending."""
        request = self.request(**given)
        with stoppable(request.work.surroundings) as stop:
            return apply_migrations(request, lambda _found: None, stop, progress or NoProgress())

    def run(self, *arguments: str) -> Result:
        """`pointsctl migrate apply ...` as an operator types it."""
        return pointsctl("migrate", "apply", *arguments, cwd=self.folder, variables={"DATABASE_URL": self.url})


def order(name: str, text: str | bytes) -> Order:
    """One migration to apply, with its record."""
    content = text.encode() if isinstance(text, str) else text
    sha256 = hashlib.sha256(content).hexdigest()
    pending = PendingMigration(
        Migration(name=name, sha256=sha256, reverse=None, verify=None), name.partition("_")[0], content
    )
    data = {
        "version": pending.version,
        "file": name,
        "sha256": sha256,
        "engine": "native",
        "statements": len(pending.script.statements),
        "backup": None,
        "procedure": None,
        "tool": "0",
    }
    draft = Draft(
        Kind.MIGRATION_APPLIED, NAME, ADA, data, run="run-1", migration_name=pending.full_name, backup_taken=False
    )
    return Order(pending, draft)


def apply(
    engine: Engine,
    url: str,
    name: str,
    text: str | bytes,
    *,
    limits: Limits = LIMITS,
    cancellation: Cancellation = NEVER,
    progress: Progress | None = None,
) -> AppliedMigration:
    """Apply one file with an engine."""
    return engine.apply(order(name, text), Target(url, limits), cancellation, progress or NoProgress())


def query(url: str, statement: LiteralString) -> list[tuple[Any, ...]]:
    """What a statement gives."""
    with closing(connect(url)) as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []


def versions(url: str) -> list[str]:
    """The versions in the history, in order; none without one."""
    if query(url, "select to_regclass('supabase_migrations.schema_migrations')") == [(None,)]:
        return []
    return [row[0] for row in query(url, "select version from supabase_migrations.schema_migrations order by 1")]


def records(url: str, kind: Kind = Kind.MIGRATION_APPLIED) -> list[Record]:
    """The ledger's records of a kind."""
    with Ledger(url) as ledger:
        return [read_record(row) for row in ledger.rows(kinds=[kind])]
