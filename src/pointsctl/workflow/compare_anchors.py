"""Holds a ledger against the anchors in the store: who may rewrite the one may not write the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pointsctl.backup_stores.interface import NotStoredError, Store
from pointsctl.errors import CouldNotLookError, PointsctlError, UsageError
from pointsctl.ledger.anchors import LONGEST, Anchor, AnchorError, folder_of, read_anchor
from pointsctl.ledger.damage import Damage, What
from pointsctl.ledger.heads import NotedHead
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.model.ledger import Head
from pointsctl.model.pin import Pin
from pointsctl.model.policy import Trust
from pointsctl.workflow.open_store import open_store

InForce = Callable[[int], tuple[Pin | None, Trust | None]]
"""The pin and the trust that were in force after a record."""


@dataclass(frozen=True)
class Compared:
    """What the anchors say. `heads` are those of good anchors, `damages` what is wrong with the others; `store` is None when
    none is configured, and `note` says why nothing was compared.
    """

    store: str | None
    heads: tuple[NotedHead, ...] = ()
    damages: tuple[Damage, ...] = ()
    note: str = ""


class Anchors:
    """The anchors of one environment. They are listed when this is made, before the ledger is read: none can be newer than it."""

    def __init__(self, url: str, environment: str) -> None:
        self._environment = environment
        self._store: Store | None = None
        self._unseen: PointsctlError | None = None
        self._names: Sequence[str] = ()
        try:
            if url:
                self._store = open_store(url)
                self._names = self._store.names(folder_of(environment))
        except (CouldNotLookError, UsageError) as error:
            self._unseen = error

    def compare(self, recorded: Mapping[str, Head], in_force: InForce, checker: SignatureChecker) -> Compared:
        """Read and check every anchor. `recorded` are the anchors that the ledger says were made.

        Raises CouldNotLookError when some were made and the store cannot be looked into: nothing seen is no proof.
        """
        ours = {name: head for name, head in recorded.items() if name.startswith(f"{folder_of(self._environment)}/")}
        if self._store is None or self._unseen is not None:
            return self._nothing_seen(len(ours))
        names = sorted({*self._names, *ours})
        heads, damages = [], []
        for name in names:
            found = self._look(self._store, name, in_force, checker)
            if isinstance(found, Anchor):
                heads.append(NotedHead(found.head, f"the anchor {name}"))
            else:
                expected = "an anchor, as the ledger says" if name in ours else "an anchor"
                seq = ours[name].seq if name in ours else _seq_of(name)
                damages.append(Damage(seq, seq, What.ANCHOR, f"{expected}: {name}", found, group=name))
        note = "" if names else f"there is no anchor in {self._store.address}"
        return Compared(self._store.address, tuple(heads), tuple(damages), note)

    def _nothing_seen(self, recorded: int) -> Compared:
        why = self._unseen or UsageError("no store is configured", hint="set `backup: {store: ...}` to where they are")
        if recorded:
            told = "1 anchor was made, and it" if recorded == 1 else f"{recorded:,} anchors were made, and they"
            message = f"the ledger says that {told} cannot be read: {why.message}"
            raise CouldNotLookError(message, hint=why.hint)
        return Compared(self._store.address if self._store else None, note=why.message)

    def _look(self, store: Store, name: str, in_force: InForce, checker: SignatureChecker) -> Anchor | str:
        """The anchor when it is good, or what is wrong with it. A store that fails says nothing about its anchors, and raises."""
        try:
            anchor = read_anchor(name, store.get(name, LONGEST))
        except (AnchorError, NotStoredError) as error:
            return error.message
        return objection_to(anchor, in_force, checker) or anchor


def objection_to(anchor: Anchor, in_force: InForce, checker: SignatureChecker) -> str:
    """Why an anchor does not count; empty when it does: signed under the policy at its head, for the database pinned there."""
    statement = anchor.statement
    pin, trust = in_force(statement.head.seq)
    if pin is None or trust is None:
        return f"no policy is in force at record {statement.head.seq} with which it could be checked"
    if not pin.names(statement.environment, statement.database):
        return "it was signed for another environment or database than the one pinned at its record"
    return checker.check(anchor.text, anchor.signature, statement.principal, trust, statement.not_before).reason


def _seq_of(name: str) -> int:
    number = name.rpartition("/")[2].partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 18 else 0
