"""A process that applies a project's migrations, and is killed as by `kill -9` at the moment that it is told of so many events.

Called as `python -m tests.support.migrate_child FOLDER URL NUMBER [SECONDS]`; see `tests.support.backup_child`.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from tests.support.backup_child import Deadly
from tests.support.killed_child import run_killed
from tests.support.migrations import MigrationProject


def run_child(project: MigrationProject, last: int, *, seconds: float = 0) -> tuple[int, int]:
    """The exit code (-9 when it was killed), and how many events it saw when it came to its end."""
    return run_killed("migrate_child", project.folder, str(project.folder), project.url, str(last), str(seconds))


def main(folder: str, url: str, last: str, seconds: str) -> None:
    """Do it."""
    project, deadly = MigrationProject(Path(folder), url, made=False), Deadly(int(last))
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    project.apply(deadly)
    sys.stdout.write(f"{deadly.seen}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
