"""Use case: look at records: the last ones of some kind, or one in full."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pointsctl.errors import UsageError
from pointsctl.ledger.damage import Damages
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signed_records import SignedRecords
from pointsctl.ledger.stock_tools import hash_commands, signature_commands
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import EMPTY, Head, Kind, MalformedRecordError, Record, Row, is_hash, read_record
from pointsctl.model.problems import nearest
from pointsctl.model.statement import AttestationStatement
from pointsctl.model.trust_history import statement_of

_WINDOW = 1_000
TRUST_KINDS = (str(Kind.ENVIRONMENT_PINNED), str(Kind.POLICY_PINNED), str(Kind.POLICY_SIGNED))


@dataclass(frozen=True)
class Seen:
    """A row, and the record that it is; None when its body cannot be read."""

    row: Row
    record: Record | None


def seen(row: Row) -> Seen:
    """The row with its record."""
    try:
        return Seen(row, read_record(row))
    except MalformedRecordError:
        return Seen(row, None)


def read_head(text: str) -> Head:
    """The head that `SEQ:HASH` names. Raises UsageError."""
    number, _, digest = text.partition(":")
    if not (number.isascii() and number.isdigit() and len(number) <= 18 and is_hash(digest)):
        raise UsageError("not a head of a ledger", hint="give SEQ:HASH as `pointsctl ledger verify` prints it")
    head = Head(int(number), digest)
    if head.seq == EMPTY.seq and head != EMPTY:
        raise UsageError("record 0 does not exist", hint="give SEQ:HASH as `pointsctl ledger verify` prints it")
    return head


def known_kinds(kinds: list[str]) -> list[str]:
    """The kinds, or every kind of a group such as `plan`. Raises UsageError for one that does not exist."""
    found: list[str] = []
    for kind in kinds:
        matching = [str(one) for one in Kind if kind == one or one.startswith(f"{kind}.")]
        if not matching:
            close = nearest(kind, [str(one) for one in Kind])
            raise UsageError(
                f"no kind of record {kind!r}", hint=f"did you mean {close!r}?" if close else ", ".join(Kind)
            )
        found += matching
    return found


def last_records(
    ledger: Ledger, limit: int, *, kinds: list[str] | None = None, item: str | None = None, after: int = 0
) -> list[Seen]:
    """The last `limit` records with a seq above `after`, of these kinds, about this item; the newest last."""
    found: list[Seen] = []
    window, until = _WINDOW, ledger.head().seq
    while until > after and len(found) < limit:
        since = max(after, until - window)
        rows = map(seen, ledger.rows(Head(since, ""), until=until, kinds=kinds))
        about = (one for one in rows if item is None or _is_about(one, item))
        # Anybody may write large records; no more of them are held than were asked for.
        found = [*deque(about, maxlen=limit - len(found)), *found]
        # From the end backwards, so that the last records of a long ledger are there at once.
        until, window = since, window * 8
    return found


def _is_about(one: Seen, item: str) -> bool:
    return one.record is not None and item in items_of(one.record)


def items_of(record: Record) -> Iterator[str]:
    """The items that a record is about: named in its column, signed for in its statement, or looked at by its run."""
    if record.item:
        yield record.item
    statement = statement_of(record)
    if isinstance(statement, AttestationStatement):
        yield from (item.id for item in statement.items)
    run = record.data.get("run")
    findings = run.get("findings") if isinstance(run, dict) else None
    for finding in findings if isinstance(findings, list) else ():
        if isinstance(finding, dict):
            yield str(finding.get("id"))


def one_record(ledger: Ledger, seq: int) -> Seen:
    """The record `seq`. Raises UsageError when there is none."""
    row = ledger.row(seq)
    if row is None:
        raise UsageError(f"no record {seq}", hint=f"the last one is {ledger.head().seq}; see `pointsctl ledger log`")
    return seen(row)


def commands_for(ledger: Ledger, one: Seen, variables: Mapping[str, str]) -> list[str]:
    """Shell lines that check the record and its signature, with the policy that was in force when it was recorded.

    `variables` is the process environment, for PATH. Raises ToolMissingError where policies were signed and cannot be checked.
    """
    lines = hash_commands(one.row.seq)
    if one.record is None or one.record.signature is None:
        return lines
    with SignatureChecker(variables) as checker:
        watched = SignedRecords(Damages(), checker, ledger.hash_at)
        for row in ledger.rows(until=one.row.seq - 1, kinds=TRUST_KINDS):
            watched.look(row, told=False)
    return [*lines, *signature_commands(one.record, watched.policy_record)]
