"""The state of a deployment as a pure fold over the ledger's records: runs, attestations, waivers, plans, decisions, backups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, TypeVar

from pointsctl.model.backup_history import BackupFold, RecordedBackup
from pointsctl.model.backup_records import BACKUP_KINDS, BackupRecordError
from pointsctl.model.function_records import FUNCTION_KINDS, FunctionRecordError, RecordedFunction, recorded_function
from pointsctl.model.ledger import EMPTY, Head, Kind, Record
from pointsctl.model.migration_records import MigrationRecordError, RecordedMigration, recorded_migration
from pointsctl.model.pin import Pin, read_pin
from pointsctl.model.plan import Plan, PlanError, read_plan
from pointsctl.model.policy import Trust
from pointsctl.model.procedure import PROCEDURE_KINDS, RecordedProcedure, fold_procedures
from pointsctl.model.rehearsal import RecordedRehearsal, RehearsalRecordError, recorded_rehearsal
from pointsctl.model.run_history import RecordedRun, SeenFinding, run_of
from pointsctl.model.statement import (
    ApprovalStatement,
    AttestationStatement,
    PlanStatement,
    Statement,
    WaiverStatement,
)

S_co = TypeVar("S_co", bound=Statement, covariant=True)


@dataclass(frozen=True)
class Signed(Generic[S_co]):
    """A signed record. `objection` says why it never counted (empty when it did); `since` why it counts no longer, such as
    "its key was revoked since"; `revoked` whether that is the reason. `statement` is None only when it cannot be read.
    """

    record: Record
    statement: S_co | None
    fingerprint: str | None
    objection: str = ""
    since: str = ""
    revoked: bool = False

    @property
    def counts(self) -> bool:
        """Whether the signature counts now; expiry and what was signed are for the caller to judge."""
        return self.statement is not None and not self.objection and not self.since


@dataclass(frozen=True)
class RecordedPlan:
    """A plan that counts, with the operator's signature."""

    plan: Plan
    signed: Signed[PlanStatement]

    @property
    def digest(self) -> str:
        """The plan's digest."""
        return self.plan.digest


@dataclass(frozen=True)
class History:
    """What the ledger amounts to. `now` is the database's clock when it was read; `unreadable` names the records of these
    kinds that could not be read, each with why. Findings, attestations and waivers are by item id, oldest first;
    backups, migrations, rehearsals, procedures and functions the newest last. `noted` are the records of migrations that people typed.
    """

    head: Head = EMPTY
    now: datetime | None = None
    pin: Pin | None = None
    trust: Trust | None = None
    runs: tuple[RecordedRun, ...] = ()
    findings: Mapping[str, SeenFinding] = field(default_factory=dict)
    attestations: Mapping[str, tuple[Signed[AttestationStatement], ...]] = field(default_factory=dict)
    waivers: Mapping[str, tuple[Signed[WaiverStatement], ...]] = field(default_factory=dict)
    plans: tuple[RecordedPlan, ...] = ()
    decisions: tuple[Signed[ApprovalStatement], ...] = ()
    backups: tuple[RecordedBackup, ...] = ()
    migrations: tuple[RecordedMigration, ...] = ()
    noted: tuple[Record, ...] = ()
    rehearsals: tuple[RecordedRehearsal, ...] = ()
    procedures: tuple[RecordedProcedure, ...] = ()
    functions: tuple[RecordedFunction, ...] = ()
    unreadable: tuple[tuple[int, str], ...] = ()

    @property
    def plan(self) -> RecordedPlan | None:
        """The newest plan: it superseded all earlier ones when it was made, so none of them comes back when its operator's
        key is revoked.
        """
        newest = next((one for one in reversed(self.plans) if not one.signed.objection), None)
        return newest if newest is not None and newest.signed.counts else None

    def hashes(self, seq: int) -> bool:
        """Whether the record is within what was read."""
        return seq <= self.head.seq


def fold(history: History, entries: Sequence[Signed[Statement]]) -> History:
    """The history after these records, in the order of the chain. A record without a statement stands in `Signed` as well.

    What was recorded before a copy was adopted happened to another database, and is forgotten.
    """
    folding = _Folding(history)
    for entry in entries:
        folding.add(entry)
    return folding.result()


class _Folding:
    """A fold in progress; mutable, so that a long ledger is folded in linear time."""

    def __init__(self, history: History) -> None:
        self._start = history
        self._begin()

    def _begin(self) -> None:
        self._runs: list[RecordedRun] = []
        self._findings: dict[str, SeenFinding] = {}
        self._attestations: dict[str, tuple[Signed[AttestationStatement], ...]] = {}
        self._waivers: dict[str, tuple[Signed[WaiverStatement], ...]] = {}
        self._plans: list[RecordedPlan] = []
        self._decisions: list[Signed[ApprovalStatement]] = []
        self._backups = BackupFold(self._start.pin)
        self._migrations: list[RecordedMigration] = []
        self._noted: list[Record] = []
        self._rehearsals: list[RecordedRehearsal] = []
        self._procedures: list[Record] = []
        self._functions: list[RecordedFunction] = []
        self._unreadable: list[tuple[int, str]] = []

    def add(self, entry: Signed[Statement]) -> None:
        """One record more."""
        record, statement = entry.record, entry.statement
        if record.kind == Kind.ENVIRONMENT_PINNED:
            if read_pin(record).copied_from is not None:
                self._begin()
        elif record.kind == Kind.RUN_FINISHED:
            self._add_run(record)
        elif record.kind in WORK_KINDS:
            self._add_work(record)
        elif statement is None and record.kind in _SIGNED:
            self._unreadable.append((record.seq, entry.objection or "it holds no statement of its kind"))
        elif statement is not None:
            self._add_signed(entry, statement)

    def _add_signed(self, entry: Signed[Statement], statement: Statement) -> None:
        if isinstance(statement, AttestationStatement):
            for item in statement.items:
                self._attestations[item.id] = (*self._attestations.get(item.id, ()), _as(entry, statement))
        elif isinstance(statement, WaiverStatement):
            item_id = statement.item.id
            self._waivers[item_id] = (*self._waivers.get(item_id, ()), _as(entry, statement))
        elif isinstance(statement, ApprovalStatement):
            self._decisions.append(_as(entry, statement))
        elif isinstance(statement, PlanStatement):
            self._add_plan(_as(entry, statement))

    def result(self) -> History:
        """The history with everything that was added."""
        return replace(
            self._start,
            runs=tuple(self._runs),
            findings=self._findings,
            attestations=self._attestations,
            waivers=self._waivers,
            plans=tuple(self._plans),
            decisions=tuple(self._decisions),
            backups=self._backups.result(),
            migrations=tuple(self._migrations),
            noted=tuple(self._noted),
            rehearsals=tuple(self._rehearsals),
            procedures=fold_procedures(self._procedures),
            functions=tuple(self._functions),
            unreadable=tuple(self._unreadable),
        )

    def _add_run(self, record: Record) -> None:
        try:
            run, findings = run_of(record, self._start.pin)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            self._unreadable.append((record.seq, f"its run cannot be read: {type(error).__name__}"))
            return
        self._runs.append(run)
        self._findings.update(findings)

    def _add_work(self, record: Record) -> None:
        """What was done, and nobody signs."""
        try:
            if record.kind in BACKUP_KINDS:
                self._backups.add(record)
            elif record.kind in PROCEDURE_KINDS:
                self._procedures.append(record)
            elif record.kind in FUNCTION_KINDS:
                self._functions.append(recorded_function(record))
            elif record.kind == Kind.REHEARSAL_FINISHED:
                self._rehearsals.append(recorded_rehearsal(record, self._start.pin))
            elif record.kind == Kind.MIGRATION_NOTED:
                self._noted.append(record)
            else:
                self._migrations.append(recorded_migration(record))
        except (BackupRecordError, FunctionRecordError, MigrationRecordError, RehearsalRecordError) as error:
            self._unreadable.append((record.seq, error.message))

    def _add_plan(self, entry: Signed[PlanStatement]) -> None:
        try:
            plan = read_plan(entry.record.data.get("plan"))
        except PlanError as error:
            self._unreadable.append((entry.record.seq, error.message))
            return
        if entry.statement is None or entry.statement.plan != plan.digest:
            self._unreadable.append((entry.record.seq, "its plan is another one than the one that was signed"))
            return
        self._plans.append(RecordedPlan(plan, entry))


_SIGNED = frozenset(
    {Kind.ITEM_ATTESTED, Kind.ITEM_WAIVED, Kind.PLAN_CREATED, Kind.PLAN_DECIDED, Kind.MIGRATION_REPAIRED}
)
"""The kinds of this fold that count only when they are signed."""

WORK_KINDS = (
    BACKUP_KINDS
    | PROCEDURE_KINDS
    | FUNCTION_KINDS
    | {Kind.REHEARSAL_FINISHED.value, Kind.MIGRATION_APPLIED.value, Kind.MIGRATION_NOTED.value}
)
"""The kinds of records that tell what was done, and that count without a signature."""

T = TypeVar("T", bound=Statement)


def _as(entry: Signed[Statement], statement: T) -> Signed[T]:
    return Signed(entry.record, statement, entry.fingerprint, entry.objection, entry.since, entry.revoked)
