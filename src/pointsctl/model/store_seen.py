"""What a store shows now of one backup, and of the way in which it keeps backups."""

from __future__ import annotations

from dataclasses import dataclass

from pointsctl.model.backup import Manifest
from pointsctl.model.posture import Posture
from pointsctl.model.posture_rules import PostureProblem


@dataclass(frozen=True)
class StoreSeen:
    """`address` is the store's own, without credentials; `problems` are those of its posture, for the retention asked for.

    `manifest` is the one that lies there under the recorded digest, None where there is none; `missing` says what is wrong
    with the backup there, a sentence each (empty when every object is there, as large as the manifest says).
    """

    address: str
    posture: Posture
    problems: tuple[PostureProblem, ...]
    manifest: Manifest | None = None
    missing: tuple[str, ...] = ()
