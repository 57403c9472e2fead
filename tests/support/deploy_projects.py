"""A project that can be deployed: migrations of every sort, an open gate, a store; for tests of the procedure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.deployment_window import Window
from pointsctl.model.history import History
from pointsctl.model.ledger import Kind
from pointsctl.model.progress import NoProgress, Progress
from pointsctl.postgres.connection import connect
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.chosen_procedure import DeployRequest
from pointsctl.workflow.deploy import Deployed, abandon, deploy, dry_run
from pointsctl.workflow.interruption import stoppable
from tests.support.cli import Result
from tests.support.people import ADA, FLAG, NAME, VARIABLES, People
from tests.support.supabase_cli import program

MIGRATIONS = {
    "20990101000001_parcels.sql": (
        "create table public.parcels (id bigint primary key, weight integer not null);\n"
        "insert into public.parcels select n, n from generate_series(1, 500) as n;\n"
    ),
    "20990101000002_parcels_weight.sql": "create index concurrently parcels_weight on public.parcels (weight);\n",
    # Seen when it happens twice.
    "20990101000003_heavier.sql": "update public.parcels set weight = weight + 1;\n",
    "20990101000004_mixed.sql": (
        "create table public.carriers (id bigint primary key);\n"
        "create index concurrently carriers_id on public.carriers (id);\n"
        "insert into public.carriers values (1);\n"
    ),
}
ALONE = {name: text for name, text in MIGRATIONS.items() if "mixed" not in name}
"""Without the file of which the Supabase CLI commits a part before it fails."""
WITHOUT = ("backup", "rehearsal", "functions")


class DeployProject(People):
    """An environment that is not protected and does without what `without` says; `settings` are more sections."""

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        items: str = FLAG,
        without: tuple[str, ...] = WITHOUT,
        files: Mapping[str, str] = MIGRATIONS,
        **settings: Any,
    ) -> None:
        self._without, self._settings = without, settings
        self.store, self.scratch = folder / "store", folder / "scratch"
        for one in (self.store, self.scratch):
            one.mkdir(mode=0o711, exist_ok=True)
        (folder / "supabase" / "migrations").mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / "supabase" / "migrations" / name).write_text(text, "utf-8")
        super().__init__(folder, url, items)

    @classmethod
    def opened(cls, folder: Path, url: str, **settings: Any) -> DeployProject:
        """One that is there already: nothing is written or installed."""
        found = cls.__new__(cls)
        found.folder, found.url, found._settings = folder, url, settings
        return found

    def write(self, items: str) -> None:
        """Replace the checklist."""
        super().write(items)
        path = self.folder / "checklist.yaml"
        document = yaml.safe_load(path.read_text("utf-8"))
        document["environments"][NAME]["without"] = list(self._without)
        phases = document.pop("phases")
        backup = {"store": self.store.as_uri(), "scratch": str(self.scratch)}
        whole = {**document, "backup": backup, **self._settings, "phases": phases}
        path.write_text(yaml.safe_dump(whole, sort_keys=False), "utf-8")

    def with_the_cli(self) -> DeployProject:
        """With the Supabase CLI beside the checklist, as `npm install` puts it there."""
        place = self.folder / "node_modules" / ".bin"
        place.mkdir(parents=True)
        (place / "supabase").symlink_to(program())
        return self

    def request(self, *, resume: bool = False, plan: str | None = None, late: bool = False) -> DeployRequest:
        """What the workflow is given."""
        loaded = self.loaded
        work = BackupRequest(
            loaded, NAME, loaded.environment(NAME), ADA, "0", self.surroundings(PATH=VARIABLES["PATH"])
        )

        def consent(_window: Window) -> bool:
            return late

        return DeployRequest(work, plan, resume, consent, "host")

    def deploy(self, progress: Progress | None = None, **request: Any) -> Deployed:
        """Deploy in this process."""
        given = self.request(**request)
        with stoppable(given.work.surroundings) as stop:
            return deploy(given, stop, progress or NoProgress())

    def dry_run(self, **request: Any) -> Deployed:
        """A dry run in this process."""
        given = self.request(**request)
        with stoppable(given.work.surroundings) as stop:
            return dry_run(given, stop)

    def abandon(self, reason: str = "it is no longer wanted") -> None:
        """Give the open procedure up."""
        abandon(self.request(), reason)

    def program(self, *arguments: str, **variables: str) -> Result:
        """`pointsctl deploy ...` as an operator types it."""
        return self.run("deploy", "--env", NAME, *arguments, **variables)

    def history(self) -> History:
        """What the ledger says."""
        with Ledger(self.url) as ledger:
            return read_history(ledger, VARIABLES)

    def kinds(self) -> list[str]:
        """The kinds of the procedure's records, in order, each step with its id."""
        with Ledger(self.url) as ledger:
            rows = [ledger.row(seq) for seq in range(1, ledger.head().seq + 1)]
        wanted = ("procedure.", "step.", str(Kind.MIGRATION_APPLIED))
        return [row.kind for row in rows if row is not None and row.kind.startswith(wanted)]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement gives."""
        with connect(self.url) as connection:
            return connection.execute(statement.encode()).fetchall()

    def assert_deployed_once(self) -> None:
        """Every migration is there exactly once, with one record, one row in the history, and valid indexes."""
        files = sorted(path.name for path in (self.folder / "supabase" / "migrations").iterdir())
        versions = [name.partition("_")[0] for name in files]
        found = self.rows("SELECT version FROM supabase_migrations.schema_migrations ORDER BY version")
        assert [row[0] for row in found] == versions
        assert self.rows("SELECT sum(weight - id) FROM public.parcels") == [(500,)]
        assert self.rows("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
        indexes = ["parcels_weight"]
        if len(files) == len(MIGRATIONS):
            assert self.rows("SELECT count(*) FROM public.carriers") == [(1,)]
            indexes.insert(0, "carriers_id")
        names = "SELECT relname FROM pg_class WHERE relname IN ('parcels_weight', 'carriers_id') ORDER BY 1"
        assert [row[0] for row in self.rows(names)] == indexes
        assert sorted(one.data.version for one in self.history().migrations) == versions
