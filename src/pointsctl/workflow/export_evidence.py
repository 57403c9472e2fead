"""Use case: one file with everything that a ledger proves, which can be checked without a database, a network or us."""

from __future__ import annotations

import hashlib
import tempfile
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pointsctl import __version__
from pointsctl.errors import CouldNotLookError, RefusedError
from pointsctl.files import private_file, see, write_private_parts
from pointsctl.ledger.bundle import Derived, Renderer, Wanted, derive, describe
from pointsctl.ledger.bundle_spool import Spool
from pointsctl.ledger.bundle_zip import write_archive
from pointsctl.ledger.damage import Damage, What
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.ledger.verification import Progress
from pointsctl.model.bundle import (
    CHECKLIST,
    LARGEST_BUNDLE,
    LEDGER,
    MIGRATIONS,
    MOST_FILES,
    SUMS,
    objection_to,
    sums_text,
)
from pointsctl.model.bundle_contents import Contents
from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.export_ledger import Export
from pointsctl.workflow.find_plan import find_plan
from pointsctl.workflow.load_checklist import Loaded

_SECONDS = 30.0
_SPARE = 16 * 1024 * 1024
"""Bytes left for the zip file's own headers."""

_ONLY_DO_NOT_COUNT = frozenset({What.UNSIGNED, What.UNREADABLE})


class BundleTooLargeError(CouldNotLookError):
    """There is more evidence than fits into one bundle."""

    code = "bundle-too-large"


@dataclass(frozen=True)
class Request:
    """What is asked for. `plan`: the digest of the only plan whose files are wanted, or the beginning of it; `junit` writes a
    run as JUnit XML; `variables` is the process environment, of which only PATH is used.
    """

    environment: str
    plan: str | None
    junit: Renderer
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Exported:
    """A bundle that was written: its files, what is in it, the files of the project that are `missing` because they are gone
    or are not those that were planned, and the records that are in it and do not count (`odd`).
    """

    path: Path
    files: int
    contents: Contents
    missing: tuple[str, ...]
    odd: tuple[Damage, ...]


def export_evidence(
    ledger: Ledger, loaded: Loaded, request: Request, output: Path | None, progress: Progress
) -> Exported:
    """Write the bundle to `output`, or to `evidence-ENVIRONMENT-SEQ.zip` in the working directory.

    1. The ledger, in one snapshot. 2. What follows from it. 3. The files of the project that it names, if they are as it
    says. 4. Their digests. Raises RefusedError for a damaged ledger, UsageError for a plan that does not exist,
    BundleTooLargeError, StorageError, and what the ledger raises.
    """
    plan = _digest(ledger, request)
    with tempfile.TemporaryDirectory(prefix="pointsctl-") as folder, Spool() as spool:
        exported = Path(folder) / LEDGER
        write_private_parts(exported, Export(ledger).lines())
        derived = derive(exported, Wanted(plan, request.junit, request.variables), spool.add, progress)
        _refuse_damage(derived)
        spool.add_file(LEDGER, exported)
        contents = derived.contents
        files = _add_project_files(spool, loaded, contents)
        describe(contents, files, __version__, spool.add)
        spool.add(SUMS, sums_text(spool.sums).encode())
        path = output or Path(f"evidence-{request.environment}-{contents.head.seq}.zip")
        _write(path, spool)
    missing = tuple(sorted(contents.vouched().keys() - files.keys()))
    return Exported(path, len(spool.sums), contents, missing, derived.damages)


def _digest(ledger: Ledger, request: Request) -> str | None:
    if request.plan is None:
        return None
    return find_plan(read_history(ledger, request.variables), request.plan, request.environment).digest


def _refuse_damage(derived: Derived) -> None:
    """What does not count does not count in a bundle either; a chain that does not hold proves nothing."""
    damages = [damage for damage in derived.damages if damage.what not in _ONLY_DO_NOT_COUNT]
    if damages:
        first = damages[0]
        message = (
            f"the ledger is damaged: {first.records} {first.what.value}: expected {first.expected}, found {first.found}"
        )
        hint = "see all of it with `pointsctl ledger verify`; keep it as it is with `pointsctl ledger export`"
        raise RefusedError(message, hint=hint)


def _add_project_files(spool: Spool, loaded: Loaded, contents: Contents) -> dict[str, str]:
    """Add the files of the project that are what a plan or run says: nothing else could be checked later. Their digests."""
    files = {}
    for name, digests in contents.vouched().items():
        # A name from a plan leads nowhere unless it is one that a bundle can hold.
        data = _content(_place(loaded, name)) if not objection_to(name) else None
        if data is not None and (digest := hashlib.sha256(data).hexdigest()) in digests:
            spool.add(name, data)
            files[name] = digest
    return files


def _place(loaded: Loaded, name: str) -> Path:
    """Where a file of the bundle is in the project."""
    if name == CHECKLIST:
        return loaded.path
    settings, path = loaded.checklist.migrations, PurePosixPath(name)
    if path.parent == PurePosixPath(MIGRATIONS):
        return loaded.directory / settings.directory / path.name
    reverse = loaded.directory / settings.reverse_directory
    return reverse / (path.name if path.parent.name == "reverse" else f"{path.stem}.verify.sql")


def _content(place: Path) -> bytes | None:
    try:
        seen = see(place, TimeLimit(_SECONDS, time.monotonic), keep=True)
    except CouldNotLookError:
        # Too large or unreadable: the bundle says that it is missing, and is whole without it.
        return None
    return None if isinstance(seen, str) else seen.content


def _write(path: Path, spool: Spool) -> None:
    hint = "export one plan with `--plan DIGEST`, or the ledger alone with `pointsctl ledger export`"
    if len(spool.sums) > MOST_FILES or spool.size > LARGEST_BUNDLE - _SPARE:
        message = f"{len(spool.sums):,} files with {spool.size:,} bytes are more than fit into one bundle"
        raise BundleTooLargeError(message, hint=hint)
    try:
        with private_file(path) as file:
            write_archive(file, spool.files())
    except zipfile.LargeZipFile:
        raise BundleTooLargeError("the files are more than fit into one bundle", hint=hint) from None
