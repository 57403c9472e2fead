"""A project with a checklist, a folder as its store and a folder for scratch work, for tests that take and verify backups."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from ulid import ULID

from pointsctl.model.progress import NoProgress, Progress, Unit
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.check_environment import Surroundings
from pointsctl.workflow.create_backup import Created, create_backup
from pointsctl.workflow.interruption import stoppable
from pointsctl.workflow.load_checklist import load_checklist
from pointsctl.workflow.stored_backups import LATEST
from pointsctl.workflow.verify_backup import Verified, verify_backup
from tests.support.cli import Result, pointsctl, write_checklist
from tests.support.ledgers import ADA

NAME = "here"
"""The environment of every such project."""

AUDITS = """
- id: data.balance
  title: Balances follow from their events
  kind: sql_audit
  with: {audits: [cache-balance]}
- id: security.rls
  title: Row level security is on
  kind: sql_audit
  with: {audits: [rls-enabled]}
"""


class Telling:
    """A progress that calls what a test hands it, with the name of the stage, when one begins and when one ends."""

    def __init__(
        self, begins: Callable[[str], object] = lambda _stage: None, ends: Callable[[str], object] = lambda _stage: None
    ) -> None:
        self._begins, self._ends = begins, ends

    def begin(self, stage: str, unit: Unit, total: int | None = None) -> None:
        del unit, total
        self._begins(stage)

    def move(self, stage: str, done: int, detail: str = "") -> None:
        """Nothing."""

    def end(self, stage: str, summary: str = "") -> None:
        del summary
        self._ends(stage)


class BackupProject:
    """`folder` must be one that a server's account can pass (the fixture `open_path`). `backup` is the checklist's section."""

    def __init__(self, folder: Path, url: str, *, items: str = AUDITS, **backup: Any) -> None:
        self.folder, self.url = folder, url
        self.store, self.scratch = folder / "store", folder / "scratch"
        for one in (self.store, self.scratch):
            one.mkdir(mode=0o711, exist_ok=True)
        path = write_checklist(folder, items)
        section = {"store": self.store.as_uri(), "scratch": str(self.scratch), **backup}
        text = path.read_text("utf-8").replace("phases:", f"{yaml.safe_dump({'backup': section})}phases:", 1)
        path.write_text(text, "utf-8")
        self.checklist = path

    @property
    def variables(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url}

    def request(self, **variables: str) -> BackupRequest:
        """What the workflows are given."""
        known: Mapping[str, str] = {"PATH": os.environ["PATH"], **self.variables, **variables}
        loaded = load_checklist(self.checklist, known)
        around = Surroundings(known, lambda: datetime.now(UTC), time.monotonic, lambda: str(ULID()))
        return BackupRequest(loaded, NAME, loaded.environment(NAME), ADA, "0", around)

    def create(self, progress: Progress | None = None, *, resume: bool = False, **variables: str) -> Created:
        """Take a backup."""
        request = self.request(**variables)
        with stoppable(request.surroundings) as stop:
            return create_backup(request, stop, progress or NoProgress(), resume=resume)

    def verify(
        self, wanted: str = LATEST, progress: Progress | None = None, *, unrecorded: bool = False, **variables: str
    ) -> Verified:
        """Verify a backup."""
        request = self.request(**variables)
        with stoppable(request.surroundings) as stop:
            return verify_backup(request, wanted, stop, progress or NoProgress(), unrecorded=unrecorded)

    def run(self, *arguments: str, **variables: str) -> Result:
        """`pointsctl backup ...` as an operator types it."""
        return pointsctl("backup", *arguments, cwd=self.folder, variables={**self.variables, **variables})

    def stored(self) -> list[str]:
        """Every file in the store, by its name."""
        return sorted(path.relative_to(self.store).as_posix() for path in self.store.rglob("*") if path.is_file())

    def left_over(self) -> list[str]:
        """What is left in the folder for scratch work."""
        return sorted(path.name for path in self.scratch.iterdir())
