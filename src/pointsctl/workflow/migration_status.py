"""Use case: how every migration stands between the project's files, the database's history and the ledger's records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pointsctl import kinds
from pointsctl.errors import ContextMissingError, ExitCode
from pointsctl.ledger.condition import Condition
from pointsctl.ledger.migration_marks import MARKS, newest_marks
from pointsctl.ledger.store import Ledger
from pointsctl.migration_histories.interface import History
from pointsctl.model.configuration import Environment
from pointsctl.model.escape import plain
from pointsctl.model.ledger import Kind, Record, read_record
from pointsctl.model.migration_status import BAD, MigrationState, Standing, standings
from pointsctl.model.statement import RepairStatement
from pointsctl.model.statement_diff import statement_diff
from pointsctl.model.trust_history import statement_of
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.open_ledger import require_ledger

if TYPE_CHECKING:
    from pointsctl.workflow.unexplained_objects import FoundObjects

_KINDS = (*MARKS, str(Kind.MIGRATION_NOTED))


@dataclass(frozen=True)
class AppliedBy:
    """Who recorded in the ledger that a migration was applied, and when; `kind` is that of the record `seq`."""

    at: datetime
    by: str
    kind: str
    seq: int


@dataclass(frozen=True)
class MigrationStatus:
    """What was found. `records` are by version; `unrecorded` says why there are none at all. `diffs` are by the place of the
    file, of those that have drifted; `remarks` are sentences about the files as a whole. `objects` is None when nobody asked.
    """

    environment: str
    history: str
    standings: tuple[Standing, ...]
    records: Mapping[str, AppliedBy]
    unrecorded: str
    diffs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    objects: FoundObjects | None = None

    @property
    def exit_code(self) -> ExitCode:
        """Whether something has to be mended; migrations that wait to be applied are nothing bad."""
        if self.objects is not None and self.objects.failure is not None:
            return ExitCode.COULD_NOT_LOOK
        unexplained = self.objects is not None and bool(self.objects.differences)
        bad = unexplained or bool(self.remarks) or any(one.state in BAD for one in self.standings)
        return ExitCode.BAD if bad else ExitCode.DONE

    def number(self, state: MigrationState) -> int:
        """How many stand so."""
        return sum(one.state is state for one in self.standings)


def migration_status(loaded: Loaded, name: str, environment: Environment, *, diff: bool = False) -> MigrationStatus:
    """How every migration of the environment `name` stands; `diff` asks what has drifted in which way. Nothing is changed.

    The chain of the ledger is not followed for that: who applied what and when is told as it is recorded. Raises RefusedError
    (a link among the files; another environment's or a damaged ledger), PermissionMissingError, StorageError, UsageError (no
    such kind of history), and what connecting raises.
    """
    settings = loaded.checklist.migrations
    history: History = kinds.load("migration_histories", settings.history).open(loaded.directory, settings)
    project = history.project()
    with Ledger(environment.database_url) as ledger:
        recorded, unrecorded = _records(ledger, name, environment)
        with ledger.table.reading("looking at the migrations") as connection:
            found = standings(project, history.applied(connection))
            drifted = [one for one in found if one.state is MigrationState.DRIFTED] if diff else []
            kept = history.statements(connection, [one.version for one in drifted])
    diffs = {
        one.file.place: statement_diff(kept[one.version], one.file.statements or ())
        for one in drifted
        if one.file is not None and one.version in kept
    }
    remarks = (*project.remarks, *(_unfinished(recorded, found) if history.applies else ()))
    return MigrationStatus(name, settings.history, found, _applied_by(recorded), unrecorded, diffs, remarks)


def _records(ledger: Ledger, name: str, environment: Environment) -> tuple[tuple[Record, ...], str]:
    """The records of migrations, and why there is none; by an environment without a ledger nothing is recorded."""
    state = ledger.state()
    if state.condition is Condition.FOREIGN:
        return (), f"environment {name!r} has no ledger, but a table of its name"
    try:
        require_ledger(ledger, name, environment, state=state)
    except ContextMissingError as error:
        return (), f"{error.message}; {error.hint}"
    return tuple(map(read_record, ledger.rows(kinds=_KINDS))), ""


def _unfinished(records: Iterable[Record], found: Iterable[Standing]) -> Iterator[str]:
    """What the ledger says of migrations that the history has no row of: begun and not ended, or applied and forgotten."""
    here = {one.version for one in found if one.row is not None}
    for version, mark in newest_marks(one for one in records if one.kind != Kind.MIGRATION_NOTED).items():
        if version in here:
            continue
        file = plain(str(mark.data.get("file")), 200)
        if mark.kind == Kind.MIGRATION_PROGRESSED:
            count = mark.data.get("statements")
            first = f"the first {count} statements of {file} are committed, the others are not"
            yield f"{first if count else f'{file} was begun, and may have left an invalid index'}: `pointsctl migrate apply` goes on"
        elif mark.kind == Kind.MIGRATION_APPLIED:
            yield f"record {mark.seq} says that {file} is applied, and the history has no row of it"


def _applied_by(records: Iterable[Record]) -> dict[str, AppliedBy]:
    found: dict[str, AppliedBy] = {}
    for record in records:
        if record.kind == Kind.MIGRATION_PROGRESSED:
            continue
        version = (record.migration_name or "").strip().removesuffix(".sql").partition("_")[0]
        if _reverted(record):
            found.pop(version, None)
        elif version:
            found[version] = AppliedBy(record.recorded_at, record.applied_by, record.kind, record.seq)
    return found


def _reverted(record: Record) -> bool:
    statement = statement_of(record) if record.kind == Kind.MIGRATION_REPAIRED else None
    return isinstance(statement, RepairStatement) and statement.action == "reverted"
