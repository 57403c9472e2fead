"""Kind `attestation`: only a person can know; waits until somebody says so."""

from __future__ import annotations

from typing import ClassVar

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.model.finding import Observation


class Attestation(Check):
    """Something that no program can see. The item's `fields` are what the person fills in.

    Statements of people live in the ledger. Until one is there for the item, its outcome is `pending`.
    """

    needs_environment: ClassVar[bool] = False

    role: str = pydantic.Field("", max_length=60, description="who can say it, for instance `operations`")

    def how(self) -> str:
        """Who says it."""
        return f"a person says so ({self.role})" if self.role else "a person says so"

    def look(self, world: World) -> Observation:
        """Say what is waited for; there is nothing else to look at."""
        names = [field.name for field in world.item.fields if field.required and field.value is None]
        who = self.role or "a person"
        needed = f" with {', '.join(names)}" if names else ""
        return Observation.pending(
            f"waits for {who} to say so{needed}",
            expected="a signed attestation",
            hint="signed attestations are recorded in the ledger, which this version cannot write yet",
            evidence={"waits_for": who, "fields": names},
        )
