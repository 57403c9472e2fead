"""What an exported ledger puts into an evidence bundle: derived in one way when a bundle is made, and when it is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pointsctl.ledger.damage import Damage
from pointsctl.ledger.export import ExportedFile
from pointsctl.ledger.hash_index import HashIndex
from pointsctl.ledger.heads import NotedHead
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signed_records import SIGNED, RevokedSince, SignedRecords
from pointsctl.ledger.stock_tools import bundle_commands
from pointsctl.ledger.verification import FileSource, Progress, Verification
from pointsctl.model.bundle import HEAD, INDEX, LEDGER, README, Difference
from pointsctl.model.bundle_contents import Contents, PlanFile, PolicyFile, RunFile, StatementFile
from pointsctl.model.bundle_readme import readme_text
from pointsctl.model.canonical import canonical_text
from pointsctl.model.ledger import Kind, MalformedRecordError, Record, Row, read_record
from pointsctl.model.pin import read_pin
from pointsctl.model.plan import Plan, PlanError, read_plan
from pointsctl.model.policy import Trust
from pointsctl.model.recorded_run import recorded_run
from pointsctl.model.run import Run
from pointsctl.model.ssh_signature import read_signature
from pointsctl.model.statement import ApprovalStatement, PlanStatement, Statement
from pointsctl.model.trust_history import statement_of

Sink = Callable[[str, bytes], None]
"""Told of every file with its name and content, each name once."""

Renderer = Callable[[Run], str]
"""Writes a run as JUnit XML."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for. `plan`: only the files of the plan with this digest; `junit` writes runs; `variables` is the process
    environment, for PATH; `heads` must be in the chain.
    """

    plan: str | None
    junit: Renderer
    variables: Mapping[str, str]
    heads: tuple[NotedHead, ...] = ()


@dataclass(frozen=True)
class Derived:
    """`contents` is what was found; `damages` (the first ones, and how many `more`) and `differences` are what is wrong with
    the ledger; `signatures` how many count, `revoked` the keys that were revoked since.
    """

    contents: Contents
    damages: tuple[Damage, ...]
    more: int
    differences: tuple[Difference, ...]
    signatures: int
    revoked: tuple[RevokedSince, ...]


def derive(ledger: Path, wanted: Wanted, sink: Sink, progress: Progress) -> Derived:
    """Verify an exported ledger, and hand every file that follows from it to `sink`, but those of `describe`.

    Memory grows with what was signed and with the number of runs, not with the records. Raises StorageError, ToolMissingError.
    """
    gathering = _Gathering(wanted, sink)
    with HashIndex() as index, SignatureChecker(wanted.variables) as checker:
        walk = Verification(
            FileSource(ledger, index), checker, noticed=lambda record, why: gathering.notice(record, why, walk.signed)
        )
        walk.walk(progress)
        walk.compare(wanted.heads)
        revoked = tuple(walk.signed.revoked_since())
    gathering.add_runs(ExportedFile(ledger).rows_of(Kind.RUN_FINISHED))
    contents = Contents(
        head=walk.head,
        records=walk.records,
        pin=walk.signed.trust_history.pin,
        adopted_at=gathering.adopted_at,
        selected=wanted.plan,
        policies=tuple(gathering.policies),
        statements=tuple(gathering.statements),
        plans=tuple(gathering.plans),
        runs=tuple(gathering.runs),
    )
    damages, differences = tuple(walk.damages), tuple(gathering.differences)
    return Derived(contents, damages, walk.damages.more, differences, walk.signed.valid, revoked)


def describe(contents: Contents, files: Mapping[str, str], tool: str, sink: Sink) -> None:
    """Hand the files that describe the bundle to `sink`. `files` are the project's files with their digests."""
    sink(HEAD, contents.head_text().encode())
    sink(INDEX, contents.index_text(files, tool).encode())
    sink(README, readme_text(contents, bundle_commands(contents.statements)).encode())


@dataclass
class _Gathering:
    """Collects what the walk over a ledger notices."""

    wanted: Wanted
    sink: Sink
    adopted_at: int = 0
    policies: list[PolicyFile] = field(default_factory=list)
    statements: list[StatementFile] = field(default_factory=list)
    plans: list[PlanFile] = field(default_factory=list)
    runs: list[RunFile] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    _given: set[str] = field(default_factory=set)
    _in_force: str | None = None

    def notice(self, record: Record, objection: str, signed: SignedRecords) -> None:
        """One record of a kind that is watched, and why it does not count."""
        if record.kind == Kind.ENVIRONMENT_PINNED and read_pin(record).of_a_copy:
            self.adopted_at = record.seq
        _, before = signed.in_force_at(record.seq - 1)
        if record.kind in SIGNED and not objection and before is not None:
            self._add_signed(record, before)
        _, now = signed.in_force_at(record.seq)
        self._add_policy(record, now)

    def add_runs(self, rows: Iterable[Row]) -> None:
        """The runs; with a plan that was selected only those that its approvers were shown."""
        shown = {getattr(one.plan.evidence.run, "seq", None) for one in self.plans}
        for row in rows:
            if self.wanted.plan is None or row.seq in shown:
                self._add_run(row)

    def _add_policy(self, record: Record, trust: Trust | None) -> None:
        digest = trust.digest if trust else None
        if trust is not None and digest != self._in_force:
            root = record.kind == Kind.POLICY_PINNED
            self.policies.append(PolicyFile(trust.digest, record.seq, root))
            self._give_trust(trust)
        self._in_force = digest

    def _give_trust(self, trust: Trust) -> None:
        folder = f"trust/{trust.digest}"
        self._give(f"{folder}/trust.json", canonical_text(trust.as_json()).encode())
        self._give(f"{folder}/policy.json", canonical_text(trust.policy.model_dump(mode="json")).encode())
        self._give(f"{folder}/allowed_signers", trust.allowed_signers.encode())
        if trust.revoked_keys:
            self._give(f"{folder}/revoked_keys", trust.revoked_keys)

    def _add_signed(self, record: Record, trust: Trust) -> None:
        statement = statement_of(record)
        about = statement.plan if isinstance(statement, (PlanStatement, ApprovalStatement)) else None
        elsewhere = about is not None and self.wanted.plan not in (None, about)
        if statement is None or record.signature is None or elsewhere:
            return
        if isinstance(statement, PlanStatement) and not self._add_plan(record, statement):
            return
        self.statements.append(_statement_file(record, record.signature, statement, trust))
        self._give(f"statements/{record.seq}.json", statement.text().encode())
        self._give(f"statements/{record.seq}.sig", record.signature.encode())

    def _add_plan(self, record: Record, statement: PlanStatement) -> bool:
        plan = _plan_of(record)
        found = plan if isinstance(plan, str) else plan.digest
        if isinstance(plan, str) or found != statement.plan:
            expected = f"record {record.seq} holds the plan {statement.plan}, which was signed"
            self.differences.append(Difference(LEDGER, expected, found))
            return False
        self.plans.append(PlanFile(record.seq, plan))
        self._give(f"plans/{plan.digest}.json", plan.content.text().encode())
        self._give(f"plans/{plan.digest}-{record.seq}.json", canonical_text(record.data["plan"]).encode())
        return True

    def _add_run(self, row: Row) -> None:
        try:
            document = read_record(row).data.get("run")
        except MalformedRecordError:
            return
        if not isinstance(document, dict):
            return
        run_id, phase, verdict, checklist = (
            str(document.get(name, "")) for name in ("run_id", "phase", "verdict", "checklist_sha256")
        )
        junit = self._junit(document)
        self.runs.append(RunFile(row.seq, run_id, phase, verdict, checklist, junit is not None))
        self._give(f"runs/{row.seq}.json", canonical_text(document).encode())
        if junit is not None:
            self._give(f"runs/{row.seq}.junit.xml", junit.encode())

    def _junit(self, document: object) -> str | None:
        run = recorded_run(document)
        try:
            return self.wanted.junit(run) if run else None
        except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError):
            # A record of this kind is not signed: whoever may insert can put anything there.
            return None

    def _give(self, name: str, content: bytes) -> None:
        if name not in self._given:
            self._given.add(name)
            self.sink(name, content)


def _plan_of(record: Record) -> Plan | str:
    try:
        return read_plan(record.data.get("plan"))
    except PlanError as error:
        return error.message


def _statement_file(record: Record, armored: str, statement: Statement, trust: Trust) -> StatementFile:
    approval = statement if isinstance(statement, ApprovalStatement) else None
    return StatementFile(
        seq=record.seq,
        kind=record.kind,
        principal=statement.principal,
        fingerprint=read_signature(armored).key.fingerprint,
        recorded_at=record.recorded_at,
        policy=trust.digest,
        revoked_keys=bool(trust.revoked_keys),
        plan=statement.plan if isinstance(statement, (PlanStatement, ApprovalStatement)) else None,
        role=approval.role if approval else None,
        decision=approval.decision.value if approval else None,
    )
