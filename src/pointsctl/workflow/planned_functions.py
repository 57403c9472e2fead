"""Which functions are asked for, and their files held against the plan in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pointsctl.errors import RefusedError, UsageError
from pointsctl.model.escape import plain
from pointsctl.model.history import History, RecordedPlan
from pointsctl.model.plan import Absent
from pointsctl.model.problems import nearest
from pointsctl.workflow.function_copy import FunctionCopy


def wanted_names(known: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The functions that were asked for, in the checklist's order. Raises UsageError for one that it does not name, or none."""
    if not known:
        raise UsageError("the checklist names no function", hint="list them in `functions.names`")
    for name in asked:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {close!r}?" if close else f"functions of the checklist: {', '.join(known)}"
            raise UsageError(f"no function {plain(name, 60)!r} in the checklist", hint=hint)
    return tuple(name for name in known if not asked or name in asked)


def plan_in_force(history: History, now: datetime | None) -> RecordedPlan | None:
    """The newest plan, unless its time is over."""
    plan = history.plan
    return plan if plan is not None and now is not None and now <= plan.plan.content.not_after else None


def require_planned(plan: RecordedPlan | None, copied: FunctionCopy, names: Sequence[str]) -> None:
    """Raises RefusedError when a plan is in force that does not hold these very bundles."""
    if plan is None:
        return
    create = "make a new plan with `pointsctl plan create`, or bring the files back"
    planned = plan.plan.content.functions
    if isinstance(planned, Absent):
        raise RefusedError(f"plan {plan.plan.short} holds no functions: {planned.absent}", hint=create)
    bundles = {one.name: one.sha256 for one in planned}
    for name in names:
        if bundles.get(name) != copied.bundles[name]:
            found, expected = copied.bundles[name][:12], bundles.get(name, "nothing")[:12]
            message = f"the files of function {name!r} are {found}, in plan {plan.plan.short} they are {expected}"
            raise RefusedError(message, hint=create)
