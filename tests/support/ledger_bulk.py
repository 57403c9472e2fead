"""Very many records at once: computed here and copied in by a superuser, because the trigger makes them one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pointsctl.model.ledger import Head, chain_hash
from pointsctl.postgres.bulk import vacuum_analyze
from pointsctl.postgres.connection import connect
from pointsctl.postgres.ledger_table import LedgerTable

_COLUMNS = "seq, recorded_at, kind, environment, migration_name, applied_by, backup_taken, notes, role, body, previous_hash, hash"
_START = datetime(2026, 1, 1, tzinfo=UTC)


def fill(admin_url: str, number: int) -> Head:
    """Append that many records to an installed ledger, as `migration.noted` typed by hand; the new head."""
    with LedgerTable(admin_url) as table:
        head = table.head()
    with connect(admin_url, autocommit=False) as connection:
        connection.execute("alter table public.migration_audit disable trigger user")
        with connection.cursor().copy(f"copy public.migration_audit ({_COLUMNS}) from stdin") as copy:
            for row in _rows(head, number):
                copy.write_row(row)
                head = Head(row[0], row[-1])  # type: ignore[arg-type]  # a seq and a hash
        connection.execute("alter table public.migration_audit enable always trigger migration_audit_append")
        connection.execute("alter table public.migration_audit enable always trigger migration_audit_refuse")
    vacuum_analyze(admin_url, ("migration_audit",))
    return head


def _rows(head: Head, number: int) -> Iterator[tuple[object, ...]]:
    previous = head.hash
    for seq in range(head.seq + 1, head.seq + number + 1):
        moment = _START + timedelta(milliseconds=seq)
        name, notes = (
            f"2026{seq:010d}_points_and_coupons",
            f"window {seq % 24}:00, nothing unusual was seen on the dashboards",
        )
        written = {
            "applied_by": "ada@example.test",
            "backup_taken": True,
            "data": {},
            "environment": "staging",
            "format": 1,
            "item": None,
            "kind": "migration.noted",
            "migration_name": name,
            "notes": notes,
            "plan": None,
            "recorded_at": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
            "role": "postgres",
            "run": None,
            "seq": seq,
        }
        body = json.dumps(written, separators=(",", ":"))
        own = chain_hash(previous, body)
        yield (
            *(seq, moment, "migration.noted", "staging", name, "ada@example.test", True, notes, "postgres"),
            *(body, previous, own),
        )
        previous = own
