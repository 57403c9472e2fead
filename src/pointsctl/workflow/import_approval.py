"""Use case: record decisions that were signed on machines without access to the database."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import RefusedError, UsageError
from pointsctl.files import see
from pointsctl.ledger.store import Ledger
from pointsctl.model.approval_file import read_approval_file
from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.record_decision import Decided, Look, SignedDecision, record_decision

_SECONDS = 10.0


@dataclass(frozen=True)
class Imported:
    """What became of one file: recorded, or refused because of `refusal`."""

    path: Path
    decision: SignedDecision
    decided: Decided | None
    refusal: RefusedError | None = None


def import_approvals(
    ledger: Ledger, environment: str, paths: Sequence[Path], look: Look, variables: Mapping[str, str]
) -> tuple[Imported, ...]:
    """Record the decisions in the files as if they had been signed here: the same questions, by the policy in force and the
    database's clock. One that would not count is refused, and says nothing about the others.

    All files are read before anything is recorded. Raises UsageError (no such file), ApprovalFileError (another kind of
    file), StorageError, and what the ledger and `look` raise.
    """
    decisions = [(path, _read(path)) for path in paths]
    return tuple(_import(ledger, environment, path, one, look, variables) for path, one in decisions)


def _import(
    ledger: Ledger, environment: str, path: Path, decision: SignedDecision, look: Look, variables: Mapping[str, str]
) -> Imported:
    try:
        return Imported(path, decision, record_decision(ledger, environment, decision, look, variables))
    except RefusedError as error:
        return Imported(path, decision, None, error)


def _read(path: Path) -> SignedDecision:
    seen = see(path, TimeLimit(_SECONDS, time.monotonic), keep=True)
    if isinstance(seen, str):
        raise UsageError(f"the file {path.name!r} {seen}", hint="name a file that `pointsctl approve --offline` wrote")
    return SignedDecision(*read_approval_file(seen.content, path.name))
