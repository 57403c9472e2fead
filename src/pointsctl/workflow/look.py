"""One item, looked at once: whatever happens inside becomes an observation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pointsctl.checks.interface import NO_BACKUPS, NO_FUNCTIONS, Backups, Check, Functions, World
from pointsctl.errors import PointsctlError, RefusedError, UsageError
from pointsctl.model.checklist import Item
from pointsctl.model.configuration import Environment, Without
from pointsctl.model.deployment import Deployment
from pointsctl.model.finding import Finding, JsonValue, Observation, Outcome
from pointsctl.model.history import History
from pointsctl.postgres.database import Database
from pointsctl.workflow.cancellation import TimeLimit

_NOT_FOR_CHECKS = {Outcome.WAIVED}


@dataclass(frozen=True)
class Place:
    """An environment as one item sees it; `failure` stands in for an environment that cannot be used.

    `target` is the deployment's target when this place is another environment: what is proven at staging is no proof
    when staging turns out to be production.
    """

    name: str
    environment: Environment | None
    variables: Mapping[str, str]
    database: Database | None
    failure: PointsctlError | None = None
    target: Database | None = None
    target_functions_url: str = ""


@dataclass(frozen=True)
class Known:
    """What the target's ledger says; both give None where it has no ledger, and raise where it cannot be read."""

    history: Callable[[], History | None]
    deployment: Callable[[], Deployment | None]


UNKNOWN = Known(lambda: None, lambda: None)
"""Nothing is known: there is no ledger."""


@dataclass(frozen=True)
class Look:
    """Everything that one look is given."""

    item: Item
    check: Check
    place: Place
    directory: Path
    now: datetime
    limit: TimeLimit
    findings: Mapping[str, Finding]
    references: tuple[str, ...]
    target: str = ""
    definition: str = ""
    known: Known = UNKNOWN
    without: tuple[Without, ...] = ()
    backups: Backups = NO_BACKUPS
    functions: Functions = NO_FUNCTIONS


@dataclass(frozen=True)
class Seen:
    """An observation and the identity of what was looked at (empty when no database was asked)."""

    observation: Observation
    looked_at: Mapping[str, JsonValue]


def look(task: Look) -> Seen:
    """Carry out one look. Never raises: every exception becomes `error` with its cause."""
    asked: list[Database] = []
    try:
        observation = _checked(task, _observed(task, asked))
    except PointsctlError as error:
        observation = Observation.error(error.message, hint=error.hint, evidence={"cause": error.code})
    except BaseException as error:  # noqa: BLE001  (a third party's check may raise anything, SystemExit included)
        cause = type(error).__name__
        text = " ".join(str(error).split())[:200]
        observation = Observation.error(
            f"the check failed with {cause}{': ' if text else ''}{text}",
            hint="this is a defect of the check or of its parameters; report it with `pointsctl check show`",
            evidence={"cause": cause},
        )
    if task.limit.requested:
        observation = _stopped(task, observation)
    return Seen(observation, _identity(asked))


def _observed(task: Look, asked: list[Database]) -> Observation:
    if task.place.failure is not None and task.check.needs_environment:
        raise task.place.failure
    return task.check.look(_world(task, asked))


def _world(task: Look, asked: list[Database]) -> World:
    return World(
        item=task.item,
        environment=task.place.name,
        variables=task.place.variables,
        directory=task.directory,
        now=task.now,
        timeout=task.item.timeout,
        cancellation=task.limit,
        database=_opener(task.place, asked),
        functions_url=task.place.environment.functions_url if task.place.environment else "",
        target_functions_url=task.place.target_functions_url,
        findings=task.findings,
        references=task.references,
        deployment=task.known.deployment,
        without=task.without,
        target=task.target,
        history=task.known.history,
        definition=task.definition,
        backups=task.backups,
        functions=task.functions,
    )


def _opener(place: Place, asked: list[Database]) -> Callable[[], Database]:
    def database() -> Database:
        if place.failure is not None:
            raise place.failure
        if place.database is None:
            raise UsageError(f"environment {place.name!r} has no database", hint="set its database_url")
        asked.append(place.database)
        if place.target is not None:
            _refuse_same(place.name, place.database, place.target)
        return place.database

    return database


def _refuse_same(name: str, database: Database, target: Database) -> None:
    """Raises RefusedError when `at` leads back to the target, by identity and whatever the URLs say."""
    here, there = database.identity(), target.identity()
    if here.same_database(there):
        raise RefusedError(
            f"environment {name!r} is the same database as the target: {here.database!r} (oid {here.database_oid})",
            hint=f"point {name}'s database_url to a database of its own; what is shown there would prove nothing here",
        )


def _checked(task: Look, observation: object) -> Observation:
    """Closed by default: a pass that says nothing of what it saw is no pass, and only people waive."""
    if not isinstance(observation, Observation) or observation.outcome in _NOT_FOR_CHECKS:
        return Observation.error(
            f"kind {task.item.kind!r} gave no valid observation", hint="this is a defect of the kind; report it"
        )
    if observation.outcome is Outcome.PASS and not observation.observed:
        return Observation.error(
            f"kind {task.item.kind!r} passed without saying what it saw", hint="this is a defect of the kind; report it"
        )
    return observation


def _stopped(task: Look, observation: Observation) -> Observation:
    """Whatever a check says after it was told to stop, it did not look to the end."""
    hint = "raise the item's `timeout`, or look for what makes it slow" if task.limit.over else "run again"
    evidence: dict[str, JsonValue] = {"cause": "took-too-long", "before": observation.summary}
    return Observation.error(task.limit.reason, hint=hint, evidence=evidence)


def _identity(asked: list[Database]) -> Mapping[str, JsonValue]:
    for database in asked:
        known = database.known_identity
        if known is not None:
            return known.as_json()
    return {}
