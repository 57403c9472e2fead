"""Use case: record in the ledger what happened to a backup: taken, proven by a restore, refuted by one, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pointsctl.ledger.store import Ledger
from pointsctl.model.backup import Manifest
from pointsctl.model.backup_history import RecordedBackup
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
from pointsctl.model.ledger import Record
from pointsctl.model.proof import Proof


def record_created(
    ledger: Ledger,
    name: str,
    manifest: Manifest,
    store_address: str,
    summary: Mapping[str, int],
    operator: str,
    tool: str,
) -> Record:
    """Append that a backup was taken. `name` is the environment, `summary` the engine's own of the manifest's contents, `tool`
    the version of pointsctl. Raises what `Ledger.append` raises.
    """
    return _append(ledger, name, created_data(manifest, store_address, summary, tool), operator)


def record_verified(
    ledger: Ledger,
    name: str,
    manifest: Manifest,
    store_address: str,
    operator: str,
    *,
    restore_ms: int,
    restored_into: str,
    server_version: int,
    proof: Proof,
    audits: Sequence[AuditResult],
) -> Record:
    """Append that a restored copy is the source. `restored_into` is `ephemeral` or an environment; `proof` must hold.

    Raises pydantic's ValidationError for a proof that does not hold, and what `Ledger.append` raises.
    """
    data = VerifiedBackup(
        backup=manifest.id,
        manifest=manifest.digest,
        store=store_address,
        taken_at=manifest.taken_at,
        restore_ms=restore_ms,
        restored_into=restored_into,
        server_version=server_version,
        proof=seen_proof(proof),
        audits=tuple(audits),
        audits_pass=audits_pass(tuple(audits)),
    )
    return _append(ledger, name, data, operator)


def record_refuted(
    ledger: Ledger,
    name: str,
    backup: Manifest | RecordedBackup,
    store_address: str,
    operator: str,
    *,
    why: str,
    restored_into: str,
    server_version: int,
    proof: Proof | None = None,
    restore_ms: int | None = None,
) -> Record:
    """Append that a backup could not be restored (then `proof` is None), or that the copy is not the source.

    `backup` is its record where the manifest is what was lost; `server_version` is 0 where that leaves it unknown.
    """
    data = RefutedBackup(
        backup=backup.id,
        manifest=backup.digest,
        store=store_address,
        taken_at=backup.taken_at,
        restore_ms=restore_ms,
        restored_into=restored_into,
        server_version=server_version,
        proof=seen_proof(proof) if proof else None,
        why=why[:2000],
    )
    return _append(ledger, name, data, operator)


def record_pruned(ledger: Ledger, name: str, backup: str, manifest: str, why: str, operator: str) -> Record:
    """Append that a backup is removed from its store; `manifest` is the digest of its manifest."""
    return _append(ledger, name, PrunedBackup(backup=backup, manifest=manifest, why=why[:2000]), operator)


def _append(ledger: Ledger, name: str, data: BackupData, operator: str) -> Record:
    return ledger.append(draft_of(data, name, operator))
