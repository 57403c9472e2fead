"""The store of every environment that is looked at: whether it can be reached, and how it keeps what is put into it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pointsctl.errors import ExitCode, PointsctlError
from pointsctl.model.backup import folder_of
from pointsctl.model.configuration import Backup
from pointsctl.model.escape import plain
from pointsctl.model.posture_rules import PostureProblem, Weight, posture_problems
from pointsctl.workflow.doctor_environments import Target
from pointsctl.workflow.doctor_result import DoctorCheck, Status
from pointsctl.workflow.open_store import open_store

_ALL_SECONDS = 20.0
"""How long all stores together may take; one that does not answer must not keep the doctor."""
_SHARED = "backup.store"
_STATUS = {Weight.SERIOUS: Status.FAILED, Weight.ADVICE: Status.WARNING, Weight.UNKNOWN: Status.WARNING}


@dataclass(frozen=True)
class StorePlace:
    """A store by its URL, the id of what is said of it, and the environments whose backups go there."""

    id: str
    url: str
    environments: tuple[str, ...]


def stores_of(settings: Backup, targets: Sequence[Target]) -> tuple[StorePlace, ...]:
    """Each store once: the checklist's, and those that environments have of their own."""
    users: dict[str, list[str]] = {}
    for target in targets:
        users.setdefault(target.environment.store or settings.store, []).append(target.name)
    if not targets:
        users[settings.store] = []
    return tuple(
        StorePlace(_SHARED if url == settings.store else f"environment.{names[0]}.store", url, tuple(names))
        for url, names in users.items()
    )


def store_checks(
    places: Sequence[StorePlace], retention: timedelta, monotonic: Callable[[], float]
) -> tuple[DoctorCheck, ...]:
    """Look at all at once; nothing is written to find out. Never raises: what went wrong with one is its result."""
    found: dict[StorePlace, DoctorCheck] = {}

    def look(place: StorePlace) -> None:
        found[place] = store_check(place, retention)

    # Daemons, so that one that hangs in the network keeps neither the others nor the end of the program waiting.
    threads = [threading.Thread(target=look, args=(place,), daemon=True, name=f"doctor-{place.id}") for place in places]
    for thread in threads:
        thread.start()
    deadline = monotonic() + _ALL_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
    silent = "no answer within the time limit"
    return tuple(
        found.get(place)
        or DoctorCheck(place.id, Status.ERROR, silent, "check the endpoint, and the network in between")
        for place in places
    )


def store_check(place: StorePlace, retention: timedelta) -> DoctorCheck:
    """Whether backups can be put there, and whether they would still be there when they are needed."""
    if not place.url:
        fix = "set `backup: {store: ...}` to file:///folder or s3://bucket/prefix"
        return DoctorCheck(place.id, Status.MISSING, "not configured", fix)
    try:
        store = open_store(place.url)
        folder = _folder_of(place.url)
        unusable = _folder_check(place.id, folder) if folder else None
        if unusable is not None:
            return unusable
        postures = [store.posture(folder_of(name)) for name in place.environments or ("",)]
    except PointsctlError as error:
        wrong = error.exit_code in (ExitCode.USAGE, ExitCode.BAD)
        return DoctorCheck(place.id, Status.FAILED if wrong else Status.ERROR, error.message, error.hint)
    problems = dict.fromkeys(problem for posture in postures for problem in posture_problems(posture, retention))
    return _judged(place.id, plain(store.address), tuple(problems))


def _judged(id_: str, address: str, problems: Sequence[PostureProblem]) -> DoctorCheck:
    if not problems:
        return DoctorCheck(id_, Status.OK, f"{address}; kept as it should be")
    worst = min(problems, key=lambda problem: list(Weight).index(problem.weight))
    lines = (address, *(problem.text for problem in problems))
    fixes = "; ".join(dict.fromkeys(problem.fix for problem in problems))
    return DoctorCheck(id_, _STATUS[worst.weight], "\n".join(lines), fixes)


def _folder_of(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _folder_check(id_: str, folder: Path) -> DoctorCheck | None:
    """What to say of a folder that is not there yet or cannot be written to; None when it can be looked at."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        fix = f"make {folder} a folder that this user can write to, or set another `backup: {{store: ...}}`"
        return DoctorCheck(id_, Status.ERROR, f"{existing} cannot be written to", fix)
    if existing != folder:
        return DoctorCheck(id_, Status.OK, f"{folder} does not exist yet and can be made")
    return None
