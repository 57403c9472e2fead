"""Makes a copy of an archive of pg_dump in a scratch place: roles, what the platform supplies, then pg_restore."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.progress import Progress, Unit
from pointsctl.postgres.cancelling import cancellable
from pointsctl.postgres.client_environment import CONNECTION, client_environment
from pointsctl.postgres.connection import connect
from pointsctl.postgres.failures import translated
from pointsctl.postgres.locale import DatabaseLocale, differing
from pointsctl.postgres.prelude import run_prelude
from pointsctl.postgres.restore_failures import restore_failed
from pointsctl.postgres.restore_progress import watched
from pointsctl.postgres.roles import Role
from pointsctl.postgres.scratch import Scratch
from pointsctl.process import run

STAGE = "restore"


@dataclass(frozen=True)
class Recipe:
    """How a copy is made: `program` is the pg_restore to use, `jobs` how many connections restore at once.

    `search_path` has the form of PATH.

    `roles` are the source's, `prelude` the SQL files that run in the empty copy first, `without_extensions` what the copy
    does without on purpose; `rows` is how many rows the archive holds, for the progress, None where nobody counted.
    With `definitions_only` the copy stays empty. `locale` is the source's, None where nobody knows it.
    """

    program: Path
    search_path: str
    jobs: int
    roles: tuple[Role, ...] = ()
    prelude: tuple[Path, ...] = ()
    without_extensions: tuple[str, ...] = ()
    rows: int | None = None
    definitions_only: bool = False
    locale: DatabaseLocale | None = None


@dataclass(frozen=True)
class MadeCopy:
    """A copy: its address as a role that sees everything, how long the restore took, what it does without on purpose."""

    url: str = field(repr=False)
    seconds: float
    left_out: tuple[str, ...] = ()


def make_copy(
    archive: Path, scratch: Scratch, recipe: Recipe, cancellation: Cancellation, progress: Progress
) -> MadeCopy:
    """Restore the archive (a folder in pg_dump's directory format, in a private folder that we may write to) into `scratch`.

    1. the roles; 2. an empty database; 3. the prelude; 4. pg_restore, which ends at the first error; 5. statistics for the
    planner. The seconds are of 3 to 5.

    Raises RestoreFailedError (the archive cannot be restored), RefusedError (roles), ChecklistError (the prelude), StorageError
    (no room), ContextMissingError (the server lacks an extension), PermissionMissingError, ConnectionLostError,
    ToolMissingError, TookTooLongError, InterruptedByOperatorError.
    """
    scratch.prepare_roles(recipe.roles)
    url = scratch.empty_database(recipe.locale)
    progress.begin(STAGE, Unit.ROWS, recipe.rows)
    started = monotonic()
    for path in recipe.prelude:
        run_prelude(url, path, cancellation)
    with watched(url, STAGE, progress):
        left_out = (*_restore(archive, url, recipe, cancellation), *_differing(url, recipe.locale))
        _analyze(url, cancellation)
    seconds = monotonic() - started
    if recipe.rows is not None:
        progress.move(STAGE, recipe.rows)  # what was seen of it now and then is less
    progress.end(STAGE)
    return MadeCopy(url, seconds, left_out)


def _differing(url: str, source: DatabaseLocale | None) -> tuple[str, ...]:
    if source is None:
        return ()
    with connect(url) as connection:
        return tuple(differing(source, DatabaseLocale.of(connection)))


def _restore(archive: Path, url: str, recipe: Recipe, cancellation: Cancellation) -> tuple[str, ...]:
    with (
        tempfile.TemporaryDirectory(prefix="restore-", dir=archive.parent) as name,
        connect(url) as connection,
        client_environment(connection, Path(name), recipe.search_path) as environment,
    ):
        listing = Path(name, "list")
        options = [f"--use-list={listing}"] if recipe.without_extensions else []
        if options:
            _run(recipe, ["--list", f"--file={listing}", str(archive)], environment, cancellation)
            _leave_out(listing, recipe.without_extensions)
        # Where on a disk something was, is not the copy's to keep; owners and grants are restored like everything else, since
        # who may do what is part of what is proven.
        options += ["--no-tablespaces", *(["--schema-only"] if recipe.definitions_only else [])]
        arguments = ["--exit-on-error", f"--jobs={recipe.jobs}", "--no-password", f"--dbname={CONNECTION}", *options]
        _run(recipe, [*arguments, str(archive)], environment, cancellation)
    return tuple(f"extension {one}" for one in recipe.without_extensions)


def _run(recipe: Recipe, arguments: Sequence[str], environment: Mapping[str, str], cancellation: Cancellation) -> None:
    argv = [str(recipe.program), "--format=directory", *arguments]
    folder = Path(environment["PGPASSFILE"]).parent
    finished = run(argv, directory=folder, environment=environment, cancellation=cancellation)
    if finished.exit_code != 0:
        raise restore_failed(finished)


def _leave_out(listing: Path, extensions: Sequence[str]) -> None:
    """Take the extensions, and the comments on them, out of a table of contents that pg_restore has written."""
    marks = tuple(f" EXTENSION - {name} " for name in extensions)
    comments = tuple(f" COMMENT - EXTENSION {name} " for name in extensions)
    lines = listing.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
    kept = [line for line in lines if not any(mark in line for mark in (*marks, *comments))]
    listing.write_text("".join(kept), encoding="utf-8", errors="surrogateescape")


def _analyze(url: str, cancellation: Cancellation) -> None:
    what = "gathering statistics of the copy"
    with connect(url) as connection, translated(what), cancellable(connection, cancellation, what):
        connection.execute("ANALYZE")
