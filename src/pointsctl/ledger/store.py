"""The ledger of one database: records appended and read; what its rows mean is for others to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

from pointsctl.errors import PermissionMissingError, RefusedError, UsageError
from pointsctl.ledger.condition import Condition, State, state_of
from pointsctl.model.canonical import canonical_text
from pointsctl.model.ledger import Draft, Head, Kind, Record, Row, chain_hash, read_record
from pointsctl.model.pin import Pin, read_pin
from pointsctl.model.statement import DatabaseName
from pointsctl.model.strict_json import parse
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated
from pointsctl.postgres.identity import Identity
from pointsctl.postgres.ledger_catalogue import Access, access
from pointsctl.postgres.ledger_table import LedgerTable, insert_row, pin_writer


class Ledger:
    """`migration_audit` on one connection; close it, or use it as a context."""

    def __init__(self, url: str, *, lock_timeout_ms: int = 10_000) -> None:
        self.table = LedgerTable(url, lock_timeout_ms=lock_timeout_ms)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.table.close()

    def identity(self) -> Identity:
        """Which database this is, as its server says."""
        return self.table.identity()

    def database(self) -> DatabaseName:
        """The identity as pins and statements name it."""
        found = self.identity()
        return DatabaseName(
            system_identifier=found.system_identifier, database_oid=found.database_oid, database=found.database
        )

    def pin(self) -> Pin | None:
        """The pin in force, or None before there is one. Raises PinError or MalformedRecordError when it cannot be read."""
        record = self.last(Kind.ENVIRONMENT_PINNED)
        return read_pin(record) if record else None

    def adopted_at(self) -> int:
        """The seq of the last pin that took over a copied ledger, or 0: what is before it happened somewhere else."""
        pinned = [read_record(row) for row in self.rows(kinds=[Kind.ENVIRONMENT_PINNED])]
        return max((record.seq for record in pinned if read_pin(record).of_a_copy), default=0)

    def now(self) -> datetime:
        """The database's clock, by which everything in the ledger is judged."""
        return self.table.now()

    def state(self) -> State:
        """Whether there is a ledger, and whether it is as it was installed."""
        with self.table.reading("looking at the ledger") as connection:
            return state_of(connection)

    def exists(self) -> bool:
        """Whether there is a ledger of ours, in whatever state."""
        return self.state().condition in (Condition.READY, Condition.DAMAGED, Condition.NEWER)

    def access(self) -> Access:
        """Who can do what with it."""
        with self.table.reading("looking at the ledger's owner") as connection:
            return access(connection)

    def require_all_visible(self) -> None:
        """Raises PermissionMissingError where row level security would hide records: a part of them proves nothing."""
        if not self.access().reads_all:
            message = f"the role {self.identity().role} does not see every record of the ledger"
            raise PermissionMissingError(
                message, hint="connect as the role that installed it, or as its database's owner"
            )

    def head(self) -> Head:
        """The last record, or EMPTY."""
        return self.table.head()

    def hash_at(self, seq: int) -> str | None:
        """The hash of the record `seq`, or None when there is none."""
        return self.table.hash_at(seq)

    def row(self, seq: int) -> Row | None:
        """The row `seq`, or None when there is none."""
        return self.table.row(seq)

    def last(self, kind: str) -> Record | None:
        """The last record of the kind. Raises MalformedRecordError when it cannot be read."""
        seq = self.table.last_of(kind)
        row = self.table.row(seq) if seq is not None else None
        return read_record(row) if row else None

    def rows(
        self, since: Head | None = None, *, until: int | None = None, kinds: Sequence[str] | None = None
    ) -> Iterator[Row]:
        """The rows after `since` (all of them by default) up to and with the seq `until`, in the order of seq.

        They come from one snapshot, on a connection of their own, one by one. Nothing about them is checked here.
        """
        first = -(2**63) if since is None else since.seq
        return self.table.rows(first, until, kinds)

    @contextmanager
    def transaction(self, what: str) -> Iterator[None]:
        """Everything appended inside is stored together or not at all; other writers wait until the end."""
        with self.table.writing(what):
            self.table.lock()
            yield

    def append(self, draft: Draft) -> Record:
        """Append a record and return what was stored.

        Raises TookTooLongError naming whoever holds the lock, PermissionMissingError, RefusedError when what came back is not
        what was sent (then nothing is stored).
        """
        data = canonical_text(draft.data)
        values = {**_columns(draft), "body": data}
        with self.table.writing("appending to the ledger"):
            row = self.table.insert(values)
            return _checked(row, values)


def append_within(connection: Connection, draft: Draft) -> Record:
    """Append a record in the transaction that is open on `connection`: it is stored with everything else there or not at all.

    Raises what `Ledger.append` raises; a lock that is held too long is a TookTooLongError.
    """
    values = {**_columns(draft), "body": canonical_text(draft.data)}
    with translated("appending to the ledger"):
        pin_writer(connection)
        return _checked(insert_row(connection, values), values)


def _columns(draft: Draft) -> dict[str, object]:
    columns: dict[str, object] = {
        "kind": str(draft.kind),
        "environment": draft.environment,
        "applied_by": draft.applied_by,
        "plan": draft.plan,
        "run": draft.run,
        "item": draft.item,
        "migration_name": draft.migration_name,
        "backup_taken": draft.backup_taken,
        "notes": draft.notes,
        "signature": draft.signature,
    }
    for name, value in columns.items():
        if isinstance(value, str) and ("\0" in value or (not value.isascii() and not _is_utf8(value))):
            raise UsageError(f"the record's {name} holds a character that no database keeps", hint="write it in UTF-8")
    return columns


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _checked(row: Row, values: dict[str, object]) -> Record:
    """The record, after comparing what was stored with what was sent: a replaced trigger could store anything."""
    record = read_record(row)
    stored = {name: getattr(record, name) for name in values if name != "body"}
    sent = {name: value for name, value in values.items() if name != "body"}
    faithful = stored == sent and record.data == parse(str(values["body"]))
    if not faithful or chain_hash(row.previous_hash, row.body) != row.hash:
        message = f"the database stored something else than the record that was sent ({record.kind})"
        raise RefusedError(message, hint="run `pointsctl ledger verify`: the ledger's trigger was changed")
    return record
