"""Tells of a procedure: each step with its state and time, what undoing it means where it matters, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.model.canonical import utc_text
from pointsctl.model.conclusion import elapsed
from pointsctl.model.escape import plain
from pointsctl.model.plan import SHORT
from pointsctl.model.procedure import StepState

if TYPE_CHECKING:
    from pointsctl.model.procedure import RecordedProcedure
    from pointsctl.workflow.deploy import Deployed
    from pointsctl.workflow.procedure import StepReport

SCHEMA = "pointsctl/deployment/v1"
ABANDONED_SCHEMA = "pointsctl/procedure-abandoned/v1"
_LONGEST = 600
_WORDS = {
    StepState.FINISHED: "done",
    StepState.SKIPPED: "skipped",
    StepState.NOT_STARTED: "to do",
    StepState.FAILED: "in the way",
}
_STYLES = {StepState.FAILED: "bold red", StepState.NOT_STARTED: "bold"}


def print_deployed(done: Deployed, environment: str, *, as_json: bool) -> None:
    """Every step, the verdict last; as one document `pointsctl/deployment/v1` on demand."""
    if as_json:
        print_json(_document(done, environment))
        return
    out = console()
    for line, style in _steps(done):
        print_wrapped(out, plain(line, _LONGEST), indent=2, style=style)
    for line in _conclusion(done, environment):
        print_wrapped(out, plain(line, _LONGEST), style="bold")


def print_abandoned(found: RecordedProcedure, environment: str, *, as_json: bool) -> None:
    """What was given up, and what it had done; as one document `pointsctl/procedure-abandoned/v1` on demand."""
    done = [one.id for one in found.steps.values() if one.state is StepState.FINISHED]
    if as_json:
        document = {"environment": environment, "run": found.run, "plan": found.plan, "done": done}
        ended = utc_text(found.finished_at) if found.finished_at else None
        print_json({"schema": ABANDONED_SCHEMA, **document, "finished_at": ended, "reason": found.abandoned})
        return
    out = console()
    print_wrapped(out, plain(f"given up: {found.procedure} {found.run} of {environment}", _LONGEST), style="bold")
    print_wrapped(out, plain(f"it had done, and nothing of it is undone: {', '.join(done) or 'nothing'}", _LONGEST))


def _steps(done: Deployed) -> Iterator[tuple[str, str]]:
    for number, one in enumerate(done.reports, 1):
        time_taken = f" ({elapsed(one.duration_ms)})" if one.state is StepState.FINISHED else ""
        head = f"{number:>2}. {one.definition.id}: {_WORDS.get(one.state, one.state.value)}{time_taken}"
        yield f"{head}: {one.summary}", _STYLES.get(one.state, "")
        if one.hint:
            yield f"  hint: {one.hint}", ""


def _conclusion(done: Deployed, environment: str) -> Iterator[str]:
    what = f"{environment}{f', plan {done.plan[:SHORT]}' if done.plan else ''}"
    in_the_way = [one.definition.id for one in done.reports if one.state is StepState.FAILED]
    if done.problem is not None and done.problem.message in {one.summary for one in done.reports}:
        yield f"nothing was changed; now it could not be deployed to {what}; in the way: {', '.join(in_the_way)}"
    elif done.problem is not None:
        yield f"nothing was changed; now it could not be deployed to {what}: {done.problem.message}"
        if done.problem.hint:
            yield f"hint: {done.problem.hint}"
    elif done.dry:
        count = sum(one.state is StepState.NOT_STARTED for one in done.reports)
        yield f"nothing was changed; {count} step{' is' if count == 1 else 's are'} to do for {what}"
    else:
        yield f"deployed to {what}; procedure {done.run}"
        if done.reports and done.reports[-1].state is StepState.FINISHED:
            yield f"next, before the first users: pointsctl run deployment --env {environment}"


def _document(done: Deployed, environment: str) -> dict[str, Any]:
    problem = done.problem
    return {
        "schema": SCHEMA,
        "environment": environment,
        "run": done.run,
        "plan": done.plan,
        "resumed": done.resumed,
        "dry_run": done.dry,
        "exit_code": int(done.exit_code),
        "problem": {"code": problem.code, "message": problem.message, "hint": problem.hint} if problem else None,
        "steps": [_step(one) for one in done.reports],
    }


def _step(one: StepReport) -> dict[str, Any]:
    return {
        "id": one.definition.id,
        "title": one.definition.title,
        "state": one.state.value,
        "summary": one.summary,
        "duration_ms": one.duration_ms,
        "attempts": one.attempts,
        "undo": one.definition.undo,
    }
