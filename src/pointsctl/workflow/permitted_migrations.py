"""Whether pending migrations may be applied: an open gate where one is asked for, and the very bytes that were rehearsed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pointsctl.errors import RefusedError
from pointsctl.ledger.store import Ledger
from pointsctl.model.backup_history import proven
from pointsctl.model.history import History
from pointsctl.model.pending_migration import PendingMigration
from pointsctl.model.plan import SHORT
from pointsctl.model.plan_evidence import PHASE
from pointsctl.model.rehearsal import newest_of
from pointsctl.model.selection import select
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.decide_gate import Request, decide_gate


def require_open_gate(work: BackupRequest, ledger: Ledger) -> str | None:
    """The digest of the plan whose gate is open; None for an environment that is not protected. Raises RefusedError."""
    if not work.environment.protected:
        return None
    selection = select(work.loaded.checklist, work.loaded.references, phase=PHASE)
    decision = decide_gate(
        work.loaded, ledger, Request(selection, work.name, work.environment, None), work.surroundings
    )
    if not decision.opens:
        hint = f"see everything with `pointsctl gate {PHASE} --env {work.name}`"
        raise RefusedError(f"the gate is closed ({decision.verdict.value}): {decision.in_the_way}", hint=hint)
    return decision.plan


def require_known_bytes(work: BackupRequest, history: History, pending: Sequence[PendingMigration]) -> None:
    """Raises RefusedError for a file that the plan in force, or the newest rehearsal that counts, does not hold as it is.

    An environment that is not protected may have neither; what it has must fit.
    """
    for why, hint in _objections(work, history, pending):
        raise RefusedError(why, hint=f"{hint} --env {work.name}`")


def backup_of(history: History) -> str | None:
    """The digest of the newest proven backup of this database, None without one."""
    backup = proven(history.backups)
    return backup.digest if backup is not None and backup.verification else None


def _objections(
    work: BackupRequest, history: History, pending: Sequence[PendingMigration]
) -> Iterator[tuple[str, str]]:
    content = history.plan.plan.content if history.plan else None
    needed = work.environment.protected
    if content is not None and (needed or _is_open(history)):
        for one in pending:
            if one.migration not in content.migrations:
                short = history.plan.digest[:SHORT] if history.plan else ""
                yield (
                    f"{one.migration.name} is not as plan {short} holds it",
                    "make a new one with `pointsctl plan create",
                )
    elif needed:
        yield f"{work.name} is protected, and no plan is in force", "make one with `pointsctl plan create"
    yield from _not_rehearsed(work, history, pending)


def _not_rehearsed(
    work: BackupRequest, history: History, pending: Sequence[PendingMigration]
) -> Iterator[tuple[str, str]]:
    if "rehearsal" in work.environment.without:
        return
    command = "rehearse what is pending with `pointsctl migrate rehearse"
    covering = newest_of(history.rehearsals, [one.migration for one in pending])
    if covering is not None:
        if not covering.counts:
            yield (
                f"what is pending did not pass its rehearsal (record {covering.record.seq}): {covering.why_not}",
                command,
            )
        return
    counting = next((one for one in reversed(history.rehearsals) if one.counts), None)
    if counting is not None:
        strange = [one.migration.name for one in pending if not counting.rehearsed([one.migration])]
        names = ", ".join(strange) or "what is pending"
        yield f"{names} was not rehearsed as it is now (record {counting.record.seq} is of other files)", command
    elif work.environment.protected:
        yield f"no rehearsal of {work.name} counts", command


def _is_open(history: History) -> bool:
    plan, now = history.plan, history.now
    return plan is not None and now is not None and now <= plan.plan.content.not_after
