"""The step `verify`: the database has what the rehearsal made of the copy, and nothing else has changed."""

from __future__ import annotations

from pointsctl.errors import ExitCode, PointsctlError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.model.progress import NoProgress
from pointsctl.workflow.deploy_steps.context import LONG, Context
from pointsctl.workflow.procedure import Step
from pointsctl.workflow.verify_migrations import VerifyResult, verify_migrations

_SHOWN = 5


class NotAsRehearsedError(PointsctlError):
    """The database is not what the rehearsal led to expect."""

    exit_code = ExitCode.BAD
    code = "not-as-rehearsed"


class Verify(Step):
    """Only looks: what is wrong here is for people to judge."""

    definition = StepDefinition("verify", "The database is as rehearsed", LONG, "nothing was changed")

    def __init__(self, context: Context) -> None:
        self._context = context

    def skipped(self) -> str:
        """Where the environment does without a rehearsal there is nothing to compare with."""
        return self._context.without("rehearsal")

    def observe(self, cancellation: Cancellation) -> Seen:
        """Compare. Raises NotAsRehearsedError naming what differs."""
        context = self._context
        pending = context.pending()
        if pending:
            return Seen(done=False, summary=f"{len(pending)} migrations are not applied")
        found = verify_migrations(context.request, context.history(), cancellation, NoProgress())
        if not found.holds:
            hint = f"see all of it with `pointsctl migrate verify --env {context.name}`"
            raise NotAsRehearsedError(f"the database is not as rehearsed: {_wrong(found)}", hint=hint)
        summary = f"{found.objects:,} objects are as the rehearsal of record {found.rehearsal} left them"
        return Seen(done=True, summary=summary, evidence={"rehearsal": found.rehearsal, "objects": found.objects})


def _wrong(found: VerifyResult) -> str:
    said = [
        *(f"{one.what} has {one.found}, expected {one.expected}" for one in found.differences),
        *(f"index {one} is invalid" for one in found.invalid_indexes),
        *(f"{one} is not applied" for one in found.pending),
        *(f"{one.migration}: {one.problem}" for one in found.scripts if one.problem),
    ]
    shown = "; ".join(plain(one, 200) for one in said[:_SHOWN]) or "nothing was compared"
    return f"{shown}; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else shown
