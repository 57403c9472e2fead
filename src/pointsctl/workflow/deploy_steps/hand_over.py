"""The step `hand-over`: what was deployed is on for nobody yet, and the rollout can begin at 0 %."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.postgres.feature_flag import flag_share, has_flags
from pointsctl.workflow.deploy_steps.context import MOMENT, Context
from pointsctl.workflow.procedure import Step


class HandOver(Step):
    """Looks, and never turns anybody's features off: who has them on has to say so."""

    definition = StepDefinition("hand-over", "The rollout can begin", MOMENT, "nothing was changed")

    def __init__(self, context: Context) -> None:
        self._context = context

    def skipped(self) -> str:
        """Without a flag there is no rollout."""
        flag = self._context.request.loaded.checklist.rollout.flag
        return "" if flag else "the checklist names no feature flag (`rollout.flag`)"

    def require(self, cancellation: Cancellation) -> None:
        """Before anything is changed: users must not meet what was not rolled out."""
        del cancellation
        self._share()

    def observe(self, cancellation: Cancellation) -> Seen:
        """Read the flag. Raises RefusedError when it is on for somebody."""
        del cancellation
        return Seen(done=True, summary=self._share(), evidence={"share": 0})

    def _share(self) -> str:
        request = self._context.request
        flag, url = request.loaded.checklist.rollout.flag, request.environment.database_url
        shown = plain(flag, 80)
        if not has_flags(url):
            return f"there is no table public.feature_flags: whoever keeps the flag {shown!r} must have it off"
        share = flag_share(url, flag)
        if share:
            message = f"the flag {shown!r} is on for {share} % of the users, expected 0 %"
            raise RefusedError(message, hint="turn it off first: users would meet what was not rolled out")
        return f"the flag {shown!r} is {'off' if share == 0 else 'not there'}: 0 % of the users have it"
