"""Use case: what a run asks of its target's ledger before it begins, and the record that it leaves there afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pointsctl.errors import ContextMissingError, CouldNotLookError, PointsctlError
from pointsctl.ledger.condition import Condition
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.deployment import Deployment
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.run import Run
from pointsctl.model.run_document import recorded_document
from pointsctl.postgres.connection import password_of
from pointsctl.workflow.deployment import read_deployment
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.look import UNKNOWN, Known
from pointsctl.workflow.open_ledger import open_ledger

T = TypeVar("T")


@dataclass(frozen=True)
class RunLedger:
    """The ledger of a run's target. `ledger` is None where there is none or it cannot be read; `why` says so in a sentence,
    and `hint` what to do about it.
    """

    ledger: Ledger | None
    known: Known
    why: str = ""
    hint: str = ""


@contextmanager
def ledger_of_run(
    loaded: Loaded, name: str, environment: Environment, variables: Mapping[str, str]
) -> Iterator[RunLedger]:
    """The ledger of the environment `name`, read and checked before anything is looked at.

    An environment without a ledger, or one that cannot be read now, is looked at all the same, and nothing is recorded.
    Raises RefusedError for a ledger of another environment or database, or a damaged one, and UsageError for a URL that
    cannot be used.
    """
    password_of(environment.database_url)
    opened = _open(name, environment)
    if isinstance(opened, RunLedger):
        yield opened
        return
    with opened as ledger:
        try:
            known = _known(loaded, name, environment, ledger, variables)
        except CouldNotLookError as error:
            yield _unreadable(error)
            return
        yield RunLedger(ledger, known)


def record_run(ledger: Ledger, run: Run, applied_by: str) -> Record | None:
    """Append the run; None for one that was interrupted, which proves nothing. Raises what `Ledger.append` raises."""
    if run.interrupted:
        return None
    data = {"run": recorded_document(run)}
    return ledger.append(Draft(Kind.RUN_FINISHED, run.environment, applied_by, data, run=run.run_id))


def _open(name: str, environment: Environment) -> Ledger | RunLedger:
    try:
        with Ledger(environment.database_url) as ledger:
            condition = ledger.state().condition
        if condition is Condition.FOREIGN:
            # Somebody else's table of that name is no reason to look at nothing.
            return RunLedger(
                None, UNKNOWN, f"environment {name!r} has no ledger, but a table of its name", _install(name)
            )
        return open_ledger(name, environment)
    except ContextMissingError as error:
        return RunLedger(None, UNKNOWN, error.message, _install(name))
    except CouldNotLookError as error:
        return _unreadable(error)


def _install(name: str) -> str:
    return f"install it with `pointsctl init --env {name}`"


def _unreadable(error: PointsctlError) -> RunLedger:
    def fail() -> None:
        raise error

    return RunLedger(None, Known(fail, fail), error.message, error.hint)


def _known(loaded: Loaded, name: str, environment: Environment, ledger: Ledger, variables: Mapping[str, str]) -> Known:
    history = read_history(ledger, variables)

    def deployment() -> Deployment:
        return read_deployment(loaded, name, environment, ledger, variables)

    return Known(lambda: history, _once(deployment))


def _once(ask: Callable[[], T]) -> Callable[[], T]:
    """Asked by many items at the same time, answered once, with the same value or the same error."""
    lock = threading.Lock()
    answer: list[T | PointsctlError] = []

    def asked() -> T:
        with lock:
            if not answer:
                try:
                    answer.append(ask())
                except PointsctlError as error:
                    answer.append(error)
        found = answer[0]
        if isinstance(found, PointsctlError):
            raise found
        return found

    return asked
