"""What a restore into a database that stays is going to do, and how it ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pointsctl.cli.backup_tables import compared, print_differences, print_stages
from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.cli.terminal import Terminal
from pointsctl.model.ages import about_seconds, minute
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain

if TYPE_CHECKING:
    from pointsctl.workflow.restore_backup import Proposed, RestoredBackup

SCHEMA = "pointsctl/backup-restored/v1"
_LONGEST = 300


def announce(proposed: Proposed) -> None:
    """Say on stderr what is restored where, before somebody agrees."""
    out, manifest = Terminal(sys.stderr), proposed.manifest
    taken = f"backup {manifest.id} of {manifest.environment}, taken {minute(manifest.taken_at)}"
    print_wrapped(out, f"restoring {taken}, into {plain(proposed.target.label)}, which is empty")
    if proposed.protected:
        print_wrapped(out, f"that is the database of {proposed.protected}", style="bold")


def print_restored(done: RestoredBackup, *, as_json: bool) -> None:
    """How it ended; as one document `pointsctl/backup-restored/v1` on demand."""
    if as_json:
        print_json(_document(done))
        return
    out, proof, manifest = console(), done.proof, done.proposed.manifest
    verdict = "the database is what was backed up" if proof.holds else "the database is NOT what was backed up"
    text = f"restored {manifest.id} in {about_seconds(round(done.seconds * 1000))}: {verdict}"
    print_wrapped(out, text, style="bold" if proof.holds else "bold red")
    print_wrapped(out, compared(proof))
    for left_out in (*done.left_out, *(one for one in proof.left_out if one not in done.left_out)):
        print_wrapped(out, f"left out on purpose: {plain(left_out, _LONGEST)}")
    print_differences(out, proof.differences)
    print_stages(out, done.stages)
    print_wrapped(out, f"it is {plain(done.proposed.target.label)}, and stays as it is now")


def _document(done: RestoredBackup) -> dict[str, Any]:
    manifest = done.proposed.manifest
    return {
        "schema": SCHEMA,
        "environment": manifest.environment,
        "backup": manifest.id,
        "manifest": manifest.digest,
        "store": done.proposed.store,
        "taken_at": utc_text(manifest.taken_at),
        "into": done.proposed.target.label,
        "restore_ms": round(done.seconds * 1000),
        "proof": done.proof.as_json(),
        "left_out": list(done.left_out),
    }
