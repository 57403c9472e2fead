"""Who may sign for what: the approval policy, and the trust that is pinned in the ledger (policy, keys, revoked keys)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.canonical import digest
from pointsctl.model.configuration import Name

PRINCIPAL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+@-]*$"
Principal = Annotated[str, StringConstraints(pattern=PRINCIPAL_PATTERN, max_length=120)]
_PRINCIPAL = re.compile(PRINCIPAL_PATTERN)


class PolicyError(PointsctlError):
    """A policy, or a file that belongs to it, cannot be used; the message names file and line."""

    code = "policy"


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PolicyRole(_Strict):
    """Who holds a role, and how many of them must sign."""

    principals: tuple[Principal, ...] = pydantic.Field(min_length=1, description="who holds the role")
    threshold: int = pydantic.Field(1, ge=1, description="how many of them must sign")

    @pydantic.model_validator(mode="after")
    def _reachable(self) -> PolicyRole:
        if len(set(self.principals)) != len(self.principals):
            raise ValueError("expected each principal once in a role")
        if self.threshold > len(self.principals):
            raise ValueError(f"threshold {self.threshold} cannot be reached by {len(self.principals)} principals")
        return self


class Policy(_Strict):
    """`trust/policy.yaml`: roles to principals, who may waive, whose signatures replace the policy.

    Distinct people and distinct keys for distinct roles are no setting: they always hold.
    """

    version: int = pydantic.Field(1, ge=1, le=1, description="format of this file")
    roles: dict[Name, PolicyRole] = pydantic.Field(min_length=1, description="roles, by the names of the checklist")
    waivers: tuple[Name, ...] = pydantic.Field(
        (), description="roles whose holders may sign waivers; none means nobody"
    )
    updates: tuple[Name, ...] = pydantic.Field(
        min_length=1, description="roles that must all sign before this policy is replaced"
    )
    aliases: dict[Principal, tuple[str, ...]] = pydantic.Field(
        default_factory=dict, description="other addresses of a principal, as they stand in git commits"
    )

    @pydantic.model_validator(mode="after")
    def _known_roles(self) -> Policy:
        unknown = [name for name in (*self.waivers, *self.updates) if name not in self.roles]
        if unknown:
            raise ValueError(f"role {unknown[0]!r} is used and not declared under `roles`")
        return self

    def roles_of(self, principal: str) -> tuple[str, ...]:
        """The roles that the principal holds, in the policy's order."""
        return tuple(name for name, role in self.roles.items() if principal in role.principals)

    def principal_for(self, address: str) -> str | None:
        """The principal that an address (as in a git commit) belongs to; letter case does not matter."""
        wanted = address.casefold()
        for role in self.roles.values():
            for principal in role.principals:
                if principal.casefold() == wanted:
                    return principal
        for principal, others in self.aliases.items():
            if wanted in {principal.casefold(), *(one.casefold() for one in others)}:
                return principal
        return None


@dataclass(frozen=True)
class Trust:
    """Everything that decides whether a signature counts: the policy, the text of `allowed_signers`, the revoked keys.

    `revoked_keys` holds the bytes of a key list or of an OpenSSH key revocation list; empty means that none is revoked.
    """

    policy: Policy
    allowed_signers: str
    revoked_keys: bytes = b""

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of all three."""
        return digest(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """As it stands in the ledger."""
        return {
            "policy": self.policy.model_dump(mode="json"),
            "allowed_signers": self.allowed_signers,
            "revoked_keys": base64.b64encode(self.revoked_keys).decode("ascii"),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Trust:
        """The trust that `as_json` wrote. Raises PolicyError when it is anything else."""
        try:
            policy = Policy.model_validate(value["policy"])
            revoked = base64.b64decode(value["revoked_keys"], validate=True)
            return cls(policy, str(value["allowed_signers"]), revoked)
        except (KeyError, TypeError, pydantic.ValidationError, binascii.Error, ValueError):
            raise PolicyError("the recorded policy cannot be read", hint="run `pointsctl ledger verify`") from None


def is_principal(text: str) -> bool:
    """Whether the text can be a principal: no blanks, commas, wildcards, quotes or control characters."""
    return len(text) <= 120 and _PRINCIPAL.fullmatch(text) is not None
