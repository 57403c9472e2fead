"""Use case: append what somebody signed, unless the policy under which it was signed was replaced in the meantime."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.ledger.reading import read_trust_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Draft, Record
from pointsctl.model.policy import Trust
from pointsctl.workflow.sign import SigningMeans


def trust_in_force(trust: Trust | None, environment: str) -> Trust:
    """The trust with which signatures are checked. Raises RefusedError when none is in force."""
    if trust is None:
        hint = f"pin one with `pointsctl trust update --env {environment}`"
        raise RefusedError(f"no policy is in force in {environment!r}, so no signature would count", hint=hint)
    return trust


def record_signed(ledger: Ledger, draft: Draft, trust: Trust, means: SigningMeans) -> Record:
    """Append the record, while no other writer can. Raises RefusedError when `trust` is not in force any more."""
    with ledger.transaction("recording a signature"):
        in_force = read_trust_history(ledger, means.variables).trust
        if in_force is None or in_force.digest != trust.digest:
            hint = "see it with `pointsctl trust show`, then run this command again"
            raise RefusedError("the policy was replaced in the meantime; nothing was recorded", hint=hint)
        return ledger.append(draft)
