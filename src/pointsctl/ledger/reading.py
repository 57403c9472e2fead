"""Reads a whole ledger as a history: every record's place in the chain is checked, every signature, then they are folded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pointsctl.errors import RefusedError
from pointsctl.ledger.damage import Damage, What
from pointsctl.ledger.heads import NotedHead
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signed_records import SIGNED, WATCHED, SignedRecords
from pointsctl.ledger.store import Ledger
from pointsctl.ledger.verification import DatabaseSource, Source, Verification
from pointsctl.model.history import WORK_KINDS, History, Signed, fold
from pointsctl.model.ledger import Kind, Record
from pointsctl.model.policy import Trust
from pointsctl.model.ssh_signature import SignatureFormatError, read_signature
from pointsctl.model.statement import Statement
from pointsctl.model.trust_history import TrustHistory, statement_of

Witness = Callable[[SignedRecords, SignatureChecker], tuple[Sequence[NotedHead], Sequence[Damage]]]
"""What is kept outside the database: the heads that must be in the chain, and what is wrong with the witness itself."""

_READ = WATCHED | {str(Kind.RUN_FINISHED)} | WORK_KINDS
_ONLY_DO_NOT_COUNT = frozenset({What.UNSIGNED, What.UNREADABLE})
"""A record that is badly signed or cannot be read opens nothing; it must not be a way to close every gate for ever."""


def _no_witness(_signed: SignedRecords, _checker: SignatureChecker) -> tuple[Sequence[NotedHead], Sequence[Damage]]:
    return (), ()


def read_history(ledger: Ledger, variables: Mapping[str, str], witness: Witness = _no_witness) -> History:
    """The history of the ledger, judged by the database's clock. `variables` is the process environment, for PATH.

    The chain must also hold against what `witness` knows. Raises RefusedError (5) when the chain does not hold, and what connecting and checking signatures raise.
    """
    # The clock first: what is recorded while the ledger is read is not of the future, it is just not read.
    return history_of(DatabaseSource(ledger), variables, ledger.now(), witness)


def history_of(source: Source, variables: Mapping[str, str], now: datetime, witness: Witness = _no_witness) -> History:
    """The history of a source of rows, judged at `now`. Raises RefusedError when the chain does not hold."""
    noticed: list[tuple[Record, str]] = []
    with SignatureChecker(variables) as checker:
        walk = Verification(source, checker, watched=_READ, noticed=lambda record, why: noticed.append((record, why)))
        _follow(walk, lambda: witness(walk.signed, checker))
        trusted = walk.signed.trust_history
        entries = [_entry(record, why, walk.signed, checker, trusted.trust) for record, why in noticed]
    return fold(History(head=walk.head, now=now, pin=trusted.pin, trust=trusted.trust), entries)


def read_trust_history(ledger: Ledger, variables: Mapping[str, str]) -> TrustHistory:
    """The pin and the trust in force, after the whole chain was followed. Raises as `read_history` does."""
    return _signed(ledger, variables).trust_history


def trusts_in_force(ledger: Ledger, variables: Mapping[str, str]) -> tuple[tuple[int, Trust | None], ...]:
    """The trust that was in force after each record that changed it, by seq, oldest first. Raises as `read_history` does."""
    return _signed(ledger, variables).trusts


def _signed(ledger: Ledger, variables: Mapping[str, str]) -> SignedRecords:
    with SignatureChecker(variables) as checker:
        walk = Verification(DatabaseSource(ledger), checker)
        _follow(walk, lambda: ((), ()))
        return walk.signed


def _follow(walk: Verification, witness: Callable[[], tuple[Sequence[NotedHead], Sequence[Damage]]]) -> None:
    """Follow the chain to its end, and refuse one that does not hold, in itself or against what is known of it."""
    walk.walk(lambda _number: None)
    heads, damages = witness()
    walk.compare(heads)
    for damage in damages:
        walk.damages.add(damage)
    _refuse_damage([damage for damage in walk.damages if damage.what not in _ONLY_DO_NOT_COUNT])


def _refuse_damage(damages: list[Damage]) -> None:
    if damages:
        first = damages[0]
        more = f" (and {len(damages) - 1:,} more)" if len(damages) > 1 else ""
        raise RefusedError(
            f"the ledger is damaged: {first.records} {first.what.value}: expected {first.expected}, found {first.found}{more}",
            hint="nothing that it says can be believed; see all of it with `pointsctl ledger verify`",
        )


def _entry(
    record: Record, objection: str, signed: SignedRecords, checker: SignatureChecker, now_trusted: Trust | None
) -> Signed[Statement]:
    statement = statement_of(record) if record.kind in SIGNED else None
    entry = Signed(record, statement, _fingerprint(record), objection)
    _, trust = signed.in_force_at(record.seq)
    if statement is None or objection:
        return entry
    if trust is None or now_trusted is None:
        return replace(entry, objection="no policy was in force with which its signature could be checked")
    if trust.digest == now_trusted.digest:
        return entry
    verdict = checker.check(
        statement.text(), record.signature or "", statement.principal, now_trusted, record.recorded_at
    )
    if verdict.revoked:
        return replace(entry, since="its key was revoked since", revoked=True)
    return replace(entry, since="" if verdict.valid else f"the policy was replaced since: {verdict.reason}")


def _fingerprint(record: Record) -> str | None:
    try:
        return read_signature(record.signature).key.fingerprint if record.signature else None
    except SignatureFormatError:
        return None
