"""A process that takes or verifies a backup, and is killed as by `kill -9` at the moment that it is told of so many events.

Called as `python -m tests.support.backup_child create|verify FOLDER URL NUMBER [SECONDS]`; prints how many events there were
when it comes to its end before. With SECONDS it is also killed when so much time has passed, wherever it is then. `create-stored` is killed before the record of what is stored, `create-recorded` right after it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from pointsctl.model.progress import Unit
from pointsctl.workflow import create_backup
from pointsctl.workflow.record_backup import record_created
from tests.support.backup_projects import BackupProject
from tests.support.killed_child import run_killed


class Deadly:
    """Counts what it is told, and ends the process at the event with the number `last` (never for 0)."""

    def __init__(self, last: int) -> None:
        self.seen = 0
        self._last = last
        self._lock = threading.Lock()

    def _count(self) -> None:
        with self._lock:
            self.seen += 1
            if self.seen == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def begin(self, stage: str, unit: Unit, total: int | None = None) -> None:
        del stage, unit, total
        self._count()

    def move(self, stage: str, done: int, detail: str = "") -> None:
        del stage, done, detail
        self._count()

    def end(self, stage: str, summary: str = "") -> None:
        del stage, summary
        self._count()


def run_child(what: str, project: BackupProject, last: int, *, seconds: float = 0) -> tuple[int, int]:
    """The exit code (-9 when it was killed), and how many events it saw when it came to its end.

    `seconds` (0 for never) after the work has begun, the kernel ends the process, whatever it is doing.
    """
    return run_killed("backup_child", project.folder, what, str(project.folder), project.url, str(last), str(seconds))


def _die(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _deadly_record(*given: Any) -> NoReturn:
    record_created(*given)
    _die()


def main(what: str, folder: str, url: str, last: str, seconds: str) -> None:
    """Do it."""
    project, deadly = BackupProject(Path(folder), url), Deadly(int(last))
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    if what in ("create-stored", "create-recorded"):
        vars(create_backup)["record_created"] = _deadly_record if what == "create-recorded" else _die
        what = "create"
    if what == "create":
        project.create(deadly)
    else:
        project.verify(progress=deadly)
    sys.stdout.write(f"{deadly.seen}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
