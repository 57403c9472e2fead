"""Rehearsals as the ledger records them, for tests of what they prove."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pointsctl.model.backup import Manifest
from pointsctl.model.ledger import Record
from pointsctl.model.plan import Migration
from pointsctl.model.rehearsal import RehearsalData, RehearsedMigration, rehearsal_draft
from tests.support.approvals import DATABASE, NAME, OLGA
from tests.support.approvals import record as any_record
from tests.support.recorded_backups import manifest

ADDED = Migration(name="20260102000001_added.sql", sha256="0a" * 32, reverse="0b" * 32, verify=None)


def rehearsed(migration: Migration = ADDED, **changed: Any) -> RehearsedMigration:
    """A migration that could be undone."""
    values: dict[str, Any] = {"duration_ms": 12, "statements": (), "verified": None, "reversible": True}
    return RehearsedMigration(migration=migration, **{**values, **changed})


def rehearsal(of: Manifest | None = None, *migrations: RehearsedMigration, **changed: Any) -> RehearsalData:
    """One that passed."""
    of = of or manifest()
    values: dict[str, Any] = {
        "database": DATABASE,
        "backup": of.id,
        "manifest": of.digest,
        "server_version": 180000,
        "before": ("20260101000001",),
        "migrations": migrations or (rehearsed(),),
        "catalogue": "0c" * 32,
        "audits": (),
        "applied_again": True,
        "traffic": None,
        "duration_ms": 4_000,
        "problems": (),
        "tool": "0",
    }
    return RehearsalData(**{**values, **changed})


def recorded(seq: int, data: RehearsalData, environment: str = NAME) -> Record:
    """The record of it."""
    draft = rehearsal_draft(data, environment, OLGA)
    row = any_record(seq, OLGA, "", draft.kind)
    return replace(row, data=dict(draft.data), environment=environment, plan=None, signature=None)
