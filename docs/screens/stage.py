"""A folder and a sandbox of its own in which the shown commands are run, gone afterwards."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template

from pointsctl.postgres import administration
from pointsctl.sandbox.databases import OWNER, sandbox_cluster
from pointsctl.sandbox.layout import Layout
from screens.preparations import FILES
from screens.requests import answer
from screens.story import Run, StoryError

# The length of the path decides where lines break, so it must not depend on TMPDIR.
_SHORT = "/tmp"  # noqa: S108 (mkdtemp makes a private folder in it)
_PATIENCE_S = 300
_WIDE = "4000"
# Of the deployment's window; the five minutes make them the same steps of the story however late the sandbox is up.
_SINCE, _UNTIL = timedelta(minutes=-30), timedelta(minutes=95)


class Stage:
    """Runs commands in `folder`; the sandbox is in `folder/sandbox`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sandbox = folder / "sandbox"
        self._variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LOGNAME": "ada",
            "LANG": "C.UTF-8",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "POINTSCTL_SANDBOX_DIR": str(self._sandbox),
        }
        self._values: dict[str, str] = {}

    def output(self, run: Run) -> str:
        """What the command prints: its messages where it is expected to print nothing else. Raises StoryError."""
        for prepare in run.before:
            prepare(self._folder)
        if run.line.startswith("curl"):
            return answer(run.line, self._values)
        variables = {name: Template(value).substitute(self._values) for name, value in run.variables.items()}
        variables |= {"COLUMNS": _WIDE} if run.wide else {}
        words = (Template(word).safe_substitute(self._values) for word in shlex.split(run.line))
        command = [sys.executable, "-m", *words]
        done = self._done(command, variables, together=run.messages)
        if run.exit_code not in (None, done.returncode):
            raise StoryError(
                f"`{run.line}` ended with {done.returncode}, not {run.exit_code}:\n{done.stdout}{done.stderr}"
            )
        if run.line == "pointsctl sandbox up":
            self._values = self._after_the_sandbox_is_up()
        return done.stdout or done.stderr

    def _after_the_sandbox_is_up(self) -> dict[str, str]:
        status = json.loads(self._done([sys.executable, "-m", "pointsctl", "sandbox", "status", "--json"]).stdout)
        return {
            "URL": status["functions_url"],
            "OWN_DATABASE_URL": self._own_database(),
            "NEW_DATABASE_URL": self._new_database(),
            "USER_TOKEN": self._token("authenticated"),
            "SERVICE_KEY": self._token("service_role"),
            "START": _minute(_SINCE),
            "DEADLINE": _minute(_UNTIL),
        }

    def _own_database(self) -> str:
        """A database with Supabase's roles and none of the reference schema's tables."""
        cluster = sandbox_cluster(Layout(self._sandbox))
        administration.create_database(cluster.url("postgres"), "app", owner=OWNER)
        prepared = Path(__file__).parents[2] / "sql/sandbox/database.sql"
        administration.run_script(cluster.url("app"), prepared.read_text("utf-8"), what="preparing a database")
        script = (FILES / "own-tables.sql").read_text("utf-8")
        administration.run_script(cluster.url("app", OWNER), script, what="making own tables")
        return cluster.url("app", OWNER)

    def _new_database(self) -> str:
        """An empty database, for a restore."""
        cluster = sandbox_cluster(Layout(self._sandbox))
        administration.create_database(cluster.url("postgres"), "points_again")
        return cluster.url("points_again")

    def _token(self, role: str) -> str:
        done = self._done([sys.executable, str(FILES / "make_token.py"), str(self._sandbox), role])
        return done.stdout.strip()

    def _done(
        self, command: list[str], variables: Mapping[str, str] | None = None, *, together: bool = False
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self._folder,
            env={**self._variables, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if together else subprocess.PIPE,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )

    def clear(self) -> None:
        """Stop the sandbox and delete everything."""
        done = self._done([sys.executable, "-m", "pointsctl", "sandbox", "down", "--purge"])
        if done.returncode:
            raise StoryError(f"the sandbox in {self._sandbox} could not be stopped:\n{done.stderr}")
        shutil.rmtree(self._folder)


def _minute(later: timedelta) -> str:
    return f"{datetime.now(UTC) + later:%Y-%m-%dT%H:%M:00Z}"


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage with the files of `files/` in it."""
    folder = Path(tempfile.mkdtemp(prefix="pointsctl-", dir=_SHORT))
    folder.chmod(0o755)  # when root runs this, the private PostgreSQL runs as another user and must get through
    made = Stage(folder)
    try:
        for file in FILES.iterdir():
            shutil.copy(file, folder)
        yield made
    finally:
        made.clear()
