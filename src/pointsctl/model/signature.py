"""What came out of checking one signature, as a value: decisions are made from it, and history tells it."""

from __future__ import annotations

from dataclasses import dataclass

KEY_REVOKED = "the key is revoked"
"""Why a signature does not count that would count otherwise."""


@dataclass(frozen=True)
class SignatureVerdict:
    """Whether a signature counts for its principal at the moment it was checked for.

    `valid`: whether it does; revoked keys never do. `fingerprint`: `SHA256:...` of the key that the signature names, None
    when no signature could be read. `reason`: why it does not count, in a few words; empty when it does. `revoked`: it
    would count if its key were not revoked, so that history can tell "was valid when recorded, revoked since".
    """

    valid: bool
    fingerprint: str | None
    reason: str
    revoked: bool = False

    def __post_init__(self) -> None:
        if self.valid == bool(self.reason) or (self.valid and (self.revoked or self.fingerprint is None)):
            raise AssertionError("a verdict is either valid, or says why it is not")
