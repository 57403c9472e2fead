"""The step `probes`: every edge function answers at its address, and refuses whoever has no token."""

from __future__ import annotations

from pointsctl.errors import CouldNotLookError, ExitCode, PointsctlError, UsageError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.procedure import Seen, StepDefinition
from pointsctl.model.progress import NoProgress
from pointsctl.workflow.deploy_steps.context import MOMENT, Context
from pointsctl.workflow.deploy_steps.functions import no_functions
from pointsctl.workflow.probe_functions import FunctionsProbed, probe_functions
from pointsctl.workflow.procedure import Step

_SHOWN = 3


class ProbeFailedError(PointsctlError):
    """A function that was deployed does not answer as it must."""

    exit_code = ExitCode.BAD
    code = "probe-failed"


class Probes(Step):
    """Only looks: what is wrong here is for people to judge."""

    definition = StepDefinition("probes", "The edge functions answer", MOMENT * 15, "nothing was changed")

    def __init__(self, context: Context) -> None:
        self._context = context

    def skipped(self) -> str:
        """Without functions."""
        return no_functions(self._context)

    def require(self, cancellation: Cancellation) -> None:
        """Before the migration: an address that nobody has configured cannot be asked."""
        del cancellation
        request = self._context.request
        if not request.environment.functions_url:
            message = f"environment {request.name!r} has no `functions_url`"
            raise UsageError(message, hint="add the base address of its functions to the checklist")

    def observe(self, cancellation: Cancellation) -> Seen:
        """Ask each of them. Raises ProbeFailedError with what is wrong, CouldNotLookError where no answer came."""
        request = self._context.request
        found = probe_functions(request, (), cancellation, NoProgress())
        if found.exit_code is not ExitCode.DONE:
            hint = f"see all of it with `pointsctl functions probe --env {request.name}`"
            kind = ProbeFailedError if found.exit_code is ExitCode.BAD else CouldNotLookError
            raise kind(f"the functions do not answer as they must: {_wrong(found)}", hint=hint)
        slowest = max((answer.duration_ms for one in found.functions for answer in one.answers), default=0)
        names = [one.name for one in found.functions]
        answering = "1 function answers" if len(names) == 1 else f"{len(names)} functions answer"
        summary = f"{answering}, the slowest in {slowest} ms"
        return Seen(done=True, summary=summary, evidence={"functions": names, "slowest_ms": slowest})


def _wrong(found: FunctionsProbed) -> str:
    said = [
        f"{one.name} ({answer.asked.value}): {plain(answer.problem, 200)}"
        for one in found.functions
        for answer in one.answers
        if answer.problem
    ]
    shown = "; ".join(said[:_SHOWN]) or "none was asked"
    return f"{shown}; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else shown
