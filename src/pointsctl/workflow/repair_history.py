"""Use case: one row of the history corrected, because somebody who may signs for it with a reason; never a side effect."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from pointsctl import kinds
from pointsctl.errors import RefusedError, UsageError
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.migration_histories.interface import History
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.migration_status import MigrationState, Standing, standings
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.policy import Trust
from pointsctl.model.problems import shown
from pointsctl.model.redaction import redact
from pointsctl.model.statement import RepairStatement
from pointsctl.model.supply import holders
from pointsctl.model.waiver import may_waive
from pointsctl.postgres.connection import connect
from pointsctl.postgres.deployment_lock import procedure_lock, refuse_other_work, session_name, take_deployment_lock
from pointsctl.postgres.history_repair import correct_row
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.record_signed import record_signed, trust_in_force
from pointsctl.workflow.sign import Bindings, Signed, SigningMeans, sign_statement, signer_for

Action = Literal["applied", "reverted", "accept-drift"]

_SHORTEST_REASON, _LONGEST_REASON = 8, 1_000


@dataclass(frozen=True)
class RepairRequest:
    """What is asked for: which row of which environment's database (`url`), what is to become of it, and why."""

    environment: str
    url: str
    action: Action
    version: str
    reason: str
    means: SigningMeans


@dataclass(frozen=True)
class Proposed:
    """What is about to be signed: the migration as it stands, and its row before and after (None: no row)."""

    principal: str
    action: Action
    standing: Standing
    before: HistoryRow | None
    after: HistoryRow | None
    reason: str


@dataclass(frozen=True)
class Repaired:
    """What was changed, and the record of it."""

    proposed: Proposed
    record: Record
    fingerprint: str


def repair_history(
    loaded: Loaded, ledger: Ledger, request: RepairRequest, consent: Callable[[Proposed], None]
) -> Repaired:
    """Correct one row of the history, and record it in the same transaction; `consent` is called before anything is signed.

    `applied` writes the row of a file that is applied already, `reverted` takes out the row of what is not applied any more,
    `accept-drift` lets the row hold what its file holds now. 1. The migration stands such that this means something. 2. The
    signer holds a role that signs waivers. 3. Consent. 4. The locks of deployments. 5. The row is as it was shown; it is
    changed, and the signed record appended. Raises UsageError (no such version, no reason), RefusedError (nothing to repair, no
    say, another operator's lock, a row that somebody else changed), and what `consent`, signing and the ledger raise.
    """
    history: History = kinds.load("migration_histories", loaded.checklist.migrations.history).open(
        loaded.directory, loaded.checklist.migrations
    )
    reason = _reason(request.reason)
    standing = _standing(history, ledger, request)
    folded = read_history(ledger, request.means.variables)
    trust = trust_in_force(folded.trust, request.environment)
    principal = signer_for(trust, request.means)
    if not may_waive(folded, principal):
        who = holders(trust, trust.policy.waivers)
        raise RefusedError(f"{shown(principal)} holds no role that signs for repairs", hint=f"who can: {who}")
    proposed = Proposed(principal, request.action, standing, standing.row, _after(standing, request.action), reason)
    consent(proposed)
    with (
        procedure_lock(request.url, session_name("repair", principal, "")),
        closing(connect(request.url)) as connection,
    ):
        take_deployment_lock(connection)
        refuse_other_work(connection)
        return _repair(ledger, request, proposed, trust)


def _standing(history: History, ledger: Ledger, request: RepairRequest) -> Standing:
    """The migration of that version. Raises UsageError when there is none, RefusedError when there is nothing to repair."""
    if not history.applies:
        message = "pointsctl writes only the history of the Supabase CLI, and this project has another one"
        raise RefusedError(message, hint="repair it with the tool that keeps it, or note it in migration_audit")
    with ledger.table.reading("looking at the migrations") as connection:
        found = standings(history.project(), history.applied(connection))
    here = [one for one in found if one.version == request.version and one.version]
    if not here:
        message = f"no migration {shown(request.version)}, neither a file nor a row of the history"
        raise UsageError(message, hint=f"see `pointsctl migrate status --env {request.environment}`")
    standing = here[0]
    if len(here) > 1 or standing.state not in _REPAIRED_FROM[request.action]:
        found_as = " and ".join(one.state.value for one in here)
        expected = " or ".join(sorted(state.value for state in _REPAIRED_FROM[request.action]))
        message = f"{request.version} is {found_as}, so `--{request.action}` has nothing to repair; expected {expected}"
        raise RefusedError(message, hint=f"see `pointsctl migrate status --env {request.environment}`")
    return standing


_S = MigrationState
_REPAIRED_FROM: dict[Action, frozenset[MigrationState]] = {
    "applied": frozenset({_S.PENDING, _S.OUT_OF_ORDER}),
    "reverted": frozenset({_S.APPLIED, _S.DRIFTED, _S.MISSING, _S.UNKNOWN}),
    "accept-drift": frozenset({_S.DRIFTED, _S.UNKNOWN}),
}


def _after(standing: Standing, action: Action) -> HistoryRow | None:
    file = standing.file
    if action == "reverted" or file is None:
        return None
    return HistoryRow(file.version, file.name, file.statements, file.digest)


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not _SHORTEST_REASON <= len(reason) <= _LONGEST_REASON or not reason.isprintable() or redact(reason) != reason:
        expected = f"{_SHORTEST_REASON} to {_LONGEST_REASON:,} printable characters without a secret"
        raise UsageError(f"the reason has {len(reason)} characters; expected {expected}", hint='--reason "..."')
    return reason


def _repair(ledger: Ledger, request: RepairRequest, proposed: Proposed, trust: Trust) -> Repaired:
    signed = _signed(ledger, request, proposed, trust)
    draft = Draft(
        Kind.MIGRATION_REPAIRED,
        request.environment,
        signed.statement.principal,
        {"statement": signed.text},
        migration_name=_full_name(proposed.standing),
        notes=proposed.reason,
        signature=signed.signature,
    )
    with ledger.transaction("correcting the history of migrations"):
        with ledger.table.writing("correcting the history of migrations") as connection:
            correct_row(connection, request.version, proposed.before, proposed.after)
        record = record_signed(ledger, draft, trust, request.means)
    return Repaired(proposed, record, signed.fingerprint)


def _signed(ledger: Ledger, request: RepairRequest, proposed: Proposed, trust: Trust) -> Signed[RepairStatement]:
    file = proposed.standing.file

    def build(bindings: Bindings) -> RepairStatement:
        return RepairStatement(
            **bindings,
            action=proposed.action,
            version=request.version,
            before=proposed.before.digest if proposed.before else None,
            after=proposed.after.digest if proposed.after else None,
            file=file.sha256 if file and proposed.after else None,
            reason=proposed.reason,
        )

    return sign_statement(ledger, request.environment, trust, request.means, build, valid_for=None)


def _full_name(standing: Standing) -> str:
    return f"{standing.version}_{standing.name}" if standing.name else standing.version
