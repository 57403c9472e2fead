"""Checks each signed record with the policy that was in force at its place in the chain, and notes the heads that were signed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pointsctl.ledger.damage import Damage, Damages, What
from pointsctl.ledger.heads import HashAt, NotedHead
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.model.ledger import Head, Kind, MalformedRecordError, Record, Row, read_record
from pointsctl.model.pin import Pin, PinError
from pointsctl.model.policy import PolicyError, Trust
from pointsctl.model.signature import SignatureVerdict
from pointsctl.model.statement import (
    ApprovalStatement,
    AttestationStatement,
    PlanStatement,
    PolicyStatement,
    RepairStatement,
    Statement,
    WaiverStatement,
)
from pointsctl.model.trust_history import TrustHistory, after, misbound, statement_of

SIGNED: dict[str, type[Statement]] = {
    Kind.ITEM_ATTESTED: AttestationStatement,
    Kind.ITEM_WAIVED: WaiverStatement,
    Kind.POLICY_SIGNED: PolicyStatement,
    Kind.PLAN_CREATED: PlanStatement,
    Kind.PLAN_DECIDED: ApprovalStatement,
    Kind.MIGRATION_REPAIRED: RepairStatement,
}
"""The kinds that count only when they are signed, each with the statement that it must hold."""

WATCHED = frozenset(
    [*map(str, SIGNED), str(Kind.ENVIRONMENT_PINNED), str(Kind.POLICY_PINNED), str(Kind.LEDGER_ANCHORED)]
)
"""The kinds that are read; all other records are bytes with a hash."""

Noticed = Callable[[Record, str], None]
"""Told of every record that was read, with why it does not count (empty when it does)."""

_NO_POLICY = "a policy in force with which it can be checked"


@dataclass(frozen=True)
class RevokedSince:
    """A key that signed and was revoked afterwards: its signatures counted when they were recorded, and open no gate now."""

    principal: str
    fingerprint: str
    number: int
    first: int
    last: int


@dataclass(frozen=True)
class _Signature:
    """The first signature by a key, with which the key is checked again at the end."""

    text: str
    armored: str
    principal: str
    at: datetime
    seqs: list[int]


class SignedRecords:
    """Fed with the records that are watched, in the order of the chain; `hash_at` looks back into the chain."""

    def __init__(
        self,
        damages: Damages,
        checker: SignatureChecker,
        hash_at: HashAt,
        noticed: Noticed = lambda _record, _objection: None,
    ) -> None:
        self._noticed = noticed
        self._damages = damages
        self._checker = checker
        self._hash_at = hash_at
        self._history = TrustHistory()
        self._eras: list[tuple[int, Pin | None, Trust | None]] = [(0, None, None)]
        self._nonces: set[str] = set()
        self._keys: dict[str, _Signature] = {}
        self._unchecked: list[int] = []
        self.valid = 0
        self.noted: list[NotedHead] = []
        self.anchored: dict[str, Head] = {}

    def look(self, row: Row, *, told: bool, line: int | None = None) -> None:
        """Look at a record whose hash is right. What is wrong with it is a damage when it is to be `told`."""
        try:
            record = read_record(row)
            objection, what = self._objection(record), What.UNSIGNED
            self._noticed(record, objection)
        except (MalformedRecordError, PinError, PolicyError) as error:
            objection, what = error.message, What.UNREADABLE
        if not told:
            self._unchecked.clear()
        elif objection:
            expected = "a whole record" if what is What.UNREADABLE else "a record that counts"
            self._damages.add(Damage(row.seq, row.seq, what, expected, objection, line, group=objection))

    def finish(self) -> None:
        """Tell in one damage of all signatures that no policy was there for."""
        if self._unchecked:
            first, last = self._unchecked[0], self._unchecked[-1]
            found = f"none at record {first}, and at {len(self._unchecked):,} signed records in all"
            self._damages.add(Damage(first, last, What.UNSIGNED, _NO_POLICY, found))

    def in_force_at(self, seq: int) -> tuple[Pin | None, Trust | None]:
        """The pin and the trust that were in force after record `seq`."""
        _, pin, trust = self._eras[bisect_right(self._eras, seq, key=lambda era: era[0]) - 1]
        return pin, trust

    @property
    def policy_record(self) -> int:
        """The record that holds the policy in force; 0 when none is."""
        return self._history.since if self._history.trust is not None else 0

    @property
    def trust_history(self) -> TrustHistory:
        """The pin and the trust in force after the last record."""
        return self._history

    @property
    def trusts(self) -> tuple[tuple[int, Trust | None], ...]:
        """The trust that was in force after each record that changed the pin or the trust, by seq, oldest first."""
        return tuple((seq, trust) for seq, _, trust in self._eras)

    def revoked_since(self) -> list[RevokedSince]:
        """The keys that signed and are revoked by the trust that is in force now."""
        trust = self._history.trust
        if trust is None or not trust.revoked_keys:
            return []
        found = []
        for fingerprint, known in self._keys.items():
            if self._verdict(known.text, known.armored, known.principal, trust, known.at).revoked:
                seqs = known.seqs
                found.append(RevokedSince(known.principal, fingerprint, len(seqs), seqs[0], seqs[-1]))
        return found

    def _objection(self, record: Record) -> str:
        """Why the record does not count; empty when it does, or need not be signed."""
        if record.kind == Kind.LEDGER_ANCHORED:
            return self._note_anchor(record)
        objection, verdict, known = "", None, False
        if record.kind in SIGNED or record.signature is not None:
            statement = statement_of(record)
            objection, verdict = self._judge(record, statement)
            known = record.kind == Kind.POLICY_SIGNED and statement is not None and self._knows(statement.ledger_head)
        refused = len(self._history.refused)
        self._history = after(self._history, record, verdict, head_known=known)
        if self._eras[-1][1:] != (self._history.pin, self._history.trust):
            self._eras.append((record.seq, self._history.pin, self._history.trust))
        if not objection and len(self._history.refused) > refused:
            return self._history.refused[-1][1]
        return objection

    def _judge(self, record: Record, statement: Statement | None) -> tuple[str, SignatureVerdict | None]:
        """1. A statement of the right kind. 2. Its signature. 3. What it is bound to, its nonce among it. 4. Its head.

        Whether the head that it names is in the chain is decided at the end, for all statements together.
        """
        if record.signature is None:
            return "it is not signed", None
        if statement is None or not isinstance(statement, SIGNED.get(record.kind, Statement)):
            return "it holds no statement of its kind", None
        pin, trust = self._history.pin, self._history.trust
        if pin is None or trust is None:
            self._unchecked.append(record.seq)
            return "", None
        text = statement.text()
        verdict = self._verdict(text, record.signature, statement.principal, trust, record.recorded_at)
        objection = verdict.reason or misbound(pin, record, statement, self._nonces)
        if not objection and statement.head.seq >= record.seq:
            objection = f"it names record {statement.head.seq} as the last one before it"
        if not objection:
            self._count(record, statement, verdict)
        return objection, verdict

    def _count(self, record: Record, statement: Statement, verdict: SignatureVerdict) -> None:
        self.valid += 1
        self._nonces.add(statement.nonce)
        self.noted.append(NotedHead(statement.ledger_head, f"the statement in record {record.seq}"))
        signature = _Signature(
            statement.text(), record.signature or "", statement.principal, record.recorded_at, seqs=[]
        )
        self._keys.setdefault(verdict.fingerprint or "", signature).seqs.append(record.seq)

    def _knows(self, head: Head) -> bool:
        return self._hash_at(head.seq) == head.hash

    def _verdict(self, text: str, armored: str, principal: str, trust: Trust, at: datetime) -> SignatureVerdict:
        return self._checker.check(text, armored, principal, trust, at)

    def _note_anchor(self, record: Record) -> str:
        name, seq, digest = (record.data.get(key) for key in ("anchor", "seq", "hash"))
        if not isinstance(name, str) or not isinstance(seq, int) or not isinstance(digest, str):
            return "it names no anchor"
        self.anchored[name] = Head(seq, digest)
        return ""
