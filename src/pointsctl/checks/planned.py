"""Kind `planned`: a machine can decide it, but not this version; waits, and says for what."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pydantic
from pydantic import StringConstraints

from pointsctl.checks.interface import Check, World
from pointsctl.model.finding import Observation

_Text = Annotated[str, StringConstraints(min_length=3, max_length=160)]


class Planned(Check):
    """An item whose executing kind does not exist yet. It is `pending` always, so it never opens a gate."""

    needs_environment: ClassVar[bool] = False

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")] = pydantic.Field(
        description="the kind that will execute the item"
    )
    waits_for: _Text = pydantic.Field(description="what is missing, for the person who reads the report")

    def how(self) -> str:
        """Which kind will execute it."""
        return f"{self.kind} (not in this version)"

    def look(self, world: World) -> Observation:
        """Say what is waited for."""
        return Observation.pending(
            f"waits for {self.waits_for}",
            expected=f"executed by kind {self.kind}",
            hint=f"do {world.item.title.lower()!r} by hand for now; this version cannot execute or prove it",
            evidence={"waits_for": self.waits_for, "fields": [field.name for field in world.item.fields]},
        )
