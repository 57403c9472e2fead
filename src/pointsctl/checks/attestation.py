"""Kind `attestation`: only a person can know; waits until somebody says so."""

from __future__ import annotations

from typing import ClassVar

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.model.attestation import Asked, attested
from pointsctl.model.finding import Observation


class Attestation(Check):
    """Something that no program can see. The item's `fields` are what the person fills in.

    People say so with `pointsctl attest ID`, signed. The newest attestation counts while the item's definition is the one that
    was signed for, for as long as `valid_for` says, by the database's clock; until then the outcome is `pending`.
    """

    needs_environment: ClassVar[bool] = False
    reads_the_ledger: ClassVar[bool] = True

    role: str = pydantic.Field(
        "",
        max_length=60,
        description="the role of the approval policy that can say it; left out, anybody who holds one",
    )

    def how(self) -> str:
        """Who says it."""
        return f"a person says so ({self.role})" if self.role else "a person says so"

    def attested_by(self) -> str | None:
        """The role that says it."""
        return self.role

    def look(self, world: World) -> Observation:
        """Ask the ledger who said so."""
        return attested(Asked(world.item, world.definition, world.target, self.role), world.history())
