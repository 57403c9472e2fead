"""What every command that looks at an environment starts from: the checklist, the environment, clocks and signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pointsctl.errors import UsageError

if TYPE_CHECKING:
    from pointsctl.model.configuration import Environment
    from pointsctl.model.redactor import Redactor
    from pointsctl.workflow.check_environment import Surroundings
    from pointsctl.workflow.load_checklist import Loaded

CHECKLIST_NAME = "checklist.yaml"
SANDBOX_NAMES = ("sandbox", "sandbox-staging")
_SAME_REQUEST_S = 1.0


def find_checklist(given: Path | None, start: Path) -> Path:
    """The file named, or the nearest `checklist.yaml` at `start` or above. Raises UsageError when there is none."""
    if given is not None:
        return given
    for folder in (start, *start.parents):
        candidate = folder / CHECKLIST_NAME
        if candidate.is_file():
            return candidate
    hint = "write a starter file with `pointsctl init`, or name one with --checklist"
    raise UsageError(f"no {CHECKLIST_NAME} in {start} or in a folder above", hint=hint)


def load(given: Path | None) -> Loaded:
    """Find, read and check the checklist."""
    from pointsctl.workflow.load_checklist import load_checklist

    return load_checklist(find_checklist(given, Path.cwd()), os.environ)


def redactor_for(loaded: Loaded) -> Redactor:
    """Masks what an item may have taken from the process environment (`path: ${TOKEN}`) where the item itself is shown."""
    from pointsctl.model.redaction import secret_values
    from pointsctl.model.redactor import Redactor

    names = {name for check in loaded.checks.values() for name in check.secret_variables()}
    return Redactor(secret_values(os.environ, names))


@dataclass(frozen=True)
class Session:
    """A loaded checklist, the name of the environment to look at, and what the run is handed."""

    loaded: Loaded
    environment: str
    surroundings: Surroundings


@contextmanager
def session(checklist: Path | None, environment: str | None, jobs: int) -> Iterator[Session]:
    """Open a session; while it is open, Ctrl-C and SIGTERM ask for a clean stop instead of ending the process."""
    from ulid import ULID

    from pointsctl.workflow.check_environment import Surroundings

    loaded = load(checklist)
    name = environment or _only_environment(loaded)
    with stop_requests() as stop:
        surroundings = Surroundings(
            variables=dict(os.environ),
            clock=now,
            monotonic=time.monotonic,
            new_id=lambda: str(ULID()),
            built_in=built_in_environments(name),
            interrupted=stop.is_set,
            jobs=jobs,
        )
        yield Session(loaded, name, surroundings)


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def _only_environment(loaded: Loaded) -> str:
    names = list(loaded.checklist.environments)
    if len(names) == 1:
        return names[0]
    listed = ", ".join([*names, *(name for name in SANDBOX_NAMES if name not in names)])
    raise UsageError("which environment?", hint=f"name one with --env: {listed}")


def find_environment(loaded: Loaded, name: str | None) -> tuple[str, Environment]:
    """The environment that was asked for, or the only one, with its name. Raises UsageError or ChecklistError."""
    wanted = name or _only_environment(loaded)
    return wanted, built_in_environments(wanted).get(wanted) or loaded.environment(wanted)


def built_in_environments(name: str) -> Mapping[str, Environment]:
    """The running sandbox's environments, when `name` is one of them. Raises CouldNotLookError when it does not run."""
    if name not in SANDBOX_NAMES:
        return {}
    from pointsctl.cli.sandbox import sandbox_directory

    return sandbox_environments(sandbox_directory())


def sandbox_environments(directory: Path) -> Mapping[str, Environment]:
    """The environments of the sandbox in `directory`; `at: staging` means its staging database there."""
    from pointsctl.errors import CouldNotLookError
    from pointsctl.model.configuration import Environment
    from pointsctl.sandbox.lifecycle import NOT_RUNNING_HINT, status

    found = status(directory).environments
    if not found:
        raise CouldNotLookError(f"the sandbox in {directory} does not run", hint=NOT_RUNNING_HINT)
    return {
        one.name: Environment(
            database_url=one.database_url,
            functions_url=one.functions_url,
            variables=dict(one.variables),
            store=one.store,
            at={"staging": SANDBOX_NAMES[1]},
            functions_platform="folder",
            functions_project=str(one.functions),
        )
        for one in found
    }


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that the first SIGINT, SIGTERM or SIGHUP sets; a later one ends the process at once.

    What comes within a second is the same request told twice (by the terminal and by a parent process): it must not end the
    process while the programs that it started are being ended.
    """
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.getsignal(number) for number in numbers}
    patient_until = 0.0

    def request(number: int, _frame: object) -> None:
        nonlocal patient_until
        if not stop.is_set():
            patient_until = time.monotonic() + _SAME_REQUEST_S
            stop.set()
        elif time.monotonic() >= patient_until:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for number, handler in previous.items():
        if number != signal.SIGHUP or handler is not signal.SIG_IGN:  # `nohup` means it
            signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
