"""Kind `function`: the edge functions are deployed, their logs were watched, and nothing fails in them."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.errors import CouldNotLookError, UsageError
from pointsctl.model.duration import Duration
from pointsctl.model.finding import Observation
from pointsctl.model.function_findings import FunctionsAsked, deployed, logs_watched, no_errors
from pointsctl.model.history import History
from pointsctl.model.time_limit import stop_if_over

_HOW = {
    "deployed": "the platform's list against the ledger",
    "logs-watched": "a watch of the logs, as the ledger has it",
    "no-errors": "the functions' logs of late",
}


class Function(Check):
    """The edge functions of the deployment's target, as one thing that `proves` names.

    What an environment declares to do `without` is skipped. Logs that nobody can read, and logs without a line, are no pass.
    """

    needs_environment: ClassVar[bool] = False

    proves: Literal["deployed", "logs-watched", "no-errors"] = pydantic.Field(
        description="deployed: each runs in the version that pointsctl deployed, from the plan's bytes; logs-watched: the logs "
        "were watched after the deployment for `functions.watch_logs_for`, without an error; no-errors: the logs of the last "
        "`within` show none"
    )
    within: Duration | None = pydantic.Field(
        None, description="with `proves: no-errors`: how far back the logs are read; left out, an hour"
    )

    @pydantic.model_validator(mode="after")
    def _nothing_without_effect(self) -> Function:
        if self.within is not None and self.proves != "no-errors":
            raise ValueError("expected `within` only with `proves: no-errors`")
        return self

    def how(self) -> str:
        """What is proven, and from what."""
        return _HOW[self.proves]

    def from_the_ledger(self, world: World) -> Observation | None:
        """A watch is in the ledger; what the platform shows is remembered."""
        return self.look(world) if self.proves == "logs-watched" or "functions" in world.without else None

    def look(self, world: World) -> Observation:
        """Ask the ledger, then the platform: only what the item needs. Raises what the platform raises."""
        stop_if_over(world.cancellation, "looking at the functions")
        target = world.target or world.environment
        if "functions" in world.without:
            return Observation.skipped(f"{target} does without functions", evidence={"without": ["functions"]})
        if world.target and world.environment != world.target:
            message = (
                f"the item looks at {world.environment!r}; functions are of {world.target!r}, which is deployed to"
            )
            raise UsageError(message, hint="take `at` away from the item")
        functions = world.functions
        asked = FunctionsAsked(functions.names, functions.project(), target)
        if self.proves == "no-errors":
            return self._no_errors(world, asked)
        history = world.history()
        if history is None:
            hint = f"pointsctl init --env {target}; then {asked.deploy()}"
            return Observation.pending("waits for a ledger, in which deployments are recorded", hint=hint)
        return self._of_the_ledger(world, asked, history)

    def _of_the_ledger(self, world: World, asked: FunctionsAsked, history: History) -> Observation:
        if self.proves == "logs-watched":
            return logs_watched(asked, history.functions, world.functions.watch_logs_for)
        return deployed(asked, history, world.functions.listed(world.cancellation))

    def _no_errors(self, world: World, asked: FunctionsAsked) -> Observation:
        since = world.now - (self.within or timedelta(hours=1))
        lines = world.functions.logs(since, world.now, world.cancellation)
        if lines is None:
            message = "the functions' logs cannot be read: no source of logs is configured"
            raise CouldNotLookError(message, hint="set `functions.logs: true`, or `functions.commands.logs`")
        return no_errors(asked, lines, since, world.now)
