"""Use case: take a backup of an environment's database, put it into the store, and record it in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pydantic

from pointsctl.backup_engines.interface import Engine, Source
from pointsctl.backup_stores.interface import AlreadyStoredError
from pointsctl.encryption import recipients_of
from pointsctl.errors import (
    ContextMissingError,
    CouldNotLookError,
    ExitCode,
    PointsctlError,
    RefusedError,
    StorageError,
)
from pointsctl.files import write_private
from pointsctl.model.backup import (
    LONGEST_MANIFEST,
    Encryption,
    Manifest,
    folder_of,
    manifest_name_parts,
    read_manifest,
)
from pointsctl.model.backup_history import before
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.progress import Progress
from pointsctl.model.size_sanity import size_problems
from pointsctl.model.unfinished_backup import UnfinishedBackup
from pointsctl.postgres.database import Database
from pointsctl.postgres.identity import Identity
from pointsctl.postgres.workspace import Workspace, discard, kept, kept_keys, require_room, sweep
from pointsctl.workflow.backup_ledger import BackupLedger, Recorded, backup_ledger
from pointsctl.workflow.backup_request import BackupRequest, database_name
from pointsctl.workflow.git import read_git
from pointsctl.workflow.record_backup import record_created
from pointsctl.workflow.stopwatch import StageTime, Stopwatch
from pointsctl.workflow.stored_backups import object_problems
from pointsctl.workflow.transfer import Way, send

_DRAFT = "unfinished.json"
_FILES = "backup"
_JOURNAL = "sealed.jsonl"


@dataclass(frozen=True)
class Created:
    """A backup that is in the store. `store` is its address, `problems` what is wrong with its size, each in a sentence;
    `stages` what took how long; `summary` what it holds, in numbers; `left_over` the work of killed runs that was removed.
    """

    manifest: Manifest
    store: str
    recorded: Recorded
    problems: tuple[str, ...]
    stages: tuple[StageTime, ...]
    summary: dict[str, int]
    left_over: tuple[Path, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """What the record and the size say together."""
        if self.recorded.failure is not None:
            return ExitCode.COULD_NOT_LOOK
        return ExitCode.BAD if self.problems else ExitCode.DONE


def create_backup(
    request: BackupRequest, cancellation: Cancellation, progress: Progress, *, resume: bool = False
) -> Created:
    """Take a backup, or go on with the upload of one that was taken when `resume` is set.

    1. The ledger names this database, the store answers, and what killed runs have left is removed. 2. The engine refuses or
    takes the backup into a workspace; from here on it is kept until it is stored and recorded, whatever happens. 3. Every
    object goes into the store, then the manifest. 4. `backup.created` goes into the ledger. 5. The size is judged.
    Raises RefusedError (another environment's ledger, a source that would be seen in part, work that is going on already),
    StorageError (no room, no store), and what the engine, the store and connecting raise.
    """
    return _Creation(request, cancellation, Stopwatch(progress, request.surroundings.monotonic)).run(resume=resume)


class _Creation:
    def __init__(self, request: BackupRequest, cancellation: Cancellation, progress: Stopwatch) -> None:
        self.request = request
        self.cancellation = cancellation
        self.progress = progress
        self.store = request.store()
        self.key = f"{request.name} in {self.store.address}"

    def run(self, *, resume: bool) -> Created:
        ledger = backup_ledger(self.request.name, self.request.environment, self.request.variables)
        identity = _identity(self.request.environment.database_url)
        self._require_store(ledger)
        locks = bool(self.store.posture(folder_of(self.request.name)).lock)
        left_over = sweep(self.request.base)
        with self._resumed(identity) if resume else self._taken(identity) as (workspace, taken):
            with self._kept(workspace):
                stored = self._stored_before(taken) if resume else None
                manifest = stored or self._stored(workspace, taken, locks=locks)
                engine = self.request.engine(manifest.engine)
                summary = dict(engine.summary(manifest.contents))
                recorded = self._recorded(ledger, manifest, summary)
            if recorded.failure is None:
                workspace.forget()
        problems = self._size_problems(ledger, manifest)
        return Created(manifest, self.store.address, recorded, problems, self.progress.stages, summary, left_over)

    def _require_store(self, ledger: BackupLedger) -> None:
        """Before hours of work: it can take a backup. A folder is made, unless it should hold backups: then a disk is missing."""
        known = ledger.history.backups if ledger.history else ()
        if any(one.data.store == self.store.address and one.pruned is None for one in known):
            try:
                self.store.names(folder_of(self.request.name))
            except StorageError as error:
                error.hint = (
                    f"{error.hint}; the ledger knows backups there: to begin anew all the same, make the folder"
                )
                raise
        self.store.prepare()

    @contextmanager
    def _taken(self, identity: Identity) -> Iterator[tuple[Workspace, UnfinishedBackup]]:
        """A workspace with a backup that was taken now. One that waits for its upload is superseded by it."""
        request, settings = self.request, self.request.settings
        engine = request.engine(settings.engine)
        source = Source(request.environment.database_url, identity, settings.jobs)
        engine.refuse(source)
        with Workspace.open(request.base, f"backup create {request.name}") as workspace:
            require_room(workspace.folder, engine.estimate(source))
            taken = self._take(engine, source, workspace.directory(_FILES))
            write_private(workspace.folder / _DRAFT, taken.model_dump_json())
            superseded = kept(request.base, self.key)
            workspace.keep(self.key)
            for folder in superseded:
                discard(folder)
            yield workspace, taken

    def _take(self, engine: Engine, source: Source, folder: Path) -> UnfinishedBackup:
        request, settings = self.request, self.request.settings
        began = request.surroundings.clock()
        taken = engine.take(source, folder, self.cancellation, self.progress)
        return UnfinishedBackup(
            id=_backup_id(began, request.surroundings.new_id()),
            store=self.store.address,
            environment=request.name,
            database=database_name(source.identity),
            server_version=source.identity.server_version,
            engine=settings.engine,
            taken_at=taken.taken_at,
            snapshot=taken.snapshot,
            lsn=taken.lsn,
            database_size=taken.database_size,
            tools={**taken.tools, "pointsctl": request.tool},
            commit=_commit(request),
            encryption=Encryption(recipients=settings.encrypt_to) if settings.encrypt_to else None,
            contents=taken.contents,
        )

    @contextmanager
    def _resumed(self, identity: Identity) -> Iterator[tuple[Workspace, UnfinishedBackup]]:
        """The newest workspace with a backup that waits for its upload. Raises RefusedError for one of another database."""
        found = kept(self.request.base, self.key)
        if not found:
            message = f"no backup of {self.request.name!r} waits for its upload to {self.store.address} below {self.request.base}"
            elsewhere = [one for one in kept_keys(self.request.base) if one.startswith(f"{self.request.name} in ")]
            hint = f"one of {plain(elsewhere[0])} waits: set `backup.store` so, or " if elsewhere else "take one: "
            raise ContextMissingError(message, hint=f"{hint}leave --resume out")
        with Workspace.resume(found[0]) as workspace:
            taken = _draft(workspace.folder / _DRAFT)
            here = database_name(identity)
            if not taken.database.same_as(here) or taken.store != self.store.address:
                message = f"the backup that waits is of {taken.database.database!r} for {taken.store}"
                message += f", asked for was {here.database!r} for {self.store.address}"
                raise RefusedError(message, hint="take a new one: leave --resume out")
            yield workspace, taken

    @contextmanager
    def _kept(self, workspace: Workspace) -> Iterator[None]:
        try:
            yield
        except PointsctlError as error:
            again = f"`pointsctl backup create --env {self.request.name} --resume`"
            error.hint = (
                f"{error.hint}; the backup was taken and is kept in {workspace.folder}: go on with {again}".lstrip("; ")
            )
            raise

    def _stored(self, workspace: Workspace, taken: UnfinishedBackup, *, locks: bool) -> Manifest:
        # By this machine's clock, which a store that locks checks: a wrong clock of the database could lock for years.
        retain_until = self.request.surroundings.clock() + self.request.settings.retention if locks else None
        way = Way(self.store, workspace.folder / _FILES, self.cancellation, self.progress)
        recipients = recipients_of(taken.encryption.recipients) if taken.encryption else None
        journal = workspace.folder / _JOURNAL
        objects = send(way, taken.folder, journal=journal, recipients=recipients, retain_until=retain_until)
        manifest = taken.manifest(objects, self.request.surroundings.clock())
        gone = object_problems(manifest, self.store.sizes(manifest.folder), extra=False)
        if gone:
            message = f"{self.store.address} has lost what was put into it: {gone[0]}"
            raise StorageError(message, hint="see who removes objects there, as a rule or a `backup prune` does")
        try:
            self.store.put(manifest.name, manifest.text().encode(), retain_until=retain_until)
        except AlreadyStoredError as error:
            raise RefusedError(error.message, hint="take another backup") from None
        return manifest

    def _stored_before(self, taken: UnfinishedBackup) -> Manifest | None:
        """The manifest of this very backup, when an earlier run was ended between storing and recording it."""
        for name in self.store.names(taken.folder):
            if manifest_name_parts(name) is not None:
                manifest = read_manifest(name, self.store.get(name, LONGEST_MANIFEST))
                if taken.manifest(manifest.objects, manifest.finished_at) == manifest:
                    return manifest
                message = f"there is another backup {taken.id} in {self.store.address}"
                raise RefusedError(message, hint="take a new one, and find out who put that one there")
        return None

    def _recorded(self, ledger: BackupLedger, manifest: Manifest, summary: dict[str, int]) -> Recorded:
        request = self.request
        return ledger.record(
            lambda opened: record_created(
                opened, request.name, manifest, self.store.address, summary, request.operator, request.tool
            )
        )

    def _size_problems(self, ledger: BackupLedger, manifest: Manifest) -> tuple[str, ...]:
        previous = before(ledger.history.backups, manifest.taken_at) if ledger.history else None
        return size_problems(manifest, previous.data if previous else None, None)


def _identity(url: str) -> Identity:
    database = Database(url)
    try:
        return database.identity()
    finally:
        database.close()


def _backup_id(began: datetime, unique: str) -> str:
    return f"{began:%Y%m%dT%H%M%SZ}-{unique[-6:].lower()}"


def _commit(request: BackupRequest) -> str | None:
    """The commit that the checklist is at; a repository that cannot be read is no reason to go without a backup."""
    try:
        return read_git(request.loaded.directory, (), request.variables).commit
    except CouldNotLookError:
        return None


def _draft(path: Path) -> UnfinishedBackup:
    try:
        return UnfinishedBackup.model_validate_json(path.read_bytes())
    except (OSError, pydantic.ValidationError):
        message = f"what is kept in {path.parent} cannot be read"
        raise RefusedError(message, hint="take a new backup: leave --resume out") from None
