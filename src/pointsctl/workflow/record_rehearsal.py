"""Use case: record in the ledger what a rehearsal showed."""

from __future__ import annotations

from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Record
from pointsctl.model.rehearsal import RehearsalData, rehearsal_draft


def record_rehearsal(ledger: Ledger, name: str, data: RehearsalData, operator: str) -> Record:
    """Append that the migrations were rehearsed, well or not. Raises what `Ledger.append` raises."""
    return ledger.append(rehearsal_draft(data, name, operator))
