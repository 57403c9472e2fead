"""A process that deploys, and is killed as by `kill -9` at the moment that it is told of so many events, or has worked so long.

Called as `python -m tests.support.deploy_child FOLDER URL NUMBER SECONDS`; prints how many events there were when it comes to
its end before. What it had started as programs of its own is left to itself, as after any such death.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from pointsctl.model.procedure import open_procedure
from tests.support.backup_child import Deadly
from tests.support.deploy_projects import DeployProject
from tests.support.killed_child import run_killed


def run_child(project: DeployProject, last: int = 0, seconds: float = 0) -> tuple[int, int]:
    """The exit code (-9 when it was killed), and how many events it saw when it came to its end."""
    return run_killed("deploy_child", project.folder, str(project.folder), project.url, str(last), str(seconds))


def main(folder: str, url: str, last: str, seconds: str) -> None:
    """Deploy, or go on."""
    project, deadly = DeployProject.opened(Path(folder), url), Deadly(int(last))
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    project.deploy(deadly, resume=open_procedure(project.history().procedures) is not None)
    sys.stdout.write(f"{deadly.seen}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
