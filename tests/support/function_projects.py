"""A project with edge functions, a ledger and a store, whose platform is a fake on this machine or programs of its own."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from ulid import ULID

from pointsctl.ledger.store import Ledger
from pointsctl.model.function_records import RecordedFunction, recorded_function
from pointsctl.model.ledger import read_record
from pointsctl.model.progress import NoProgress
from pointsctl.postgres.database import Database
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.check_environment import Surroundings
from pointsctl.workflow.deploy_functions import FunctionsDeployed, FunctionsWanted, deploy_functions
from pointsctl.workflow.load_checklist import load_checklist
from tests.support.cli import Result, pointsctl
from tests.support.ledgers import ADA, install
from tests.support.management_api import PROJECT, TOKEN, Api
from tests.support.supabase_cli import VERSION, installed
from tests.support.world import Switch

NAME = "here"
HELLO, OTHER = "hello", "other-one"
ENTRY = f"supabase/functions/{HELLO}/index.ts"
SHARED = "supabase/functions/_shared/cors.ts"

_PLATFORM = Path(__file__).with_name("function_platform_program.py")


class FunctionProject:
    """Two functions that share a file. `folder` is empty; the ledger of the database at `url` is installed."""

    def __init__(self, folder: Path, url: str, *, protected: bool = False, **functions: Any) -> None:
        self.folder, self.url, self.protected = folder, url, protected
        self.functions: dict[str, Any] = {"names": [HELLO, OTHER], "project": PROJECT, **functions}
        self.environment: dict[str, Any] = {}
        for name in (HELLO, OTHER):
            self.write(
                f"supabase/functions/{name}/index.ts",
                f'import {{ cors }} from "../_shared/cors.ts";\nDeno.serve(() => new Response("{name}"));\n',
            )
        self.write(SHARED, "export const cors = {};\n")
        install(url, NAME, protected=protected)
        self.write_checklist()

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        return place

    def write_checklist(self, **environment: Any) -> None:
        """Write the checklist with the project's settings."""
        here = {"database_url": "${DATABASE_URL}", "protected": self.protected, **environment}
        item = {
            "id": "function.deployed",
            "title": "They are deployed",
            "kind": "function",
            "with": {"proves": "deployed"},
        }
        watched = {"id": "function.watched", "title": "Watched", "kind": "function", "with": {"proves": "logs-watched"}}
        calm = {"id": "function.calm", "title": "No errors", "kind": "function", "with": {"proves": "no-errors"}}
        section = {"id": "section", "title": "A section", "items": [item, watched, calm]}
        document = {
            "version": 1,
            "title": "A test",
            "environments": {NAME: here},
            "backup": {"store": (self.folder / "store").as_uri(), "scratch": str(self.folder / "scratch")},
            "functions": self.functions,
            "phases": [{"id": "pre-deployment", "title": "Before", "sections": [section]}],
        }
        self.write("checklist.yaml", yaml.safe_dump(document, sort_keys=False))

    @property
    def variables(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "DATABASE_URL": self.url, "SUPABASE_ACCESS_TOKEN": TOKEN}

    def request(self, **variables: str) -> BackupRequest:
        """What the workflows are given."""
        known = {**self.variables, **variables}
        loaded = load_checklist(self.folder / "checklist.yaml", known)
        around = Surroundings(known, lambda: datetime.now(UTC), time.monotonic, lambda: str(ULID()))
        return BackupRequest(loaded, NAME, loaded.environment(NAME), ADA, "0", around)

    def deploy(self, *names: str, switch: Switch | None = None, **wanted: Any) -> FunctionsDeployed:
        """Deploy, without the lock and the gate."""
        asked = replace(FunctionsWanted(names), **wanted)
        return deploy_functions(self.request(), asked, switch or Switch(limit=120), NoProgress())

    def records(self) -> list[RecordedFunction]:
        """What the ledger holds of functions."""
        with Ledger(self.url) as ledger:
            rows = ledger.rows(kinds=["function.deployed", "function.deleted", "function.watched"])
            return [recorded_function(read_record(row)) for row in rows]

    def run(self, *arguments: str, **variables: str) -> Result:
        """`pointsctl functions ...` as an operator types it."""
        known = {key: value for key, value in self.variables.items() if key != "PATH"}
        return pointsctl("functions", *arguments, cwd=self.folder, variables={**known, **variables})


def database_row(url: str, **changed: Any) -> dict[str, Any]:
    """What the Management API answers when the database at `url` is asked who it is."""
    database = Database(url)
    try:
        found = database.identity()
    finally:
        database.close()
    started = round(found.server_started_at.timestamp() * 1_000_000)
    row = {
        "system_identifier": found.system_identifier,
        "database_oid": found.database_oid,
        "database": found.database,
        "started_us": str(started),
    }
    return {**row, **changed}


def on_supabase(folder: Path, url: str, api: Api, *, cli: str = VERSION, **settings: Any) -> FunctionProject:
    """A project whose platform is the fake of the Management API, which works with the database at `url`; with the real CLI."""
    api.database = [database_row(url)]
    (folder / "node_modules").symlink_to(installed(cli) / "node_modules")
    return FunctionProject(folder, url, **{"profile": api.profile(folder), "timeout": "2m", **settings})


def on_programs(folder: Path, url: str, **settings: Any) -> FunctionProject:
    """A project whose platform is a folder, spoken to with programs."""
    commands = {
        what: [sys.executable, str(_PLATFORM), str(folder / "platform"), what, *arguments]
        for what, arguments in {
            "list": ["{project}"],
            "deploy": ["{project}", "{function}", "{folder}"],
            "delete": ["{project}", "{function}"],
            "save": ["{project}", "{function}", "{folder}"],
            "logs": ["{project}"],
        }.items()
    }
    given = {**commands, **settings.pop("commands", {})}
    return FunctionProject(folder, url, platform="command", commands=given, **settings)
