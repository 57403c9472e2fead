"""How a store keeps what is put into it: whether somebody could delete it, read it, or let it expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Posture:
    """What could be found out about a store; None is "nobody could say", which is never the same as "no".

    `kind` is the store's kind. `away` says whether it is a service of its own and not a folder that may lie beside the
    database. `versioning`: an overwritten or deleted object can be brought back. `lock_mode` (`COMPLIANCE`, `GOVERNANCE`, or
    empty for none) and `lock_days` are the bucket's default retention. `public`: somebody without credentials could read it.
    `expires_after`: the shortest lifecycle rule that deletes current objects under the backups' prefix. `aborts_uploads`:
    incomplete uploads are cleaned up by a rule. `encryption`: the server's own, as it names it, empty for none.
    `notes` say what could not be asked, and why.
    """

    kind: str
    address: str
    away: bool
    versioning: bool | None = None
    lock: bool | None = None
    lock_mode: str | None = None
    lock_days: int | None = None
    public: bool | None = None
    expires_after: timedelta | None = None
    expiry_known: bool = True
    aborts_uploads: bool | None = None
    encryption: str | None = None
    notes: tuple[str, ...] = ()
