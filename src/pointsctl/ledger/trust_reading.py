"""Reads from the ledger which trust is in force: the records about it, each checked before it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pointsctl.errors import RefusedError
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Kind, Record, Row, chain_hash, read_record
from pointsctl.model.policy import Trust
from pointsctl.model.signature import SignatureVerdict
from pointsctl.model.trust_history import TrustHistory, after, statement_of

_KINDS = (Kind.ENVIRONMENT_PINNED, Kind.POLICY_PINNED, Kind.POLICY_SIGNED)


def read_trust_history(ledger: Ledger, variables: Mapping[str, str]) -> TrustHistory:
    """Fold the records about pins and policies. `variables` is the process environment, for PATH.

    Raises RefusedError for a record that was altered, MalformedRecordError, PinError, and what checking signatures raises.
    """
    histories = [history for _, history in _histories(ledger, variables)]
    return histories[-1] if histories else TrustHistory()


def trusts_in_force(ledger: Ledger, variables: Mapping[str, str]) -> tuple[tuple[int, Trust | None], ...]:
    """The trust that was in force after each record that could change it, by seq, oldest first. Raises the same."""
    return tuple((seq, history.trust) for seq, history in _histories(ledger, variables))


def _histories(ledger: Ledger, variables: Mapping[str, str]) -> Iterator[tuple[int, TrustHistory]]:
    history = TrustHistory()
    with SignatureChecker(variables) as checker:
        for row in ledger.rows(kinds=_KINDS):
            record = _record(row)
            verdict = _verdict(record, history, checker)
            history = after(history, record, verdict, head_known=_head_known(record, ledger))
            yield record.seq, history


def _record(row: Row) -> Record:
    if not row.consistent or chain_hash(row.previous_hash, row.body) != row.hash:
        raise RefusedError(f"record {row.seq} was altered after it was written", hint="run `pointsctl ledger verify`")
    return read_record(row)


def _verdict(record: Record, history: TrustHistory, checker: SignatureChecker) -> SignatureVerdict | None:
    text = record.data.get("statement")
    if record.signature is None or not isinstance(text, str) or history.trust is None:
        return None
    return checker.check(text, record.signature, record.applied_by, history.trust, record.recorded_at)


def _head_known(record: Record, ledger: Ledger) -> bool:
    statement = statement_of(record)
    if statement is None:
        return False
    seq, digest = statement.ledger_head
    return 0 < seq < record.seq and ledger.hash_at(seq) == digest
