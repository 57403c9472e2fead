"""Backups as the ledger records them, for tests of what they prove; and one that lies in a store and in a ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pointsctl.ledger.store import Ledger
from pointsctl.model.backup import Manifest, StoredObject
from pointsctl.model.backup_records import (
    AuditResult,
    BackupData,
    PrunedBackup,
    RefutedBackup,
    VerifiedBackup,
    audits_pass,
    created_data,
    draft_of,
    seen_proof,
)
from pointsctl.model.finding import Outcome
from pointsctl.model.history import History, Signed, fold
from pointsctl.model.ledger import Record
from pointsctl.model.pin import Pin
from pointsctl.model.posture import Posture
from pointsctl.model.posture_rules import posture_problems
from pointsctl.model.proof import Difference, Differs, Proof
from pointsctl.model.store_seen import StoreSeen
from pointsctl.workflow.open_store import open_store
from pointsctl.workflow.record_backup import record_created, record_verified
from tests.support.approvals import CREATED, DATABASE, NAME, NOW, OLGA
from tests.support.approvals import record as any_record

STORE = "s3://backups/points"
PIN = Pin(name=NAME, database=DATABASE, protected=True, tool="0")
PROOF = Proof(tables=8, rows=3_500_000, objects=120, sequences=2, large_objects=0, indexes_checked=20)
LOST = Difference(Differs.ROWS, "table public.coupons", "20,500 rows", "900 rows")
PASSED = AuditResult(id="rls-enabled", outcome=Outcome.PASS, rows=0)
FAILED = AuditResult(id="rls-policies", outcome=Outcome.FAIL, rows=2)
WEEK = timedelta(days=7)
_DATA = b"the rows of a test"


def backup_id(number: int = 0, taken_at: datetime = CREATED) -> str:
    """An id of its own for each number."""
    return f"{taken_at:%Y%m%dT%H%M%SZ}-{number:06d}"


def manifest(number: int = 0, *, taken_at: datetime = CREATED, **changed: Any) -> Manifest:
    """What a backup of the database of these tests would say."""
    sha256 = hashlib.sha256(_DATA).hexdigest()
    one = StoredObject(name="toc.dat", size=len(_DATA), sha256=sha256, plain_size=len(_DATA), plain_sha256=sha256)
    values: dict[str, Any] = {
        "id": backup_id(number, taken_at),
        "environment": NAME,
        "database": DATABASE,
        "server_version": 180000,
        "engine": "pg_dump",
        "taken_at": taken_at,
        "finished_at": taken_at + timedelta(seconds=12),
        "snapshot": "00000003-1",
        "lsn": "0/1",
        "database_size": 939_000_000,
        "tools": {"pg_dump": "18.1"},
        "commit": None,
        "encryption": None,
        "objects": (one,),
        "contents": {},
    }
    return Manifest(**{**values, **changed})


def created(of: Manifest | None = None, *, stored_size: int = 361_000_000) -> BackupData:
    """What is recorded of it."""
    data = created_data(of or manifest(), STORE, {"tables": 8}, "1.0")
    return data.model_copy(update={"stored_size": stored_size})


def verified(of: Manifest | None = None, *audits: AuditResult, proof: Proof = PROOF, **changed: Any) -> VerifiedBackup:
    """A drill that proved it in 38 seconds."""
    of, run = of or manifest(), audits or (PASSED,)
    values: dict[str, Any] = {
        "backup": of.id,
        "manifest": of.digest,
        "store": STORE,
        "taken_at": of.taken_at,
        "restored_into": "ephemeral",
        "server_version": 180000,
        "restore_ms": 38_400,
        "proof": seen_proof(proof),
        "audits": run,
        "audits_pass": audits_pass(run),
    }
    return VerifiedBackup(**{**values, **changed})


def refuted(
    of: Manifest | None = None, why: str = "table public.coupons has 900 rows, expected 20,500"
) -> RefutedBackup:
    """A drill that found fewer rows."""
    of = of or manifest()
    return RefutedBackup(
        backup=of.id,
        manifest=of.digest,
        store=STORE,
        taken_at=of.taken_at,
        restored_into="ephemeral",
        server_version=180000,
        restore_ms=38_400,
        proof=seen_proof(replace(PROOF, differences=(LOST,))),
        why=why,
    )


def pruned(of: Manifest | None = None) -> PrunedBackup:
    """It was removed."""
    of = of or manifest()
    return PrunedBackup(backup=of.id, manifest=of.digest, why="older than 7d")


def recorded(seq: int, data: BackupData, environment: str = NAME) -> Record:
    """The record of it; a minute after the one before."""
    draft = draft_of(data, environment, OLGA)
    row = any_record(seq, OLGA, "", draft.kind)
    return replace(row, data=dict(draft.data), environment=environment, plan=None, signature=None)


def history(*records: BackupData | Record, now: datetime = NOW, pin: Pin | None = PIN) -> History:
    """The history of a ledger that holds these, in this order."""
    rows = [one if isinstance(one, Record) else recorded(seq, one) for seq, one in enumerate(records, 1)]
    return fold(History(now=now, pin=pin), [Signed(row, None, None) for row in rows])


def seen(
    of: Manifest | None = None, *, missing: Sequence[str] = (), retention: timedelta = WEEK, **changed: Any
) -> StoreSeen:
    """What a good store shows of it; `changed` is about its posture."""
    values: dict[str, Any] = {"kind": "s3", "address": STORE, "away": True, "versioning": True, "public": False}
    posture = Posture(**{**values, "lock": True, "lock_mode": "COMPLIANCE", "lock_days": 7, **changed})
    return StoreSeen(posture.address, posture, posture_problems(posture, retention), of, tuple(missing))


def put_verified_backup(ledger: Ledger, name: str, store_url: str, number: int = 0, **changed: Any) -> Manifest:
    """Put a backup of no rows into the store, and record that it was taken and verified: as cheap as a proof can be."""
    now = ledger.now()
    of = manifest(number, environment=name, database=ledger.database(), **{"taken_at": now, **changed})
    store = open_store(store_url)
    store.put(of.place_of(of.objects[0]), _DATA)
    store.put(of.name, of.text().encode())
    record_created(ledger, name, of, store.address, {"tables": 8}, OLGA, "0")
    drill = {"restore_ms": 400, "restored_into": "ephemeral", "server_version": 180000, "proof": PROOF}
    record_verified(ledger, name, of, store.address, OLGA, audits=[PASSED], **drill)  # type: ignore[arg-type]
    return of
