"""Kind `planned`: a machine can decide it, but not this version; waits, and says for what."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pydantic
from pydantic import StringConstraints

from pointsctl.checks.interface import Check, World
from pointsctl.model.attestation import Asked, attested
from pointsctl.model.configuration import Without
from pointsctl.model.finding import Observation

_Text = Annotated[str, StringConstraints(min_length=3, max_length=160)]
_WITHOUT: dict[str, Without] = {"rehearsal": "rehearsal", "function": "functions"}


class Planned(Check):
    """An item whose executing kind does not exist yet. It is `pending`, so it never opens a gate.

    Two things are otherwise: with `by_hand`, a person may attest it until then; and what the environment declares to do
    `without` is skipped.
    """

    needs_environment: ClassVar[bool] = False
    reads_the_ledger: ClassVar[bool] = True

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")] = pydantic.Field(
        description="the kind that will execute the item"
    )
    waits_for: _Text = pydantic.Field(description="what is missing, for the person who reads the report")
    by_hand: bool = pydantic.Field(
        False, description="whether a person may do it and attest it until the kind that executes it exists"
    )

    def how(self) -> str:
        """Which kind will execute it."""
        by_hand = ", by hand until then" if self.by_hand else ""
        return f"{self.kind} (not in this version{by_hand})"

    def attested_by(self) -> str | None:
        """Anybody who holds a role, where it may be done by hand."""
        return "" if self.by_hand else None

    def look(self, world: World) -> Observation:
        """Say what is waited for, or who did it by hand."""
        left_out = _WITHOUT.get(self.kind)
        if left_out in world.without:
            reason = f"{world.target or world.environment} does without {left_out}"
            return Observation.skipped(reason, evidence={"without": [left_out]})
        if self.by_hand:
            return attested(Asked(world.item, world.definition, world.target), world.history())
        return Observation.pending(
            f"waits for {self.waits_for}",
            expected=f"executed by kind {self.kind}",
            hint=f"do {world.item.title.lower()!r} by hand for now; this version cannot execute or prove it",
            evidence={
                "waits_for": self.waits_for,
                "fields": [field.name for field in world.item.fields],
                "who": "nobody: this version cannot execute it",
                "command": f"pointsctl check show {world.item.id}",
            },
        )
