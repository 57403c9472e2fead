"""Use case: check every decision again with stock tools alone, by running the very script that anybody can run."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from pointsctl.errors import StorageError
from pointsctl.files import write_private
from pointsctl.ledger.reading import read_history, trusts_in_force
from pointsctl.ledger.stock_script import StockDecision, stock_script
from pointsctl.ledger.store import Ledger
from pointsctl.model.history import Signed
from pointsctl.model.plan import Plan
from pointsctl.model.policy import Trust
from pointsctl.model.statement import ApprovalStatement
from pointsctl.process import run
from pointsctl.workflow.cancellation import TimeLimit

SCRIPT = "check.sh"
_SECONDS = 60.0


Decision = Signed[ApprovalStatement]


@dataclass(frozen=True)
class Checked:
    """A decision and what stock tools say of it. `reason` says why it does not hold, or was not checked; empty if it holds."""

    signed: Decision
    statement: ApprovalStatement
    holds: bool
    reason: str


@dataclass(frozen=True)
class VerifiedApprovals:
    """Every decision in the order of the chain, and the script that checks all of those that can be checked."""

    decisions: tuple[Checked, ...]
    script: str

    @property
    def whole(self) -> bool:
        """Whether there was something to check, and all of it holds."""
        return bool(self.decisions) and all(one.holds for one in self.decisions)


def verify_approvals(ledger: Ledger, variables: Mapping[str, str]) -> VerifiedApprovals:
    """Check the decisions with sh, ssh-keygen and sha256sum, each by itself, in a folder of its own.

    `variables` is the process environment, for PATH. What never counted, as the ledger itself shows, does not hold and is not
    in the script. Raises RefusedError (the chain is broken), ToolMissingError, TookTooLongError, StorageError, and what the
    ledger raises.
    """
    history = read_history(ledger, variables)
    eras = trusts_in_force(ledger, variables)
    plans = {one.digest: one.plan for one in history.plans}
    found = [(one, one.statement, _stock(ledger, one, eras, plans)) for one in history.decisions]
    checked = tuple(_checked(one, statement, stock, variables) for one, statement, stock in found if statement)
    return VerifiedApprovals(checked, stock_script([stock for _, _, stock in found if stock]))


def write_script(directory: Path, script: str) -> Path:
    """Put the script into the directory, which must be there. Raises StorageError."""
    if not directory.is_dir():
        raise StorageError(f"there is no folder {directory}", hint="make it, or name another one with --output")
    path = directory / SCRIPT
    write_private(path, script)
    return path


def _stock(
    ledger: Ledger, signed: Decision, eras: Sequence[tuple[int, Trust | None]], plans: Mapping[str, Plan]
) -> StockDecision | None:
    """What stock tools need for a decision; None for one that never counted."""
    record, statement = signed.record, signed.statement
    row = ledger.row(record.seq)
    trust = next((trust for seq, trust in reversed(eras) if seq < record.seq), None)
    if row is None or trust is None or statement is None or signed.objection:
        return None
    moment = f"{record.recorded_at.astimezone(UTC):%Y%m%d%H%M%SZ}"
    return StockDecision(row, statement, trust, plans.get(statement.plan), moment)


def _checked(
    signed: Decision, statement: ApprovalStatement, stock: StockDecision | None, variables: Mapping[str, str]
) -> Checked:
    if stock is None:
        return Checked(signed, statement, False, signed.objection or "its policy or its record was not found")
    with tempfile.TemporaryDirectory(prefix="pointsctl-") as folder:
        write_script(Path(folder), stock_script([stock]))
        # A fixed environment: what decides is the tools, not how the caller has set them up.
        finished = run(
            ["sh", SCRIPT],
            directory=Path(folder),
            environment={"PATH": variables.get("PATH", os.defpath), "LC_ALL": "C"},
            cancellation=TimeLimit(_SECONDS, time.monotonic),
        )
    said = " ".join(finished.stderr.tail.decode("utf-8", "replace").split())[-200:]
    holds = finished.exit_code == 0
    return Checked(signed, statement, holds, "" if holds else said or "it does not hold")
