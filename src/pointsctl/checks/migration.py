"""Kind `migration`: what the ledger records of the migrations that were deployed."""

from __future__ import annotations

from typing import ClassVar, Literal

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.model.finding import Observation
from pointsctl.model.migration_findings import recorded
from pointsctl.model.plan import FileName
from pointsctl.model.time_limit import stop_if_over


class Migration(Check):
    """Passes when every migration that the plan had to apply has its audit record, and what the record claims is true."""

    needs_environment: ClassVar[bool] = False
    reads_the_ledger: ClassVar[bool] = True

    proves: Literal["recorded"] = pydantic.Field(
        description="recorded: an audit record each, by an operator, in this environment, and the backup that it claims was "
        "proven by a restore before"
    )
    migrations: tuple[FileName, ...] = pydantic.Field(
        (), description="names without `.sql` that must be recorded too, such as 20250725000001_points_and_coupons"
    )

    def how(self) -> str:
        """What is proven."""
        return "audit records in the ledger"

    def look(self, world: World) -> Observation:
        """Ask the ledger."""
        stop_if_over(world.cancellation, "looking at the audit records")
        target, history = world.target or world.environment, world.history()
        if history is None:
            hint = f"pointsctl init --env {target}"
            return Observation.pending("waits for a ledger, which holds the records", expected="records", hint=hint)
        return recorded(history, target, self.migrations)
