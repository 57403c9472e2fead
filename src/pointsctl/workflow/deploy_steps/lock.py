"""The step `lock`: nobody else deploys, rolls back or migrates this database meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.postgres.connection import connect
from pointsctl.postgres.deployment_lock import PROCEDURE_KEY, lock_holder
from pointsctl.workflow.deploy_steps.context import MOMENT, Context
from pointsctl.workflow.procedure import Step


class Lock(Step):
    """The lock was taken before anything was looked at, so that of two operators only one ever begins; here it is told.

    `held` raises when it is not held any more; None in a dry run, which takes none.
    """

    definition = StepDefinition("lock", "Nobody else deploys", MOMENT, "it falls with the session that holds it")

    def __init__(self, context: Context, held: Callable[[], None] | None) -> None:
        self._context = context
        self._held = held

    def observe(self, cancellation: Cancellation) -> Seen:
        """Whether it is held; in a dry run by whom."""
        del cancellation
        if self._held is not None:
            self._held()
        with connect(self._context.request.environment.database_url) as connection:
            holder = lock_holder(connection, PROCEDURE_KEY)
        if self._held is None:
            return Seen(done=False, summary=f"{holder} holds the lock now" if holder else "nobody holds the lock")
        return Seen(done=True, summary=f"held by {holder}")
