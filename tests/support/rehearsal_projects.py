"""A project with migrations on a small database with a ledger and a proven backup, for tests that rehearse."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from pointsctl.ledger.store import Ledger
from pointsctl.model.backup import Manifest
from pointsctl.model.history import History
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.progress import NoProgress, Progress
from pointsctl.model.proof import Difference, Proof
from pointsctl.model.sql_statements import split
from pointsctl.postgres import supabase_history
from pointsctl.postgres.connection import connect
from pointsctl.workflow.backup_ledger import backup_ledger
from pointsctl.workflow.interruption import stoppable
from pointsctl.workflow.record_backup import record_verified
from pointsctl.workflow.rehearse import Rehearsed, rehearse
from pointsctl.workflow.stored_backups import LATEST
from pointsctl.workflow.verify_migrations import VerifyResult, unchanged_since_backup, verify_migrations
from tests.support.backup_projects import NAME, BackupProject
from tests.support.cli import Result, pointsctl
from tests.support.ledgers import ADA, install

AUDIT = """
- id: performance.indexes
  title: No index is there twice
  kind: sql_audit
  with: {audits: [duplicate-indexes]}
"""
FIRST = "20260101000001_first.sql"
FIRST_TEXT = """
create table public.members (
    id integer primary key,
    name text not null,
    tier text check (tier in ('gold', 'silver'))
);
alter table public.members enable row level security;
create view public.gold as select id from public.members where tier = 'gold';
insert into public.members select n, 'member ' || n, 'gold' from generate_series(1, 100) as n;
"""
ADDED = "20260102000001_added.sql"
ADDED_TEXT = """-- More of each member.
alter table public.members add column points integer not null default 0;
update public.members set points = id where id <= 40;
create index members_points on public.members (points);
"""
REVERSE_TEXT = "alter table public.members drop column points;\n"
VERIFY_TEXT = "select count(*) = 40, 'points are filled' from public.members where points > 0;\n"


class RehearsalProject(BackupProject):
    """`folder` must be one that a server's account can pass; the database has had `FIRST` and has a ledger."""

    def __init__(self, folder: Path, url: str, **backup: Any) -> None:
        super().__init__(folder, url, items=AUDIT, **backup)
        section = yaml.safe_dump({"migrations": {"directory": "migrations", "reverse_directory": "reverse"}})
        self.checklist.write_text(self.checklist.read_text("utf-8").replace("phases:", f"{section}phases:", 1), "utf-8")
        self.migrations, self.reverse = folder / "migrations", folder / "reverse"
        for one in (self.migrations, self.reverse):
            one.mkdir(exist_ok=True)
        install(url, NAME)
        self.migrations.joinpath(FIRST).write_text(FIRST_TEXT)
        self.apply(FIRST)

    def apply(self, name: str) -> None:
        """Apply a file to the real database by hand, with its row in the history."""
        script = split(self.migrations.joinpath(name).read_bytes())
        version, _, rest = name.removesuffix(".sql").partition("_")
        with closing(connect(self.url)) as connection, connection.transaction():
            for one in script.statements:
                connection.execute(one.text.encode())
            supabase_history.install(connection)
            row = HistoryRow(version, rest, tuple(one.text for one in script.statements))
            supabase_history.insert(connection, row)

    def add(
        self, name: str = ADDED, text: str = ADDED_TEXT, reverse: str | None = REVERSE_TEXT, verify: str | None = None
    ) -> None:
        """Write a migration with its scripts."""
        self.migrations.joinpath(name).write_text(text)
        if reverse is not None:
            self.reverse.joinpath(name).write_text(reverse)
        if verify is not None:
            self.reverse.joinpath(name.replace(".sql", ".verify.sql")).write_text(verify)

    def prove(self) -> Manifest:
        """Take a backup, and record that it is proven: how it is proven is not what these tests are about."""
        manifest = self.create().manifest
        counts = self.request().engine(manifest.engine).summary(manifest.contents)
        proof = Proof(
            tables=counts["tables"],
            rows=counts["rows"],
            objects=counts["objects"],
            sequences=counts["sequences"],
            large_objects=counts["large_objects"],
        )
        with Ledger(self.url) as ledger:
            record_verified(
                ledger,
                NAME,
                manifest,
                self.store.as_uri(),
                ADA,
                restore_ms=1,
                restored_into="ephemeral",
                server_version=manifest.server_version,
                proof=proof,
                audits=(),
            )
        return manifest

    def rehearse(self, wanted: str = LATEST, progress: Progress | None = None, *, traffic: bool = False) -> Rehearsed:
        """Rehearse what is pending."""
        request = self.request()
        with stoppable(request.surroundings) as stop:
            return rehearse(request, wanted, stop, progress or NoProgress(), traffic=traffic)

    def history(self) -> History:
        """What the ledger amounts to."""
        found = backup_ledger(NAME, self.request().environment, self.variables).history
        assert found is not None
        return found

    def compare(self) -> VerifyResult:
        """The real database against the rehearsal, after the migrations."""
        request = self.request()
        with stoppable(request.surroundings) as stop:
            return verify_migrations(request, self.history(), stop, NoProgress())

    def changed_since_backup(self) -> tuple[Difference, ...]:
        """The real database against the backup, before the migrations."""
        request = self.request()
        with stoppable(request.surroundings) as stop:
            return unchanged_since_backup(request, self.history(), stop, NoProgress())

    def records(self, kind: str) -> int:
        """How many records of a kind the ledger holds."""
        with Ledger(self.url) as ledger:
            return len(list(ledger.rows(kinds=[kind])))

    def migrate(self, *arguments: str) -> Result:
        """`pointsctl migrate ...` as an operator types it."""
        return pointsctl("migrate", *arguments, cwd=self.folder, variables=self.variables)
