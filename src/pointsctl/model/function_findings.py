"""What a checklist's items say of edge functions: deployed, their logs watched, no errors lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pointsctl.model.ages import minute
from pointsctl.model.canonical import utc_text
from pointsctl.model.deployed_function import ERROR, DeployedFunction, LogLine
from pointsctl.model.duration import format_duration
from pointsctl.model.escape import plain
from pointsctl.model.finding import JsonValue, Observation
from pointsctl.model.function_records import RecordedFunction, WatchedData
from pointsctl.model.function_state import FunctionState, KnownFunction, known_functions, last_deployment
from pointsctl.model.history import History
from pointsctl.model.plan import Absent

_SHOWN = 5
_LONGEST_LINE = 200
_SETTLED = timedelta(minutes=2)
"""So long after its deployment a watch may have begun: deploying several functions takes a moment."""
_STATES = {
    FunctionState.FOREIGN: "runs what pointsctl did not deploy",
    FunctionState.INACTIVE: "is not active",
    FunctionState.MISSING: "is not deployed",
}


@dataclass(frozen=True)
class FunctionsAsked:
    """The functions that the items are about: `names` of the checklist, in the `project` of the environment `target`."""

    names: tuple[str, ...]
    project: str
    target: str

    def deploy(self) -> str:
        """The command that deploys them."""
        return f"pointsctl functions deploy --env {self.target}"

    def watch(self) -> str:
        """The command that watches their logs."""
        return f"pointsctl functions watch --env {self.target}"


def deployed(asked: FunctionsAsked, history: History, listed: Sequence[DeployedFunction]) -> Observation:
    """Each function runs, in the version that pointsctl deployed, from the bytes of the newest plan."""
    known = known_functions(asked.names, listed, history.functions, asked.project)
    ours = [one for one in known if one.name in asked.names]
    problems = [f"{one.name} {_STATES[one.state]}" for one in ours if one.state in _STATES]
    problems += _unplanned(ours, history)
    evidence: dict[str, JsonValue] = {"project": asked.project, "functions": [_row(one) for one in ours]}
    good = sum(one.state is FunctionState.DEPLOYED for one in ours)
    observed, expected = f"{good} of {len(ours)} functions run what was recorded", f"{len(ours)} of {len(ours)}"
    if not ours:
        return Observation.error("the checklist names no function", hint="list them in `functions.names`")
    if not any(one.last for one in ours):
        summary = f"waits for the functions: {'; '.join(problems[:_SHOWN])}"
        return Observation.pending(summary, expected=expected, hint=asked.deploy(), evidence=evidence)
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        summary = f"{'; '.join(problems[:_SHOWN])}{more}"
        return Observation.failed(summary, observed=observed, expected=expected, hint=asked.deploy(), evidence=evidence)
    return Observation.passed(observed, observed=observed, expected=expected, evidence=evidence)


def _unplanned(ours: Sequence[KnownFunction], history: History) -> list[str]:
    planned = history.plan.plan.content.functions if history.plan else None
    if planned is None or isinstance(planned, Absent):
        return []
    bundles = {one.name: one.sha256 for one in planned}
    return [
        f"{one.name} was deployed from other files than the plan's"
        for one in ours
        if one.last and bundles.get(one.name) != one.last.data.bundle
    ]


def _row(one: KnownFunction) -> JsonValue:
    return {
        "name": one.name,
        "state": one.state.value,
        "version": one.listed.version if one.listed else None,
        "bundle": one.last.data.bundle if one.last else None,
        "record": one.last.record.seq if one.last else None,
    }


def logs_watched(asked: FunctionsAsked, recorded: Sequence[RecordedFunction], least: timedelta) -> Observation:
    """The logs were watched from the newest deployment on, for at least so long, and there was no error."""
    expected = f"{format_duration(least)} without an error after the newest deployment"
    last = [one for name in asked.names if (one := last_deployment(recorded, asked.project, name))]
    if len(last) < len(asked.names) or not last:
        return Observation.pending("waits for the functions", expected=expected, hint=asked.deploy())
    since = max(one.record.recorded_at for one in last)
    watches = [one.data for one in recorded if isinstance(one.data, WatchedData) and _is_of(one.data, asked, since)]
    long_enough = [one for one in watches if one.until - one.since >= least]
    if not long_enough:
        waits = f"the logs were not watched for {format_duration(least)} since {minute(since)}"
        return Observation.pending(waits, expected=expected, hint=asked.watch())
    errors = max(one.errors for one in watches)
    newest = long_enough[-1]
    observed = f"{newest.lines:,} lines, {_errors(errors)}, {minute(newest.since)} to {minute(newest.until)}"
    evidence: dict[str, JsonValue] = {
        "since": utc_text(newest.since),
        "until": utc_text(newest.until),
        "lines": newest.lines,
        "errors": errors,
        "errors_by_function": dict(newest.errors_by_function),
    }
    if errors:
        hint = "see the errors on the platform; mend them, deploy again, and watch again"
        return Observation.failed(
            f"{_errors(errors)} in the functions' logs",
            observed=observed,
            expected=expected,
            hint=hint,
            evidence=evidence,
        )
    return Observation.passed(f"no errors: {observed}", observed=observed, expected=expected, evidence=evidence)


def _is_of(watch: WatchedData, asked: FunctionsAsked, since: datetime) -> bool:
    return (
        watch.project == asked.project
        and set(asked.names) <= set(watch.functions)
        and abs(watch.since - since) <= _SETTLED
    )


def no_errors(asked: FunctionsAsked, lines: Sequence[LogLine], since: datetime, until: datetime) -> Observation:
    """No line of the logs tells of a failure; logs without a line are no sign that all is well."""
    errors = [one for one in lines if one.level == ERROR]
    expected = "no error, and at least one line"
    observed = f"{len(lines):,} lines, {_errors(len(errors))}, {minute(since)} to {minute(until)}"
    by_function = Counter(plain(one.function, 60) for one in errors)
    evidence: dict[str, JsonValue] = {
        "project": asked.project,
        "since": utc_text(since),
        "until": utc_text(until),
        "lines": len(lines),
        "errors_by_function": dict(by_function),
        "errors": [
            f"{utc_text(one.at)} {plain(one.function, 60)}: {plain(one.message, _LONGEST_LINE)}"
            for one in errors[:_SHOWN]
        ],
    }
    if errors:
        told = ", ".join(f"{name} {count:,}" for name, count in by_function.most_common(_SHOWN))
        hint = "see them in the evidence and on the platform; hold the rollout until they are explained"
        return Observation.failed(
            f"{_errors(len(errors))} in the functions' logs: {told}",
            observed=observed,
            expected=expected,
            hint=hint,
            evidence=evidence,
        )
    if not lines:
        hint = "see whether anybody calls the functions, and whether their logs arrive"
        return Observation.pending("the functions' logs are empty, which shows nothing", expected=expected, hint=hint)
    return Observation.passed(observed, observed=observed, expected=expected, evidence=evidence)


def _errors(count: int) -> str:
    return "1 error" if count == 1 else f"{count:,} errors"
