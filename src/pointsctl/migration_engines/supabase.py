"""Applies migrations with the Supabase CLI: one `supabase db push` for each file, the audit record after it."""

from __future__ import annotations

import random
import re
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pointsctl import supabase_cli
from pointsctl.errors import (
    CouldNotLookError,
    InterruptedByOperatorError,
    PointsctlError,
    RefusedError,
    TookTooLongError,
)
from pointsctl.ledger.completed_migration import completed_migration, with_time
from pointsctl.migration_engines.interface import Engine, Order, Target
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.checklist import Checklist
from pointsctl.model.migration_segments import segments
from pointsctl.model.pending_migration import AppliedMigration, HistoryRow, PendingMigration
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres.cli_sessions import drop_leftovers, lone_index_built, wait_for_cli_sessions
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.libpq_variables import libpq_variables
from pointsctl.postgres.migrating_session import MigratingSession
from pointsctl.postgres.supabase_history import applied_versions, insert, install
from pointsctl.supabase_cli import SupabaseCli, SupabaseCliError

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_LONGEST_NAME = 63
_NAMED_AS_VERSION = re.compile(r"[0-9]+")
_LOCKED = re.compile(r"SQLSTATE (?:55P03|40P01)")
# All else comes from the environment, where other users of the machine do not see it.
_NO_ADDRESS = "postgresql://"


class Supabase(Engine):
    """Of `variables`, PATH is used. `jitter` gives numbers from 0 to 1, `pause` waits for seconds, `monotonic` counts them."""

    def __init__(
        self,
        variables: Mapping[str, str],
        directory: Path,
        *,
        jitter: Callable[[], float] = random.random,
        pause: Callable[[float, Cancellation], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._variables, self._directory = variables, directory
        self._jitter, self._pause, self._monotonic = jitter, pause or _wait, monotonic
        self._session: MigratingSession | None = None
        self._cli: SupabaseCli | None = None

    @classmethod
    def open(cls, checklist: Checklist, variables: Mapping[str, str], directory: Path) -> Self:
        """The engine; the CLI is looked for in `directory` and the folders above it, then on PATH."""
        del checklist
        return cls(variables, directory)

    def close(self) -> None:
        """End the session that holds the lock of migrations."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def refuse(self, pending: Sequence[PendingMigration], target: Target) -> None:
        """Raises RefusedError for files that a server cannot be sent, or that a failure could leave half applied."""
        super().refuse(pending, target)
        for one in pending:
            _refuse_mixed(one)

    def apply(self, order: Order, target: Target, cancellation: Cancellation, progress: Progress) -> AppliedMigration:
        """Push one file; see `Engine.apply`.

        1. A session of a CLI that was killed may still commit: it is waited for. 2. What is there already is completed.
        3. The file is pushed, again while it meets locked tables. 4. The history tells what came of it.
        """
        session = self._opened(order, target)
        push = _Push(order, target, session, cancellation, self._monotonic, self._monotonic())
        there = push.look(tries=0)
        if there is not None:
            return there
        stage = order.pending.full_name
        progress.begin(stage, Unit.THINGS, len(order.pending.script.statements))
        cli = self._found(cancellation)
        for tries in range(1, target.limits.tries + 1):
            failed, there = push.tried(cli, tries)
            if there is not None:
                progress.end(stage)
                return there
            if failed is None or not _LOCKED.search(failed.message) or tries == target.limits.tries:
                raise push.told(failed, tries)
            progress.move(stage, 0, "waits for a locked table")
            self._pause(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (tries - 1)) * (0.5 + self._jitter()), cancellation)
            stop_if_over(cancellation, "the migration")
        raise AssertionError("a file is tried at least once")

    def _opened(self, order: Order, target: Target) -> MigratingSession:
        if self._session is None or self._session.url != target.url:
            self.close()
            who = f"pointsctl apply {order.draft.applied_by} {order.draft.run or ''}".strip()
            self._session = MigratingSession(target.url, who.encode("ascii", "replace").decode()[:_LONGEST_NAME])
        return self._session

    def _found(self, cancellation: Cancellation) -> SupabaseCli:
        if self._cli is None:
            self._cli = supabase_cli.find(self._variables, self._directory, cancellation)
        return self._cli


@dataclass(frozen=True)
class _Push:
    """One file on its way."""

    order: Order
    target: Target
    session: MigratingSession
    cancellation: Cancellation
    monotonic: Callable[[], float]
    began: float

    def look(self, tries: int, *, stopped: bool = False) -> AppliedMigration | None:
        """What the database has of the file when nobody works at it any more; its record is appended where it is missing."""
        connection = self._connection()
        wait_for_cli_sessions(connection, None if stopped else self.cancellation)
        duration = round((self.monotonic() - self.began) * 1000) if tries else 0
        draft = with_time(self.order.draft, duration, tries)
        return completed_migration(connection, self.target.url, self.order.pending, draft)

    def tried(self, cli: SupabaseCli, tries: int) -> tuple[SupabaseCliError | None, AppliedMigration | None]:
        """Push, and look what came of it. A push that was stopped may have been over: then the file is applied.

        Raises what ends the work as a whole, saying that nothing is applied.
        """
        try:
            failed = self._run(cli)
        except (InterruptedByOperatorError, TookTooLongError) as error:
            there = self.look(tries, stopped=True)
            if there is None:
                error.message = f"{self.order.pending.migration.name}: {error.message}; nothing of this file is applied"
                raise
            return None, there
        return failed, self.look(tries)

    def _run(self, cli: SupabaseCli) -> SupabaseCliError | None:
        connection = self._connection()
        drop_leftovers(connection, self.order.pending.script)
        if lone_index_built(connection, self.order.pending.script):
            # Killed after its statement and before the history's row: the CLI would only find that the index exists.
            self._note(connection)
            return None
        with tempfile.TemporaryDirectory(prefix="pointsctl-push-") as name:
            folder = Path(name)
            self._write(folder, applied_versions(connection))
            try:
                supabase_cli.run(
                    cli,
                    ("db", "push", _target(cli), "--include-all"),
                    variables=libpq_variables(connection, self.target.limits),
                    folder=folder,
                    cancellation=self.cancellation,
                )
            except SupabaseCliError as error:
                return error
        return None

    def _note(self, connection: Connection) -> None:
        pending = self.order.pending
        row = HistoryRow(pending.version, pending.name, tuple(one.text for one in pending.script.statements))
        with connection.transaction():
            install(connection)
            insert(connection, row)

    def _write(self, folder: Path, versions: frozenset[str]) -> None:
        """A project of nothing but the history's versions, empty, and this file, whose bytes were read once."""
        strange = sorted(version for version in versions if not _NAMED_AS_VERSION.fullmatch(version))
        if strange:
            message = f"the history holds the version {strange[0]!r}, which the Supabase CLI cannot have written"
            raise RefusedError(message, hint="see `pointsctl migrate status`, or set `migrations.engine: native`")
        migrations = folder / "supabase" / "migrations"
        migrations.mkdir(parents=True)
        (folder / "supabase" / "config.toml").write_text('project_id = "pointsctl"\n', encoding="utf-8")
        for version in versions:
            (migrations / f"{version}_applied.sql").touch()
        (migrations / self.order.pending.migration.name).write_bytes(self.order.pending.content)

    def told(self, failed: PointsctlError | None, tries: int) -> PointsctlError:
        """The error for a file that is not in the history after `tries` pushes."""
        name = self.order.pending.migration.name
        if failed is None:
            message = f"{name}: the Supabase CLI said that it had pushed, and the history has no such row"
            return CouldNotLookError(message, hint="see `pointsctl migrate status`, and what the CLI skips by its name")
        again = f" in {tries} tries" if tries > 1 else ""
        failed.message = f"{name}: {failed.message}{again}; nothing of this file is applied"
        return failed

    def _connection(self) -> Connection:
        return self.session.open(self.cancellation)


def _refuse_mixed(pending: PendingMigration) -> None:
    parts = [part for part in segments(pending.script) if part.steps]
    if len(parts) > 1:
        alone = next(part for part in parts if part.alone).steps[0]
        message = (
            f"{pending.migration.name}, line {alone.statement.line}: {alone.kind.words} runs in no transaction, and the"
            " Supabase CLI, when it is killed between it and the rest, would begin the file again from its start"
        )
        raise RefusedError(message, hint="put it into a file of its own, or set `migrations.engine: native`")


def _target(cli: SupabaseCli) -> str:
    flag = "--remote" if cli.version >= (3, 0, 0) else "--db-url"
    return f"{flag}={_NO_ADDRESS}"


def _wait(seconds: float, cancellation: Cancellation) -> None:
    over = threading.Event()
    with cancellation.callback(over.set):
        over.wait(seconds)
