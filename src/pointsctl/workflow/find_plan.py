"""Finds the plan that somebody named by the beginning of its digest."""

from __future__ import annotations

from pointsctl.errors import ContextMissingError, UsageError
from pointsctl.model.history import History, RecordedPlan
from pointsctl.model.plan import SHORT
from pointsctl.model.problems import shown


def find_plan(history: History, named: str | None, environment: str) -> RecordedPlan:
    """The newest plan with this digest, or the newest plan of all when none is named; only plans whose signature counts.

    Raises ContextMissingError before there is a plan, UsageError when the text names none or several.
    """
    if history.plan is None:
        hint = f"make one with `pointsctl plan create --env {environment}`"
        raise ContextMissingError(f"environment {environment!r} has no plan yet", hint=hint)
    if named is None:
        return history.plan
    hint = "see `pointsctl plan list`"
    if len(named) < SHORT:
        raise UsageError(f"{shown(named)} is too short for a plan; expected {SHORT} digits or more", hint=hint)
    found = {one.digest: one for one in history.plans if one.signed.counts and one.digest.startswith(named.lower())}
    if len(found) != 1:
        what = "names several plans" if found else "names no plan"
        raise UsageError(f"{shown(named)} {what} of environment {environment!r}", hint=hint)
    return next(iter(found.values()))
