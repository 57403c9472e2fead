"""Use case: sign the ledger's head, keep it in the store outside the database, and record that it was kept."""

from __future__ import annotations

from dataclasses import dataclass

from pointsctl.backup_stores.interface import AlreadyStoredError, Store
from pointsctl.errors import RefusedError
from pointsctl.ledger.anchors import LONGEST, name_of, read_anchor, written
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.store import Ledger
from pointsctl.model.history import History
from pointsctl.model.ledger import Draft, Head, Kind
from pointsctl.model.statement import AnchorStatement
from pointsctl.workflow.compare_anchors import objection_to
from pointsctl.workflow.sign import SigningMeans, sign_statement


@dataclass(frozen=True)
class Anchored:
    """An anchor that is in the store, and the head that it holds. `principal` signed it; `record` tells of it in the ledger."""

    name: str
    store: str
    head: Head
    principal: str
    record: Head


def anchor_ledger(ledger: Ledger, environment: str, store: Store, means: SigningMeans) -> Anchored:
    """Anchor the head of an open ledger.

    1. Verify the chain: a signature over a damaged one would speak for it. 2. Sign with a key of the policy in force. 3. Put
    it into the store, which never overwrites. 4. Append `ledger.anchored`. Stopped between 3 and 4, the next call finds the
    anchor of the same head and goes on with 4. Raises RefusedError (a damaged ledger, no policy in force, a key that is
    nobody's, something else under the anchor's name), StorageError, and what signing and the ledger raise.
    """
    history = read_history(ledger, means.variables)
    if history.trust is None:
        hint = f"pin one with `pointsctl trust update --env {environment}`"
        raise RefusedError(f"no approval policy is in force in {environment!r}, so no key counts", hint=hint)
    signed = sign_statement(
        ledger, environment, history.trust, means, lambda bindings: AnchorStatement(**bindings), valid_for=None
    )
    head, principal = signed.statement.ledger_head, signed.statement.principal
    name = name_of(environment, head)
    try:
        store.put(name, written(signed.text, signed.signature))
    except AlreadyStoredError:
        principal = _found(store, name, head, history, means)
    data = {"anchor": name, "seq": head.seq, "hash": head.hash, "store": store.address}
    record = ledger.append(Draft(Kind.LEDGER_ANCHORED, environment, principal, data))
    return Anchored(name, store.address, head, principal, record.head)


def _found(store: Store, name: str, head: Head, history: History, means: SigningMeans) -> str:
    """Who signed the anchor that is there already. Raises RefusedError when it is not a good one of this very head."""
    anchor = read_anchor(name, store.get(name, LONGEST))
    with SignatureChecker(means.variables) as checker:
        objection = objection_to(anchor, lambda _: (history.pin, history.trust), checker)
    if objection or anchor.head != head:
        message = f"there is another anchor under {name} in {store.address}: {objection or 'of another record'}"
        raise RefusedError(message, hint="find out who put it there; `pointsctl ledger verify` tells more")
    return anchor.statement.principal
