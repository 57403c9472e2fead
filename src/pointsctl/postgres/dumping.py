"""Runs pg_dump: the whole database as it was in a snapshot, or the definitions of a copy; and says why when it fails."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pointsctl.errors import (
    ConnectionLostError,
    CouldNotLookError,
    PermissionMissingError,
    PointsctlError,
    StorageError,
    TookTooLongError,
    ToolMissingError,
)
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import LeftOut
from pointsctl.model.escape import plain
from pointsctl.model.progress import Progress
from pointsctl.model.redaction import redact
from pointsctl.postgres.archive import Archive, read_archive
from pointsctl.postgres.client_environment import CONNECTION, client_environment
from pointsctl.postgres.connection import Connection, connect
from pointsctl.postgres.copy_progress import copies_watched
from pointsctl.postgres.dump_tools import DumpProgram
from pointsctl.postgres.relations import relations
from pointsctl.postgres.snapshot import HeldSnapshot
from pointsctl.process import Finished, run

STAGE = "dump"
_LOCK_WAIT_MS = 30_000
_SHOWN = 400
# In English, since LC_ALL is C for it. Its other lines are statements, which may hold any text.
_ERROR = re.compile(r"^pg_dump: (?:error|detail|fatal): (.*)$", re.MULTILINE)

# What pg_dump says in English, with the class and the next action; first match wins.
_FAILURES: tuple[tuple[str, type[CouldNotLookError], str], ...] = (
    (
        r"No space left on device|Disk quota exceeded|File too large",
        StorageError,
        "make room in `backup.scratch`, or name a roomier folder there",
    ),
    (
        r"invalid snapshot identifier|snapshot \".*\" does not exist|could not import the requested snapshot",
        ConnectionLostError,
        "the transaction that held the snapshot has ended; run again, and see the server's log for what ended it",
    ),
    (
        (
            r"server closed the connection|terminating connection|connection to server|no connection to the server"
            r"|could not receive data|could not send data|SSL SYSCALL|SSL error|shutting down|starting up|in recovery mode"
        ),
        ConnectionLostError,
        "run again when the server is up; see its log for what ended the connection",
    ),
    (
        r"lock timeout|could not obtain lock",
        TookTooLongError,
        "a migration or another session locks a table; run again when it has ended (see pg_locks)",
    ),
    (
        r"row-level security|permission denied|must be owner|must be superuser",
        PermissionMissingError,
        "connect as a role that may read everything and bypasses row level security (on Supabase: postgres)",
    ),
    (
        r"server version mismatch",
        ToolMissingError,
        "install PostgreSQL's client programs of the server's major version",
    ),
)


@dataclass(frozen=True)
class Order:
    """What to dump: with how many connections at once, and without what."""

    jobs: int
    without: LeftOut


def dump(
    held: HeldSnapshot, program: DumpProgram, folder: Path, order: Order, cancellation: Cancellation, progress: Progress
) -> Archive:
    """Dump the database of the snapshot into the new folder `folder`, in the directory format.

    Beside the folder there is a private one meanwhile. Gives the archive's table of contents. Raises pointsctl's errors.
    """
    guard = held.guard(cancellation)
    arguments = [
        f"--jobs={order.jobs}",
        f"--snapshot={held.snapshot}",
        f"--compress={program.compression.argument}",
        f"--lock-wait-timeout={_LOCK_WAIT_MS}",
    ]
    with held.reader(guard) as connection:
        tables = [one for one in relations(connection, order.without) if one.kind == "r"]
        with copies_watched(held.url, tables, progress, STAGE):
            _run_pg_dump(connection, program, folder, arguments, order.without.schemas, guard)
    return read_archive(folder)


def definitions(
    url: str,
    program: DumpProgram,
    folder: Path,
    *,
    encoding: str,
    without_schemas: Sequence[str],
    cancellation: Cancellation,
) -> Archive:
    """The table of contents of the database of `url`, without rows, in `encoding`; made in the new folder `folder`.

    Raises pointsctl's errors.
    """
    arguments = ["--schema-only", *([f"--encoding={encoding}"] if encoding else [])]
    with connect(url) as connection:
        _run_pg_dump(connection, program, folder, arguments, without_schemas, cancellation)
    return read_archive(folder)


def _run_pg_dump(
    connection: Connection,
    program: DumpProgram,
    folder: Path,
    arguments: Iterable[str],
    without_schemas: Iterable[str],
    cancellation: Cancellation,
) -> None:
    argv = [
        *_ends_with_us(program.search_path),
        str(program.tool.path),
        "--format=directory",
        f"--file={folder}",
        # Whoever stores the files flushes them.
        "--no-sync",
        "--no-password",
        *arguments,
        *(f"--exclude-schema={_pattern(name)}" for name in without_schemas),
        f"--dbname={CONNECTION}",
    ]
    with (
        TemporaryDirectory(prefix="pg_dump-", dir=folder.parent) as private,
        client_environment(connection, Path(private), program.search_path) as environment,
    ):
        finished = run(argv, directory=Path(private), environment=environment, cancellation=cancellation)
    if finished.exit_code != 0:
        raise dump_failed(finished)


def dump_failed(finished: Finished) -> PointsctlError:
    """The error for a pg_dump that did not end well, with its own words, bounded and escaped; statements are left out."""
    if finished.exit_code == -signal.SIGXFSZ:
        message = "pg_dump may not write a file as large as it needs (the limit of file sizes, as of `ulimit -f`)"
        return StorageError(message, hint="raise the limit for the user that runs pointsctl")
    if finished.exit_code < 0:
        message = f"pg_dump was ended by signal {-finished.exit_code}, as by somebody who stopped it"
        return ConnectionLostError(message, hint="see the machine's log, then run again")
    said = (finished.stderr.head + b"\n" + finished.stderr.tail).decode("utf-8", "replace")
    lines = list(dict.fromkeys(_ERROR.findall(said)))
    words = plain(redact(" | ".join(lines)), _SHOWN)
    message = f"pg_dump ended with {finished.exit_code}, expected 0: {words or 'it said nothing'}"
    for pattern, error_class, hint in _FAILURES:
        if any(re.search(pattern, line) for line in lines):
            return error_class(message, hint=hint)
    return CouldNotLookError(message, hint="see what it says, and the server's log")


def _ends_with_us(search_path: str) -> list[str]:
    """What makes a program end when we are killed, where the system knows that (Linux); its server sessions end with it."""
    helper = shutil.which("setpriv", path=search_path)
    return [helper, "--pdeathsig", "TERM", "--"] if helper else []


def _pattern(name: str) -> str:
    """A name as pg_dump's pattern for just this name."""
    return '"{}"'.format(name.replace('"', '""'))
