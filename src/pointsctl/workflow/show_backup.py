"""Use case: one backup in full: its manifest in words, what it holds, and every restore of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pointsctl.errors import PointsctlError
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.list_backups import BackupList, ListedBackup, list_backups

_MOST_PARTS = 20


@dataclass(frozen=True)
class ShownBackup:
    """`summary` is what it holds, in numbers; `parts` its largest parts, of `parts_total`, each with its amount. `unread` says
    why its engine cannot tell, empty when it can.
    """

    listed: ListedBackup
    among: BackupList
    summary: Mapping[str, int] = field(default_factory=dict)
    parts: tuple[tuple[str, str], ...] = ()
    parts_total: int = 0
    unread: str = ""


def show_backup(request: BackupRequest, given: str) -> ShownBackup:
    """The backup whose id begins with `given`, or the newest for `latest`. Raises as `list_backups` and `BackupList.find` do."""
    among = list_backups(request)
    listed = among.find(given)
    manifest = listed.stored.manifest if listed.stored else None
    if manifest is None:
        return ShownBackup(listed, among)
    try:
        engine = request.engine(manifest.engine)
        summary, parts = engine.summary(manifest.contents), engine.parts(manifest.contents)
    except PointsctlError as error:
        return ShownBackup(listed, among, unread=error.message)
    return ShownBackup(listed, among, dict(summary), tuple(parts[:_MOST_PARTS]), len(parts))
