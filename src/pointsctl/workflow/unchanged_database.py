"""Whether a database is still what its migrations were rehearsed on, or somebody has changed it since the backup."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.history import History
from pointsctl.model.progress import Progress
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.verify_migrations import unchanged_since_backup

_SHOWN = 3


def require_unchanged(request: BackupRequest, history: History, cancellation: Cancellation, progress: Progress) -> None:
    """Raises RefusedError naming what the database has and the backup had not, or had otherwise, and what looking raises."""
    found = unchanged_since_backup(request, history, cancellation, progress)
    if found:
        told = "; ".join(f"{plain(one.what, 200)} has {plain(one.found, 80)}" for one in found[:_SHOWN])
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise RefusedError(
            f"the database is not what the backup held: {told}{more}; nothing was applied",
            hint="find out who changed it, then take a backup and rehearse again",
        )
