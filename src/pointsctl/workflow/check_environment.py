"""Use case: execute a selection of a loaded checklist against one environment (preflight, run and check run are this)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pointsctl.checks.interface import Backups
from pointsctl.errors import PointsctlError, RefusedError
from pointsctl.model.checklist import Item
from pointsctl.model.configuration import Environment
from pointsctl.model.redaction import secret_values
from pointsctl.model.redactor import Redactor
from pointsctl.model.run import Run
from pointsctl.model.selection import Selection
from pointsctl.model.waiver import Waiver, waivers_for
from pointsctl.postgres.connection import password_of
from pointsctl.postgres.database import Database
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.look import UNKNOWN, Known, Place
from pointsctl.workflow.look_at_functions import functions_of
from pointsctl.workflow.look_at_store import StoreToLookAt, looking_once
from pointsctl.workflow.observer import Observer
from pointsctl.workflow.run_items import Request, run_items


@dataclass(frozen=True)
class Surroundings:
    """What the command line knows and hands down: variables, clocks, how many at once, whether to stop.

    `built_in` holds the environments that exist without configuration (the running sandbox's).
    """

    variables: Mapping[str, str]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    new_id: Callable[[], str]
    built_in: Mapping[str, Environment] = field(default_factory=dict)
    interrupted: Callable[[], bool] = lambda: False
    jobs: int = 4


def check_environment(
    loaded: Loaded,
    selection: Selection,
    environment: str,
    surroundings: Surroundings,
    observer: Observer | None = None,
    known: Known = UNKNOWN,
    *,
    ask_all: bool = False,
) -> Run:
    """Execute `selection` against `environment` and return the run; `known` is what the environment's ledger says;
    `ask_all` asks an item although its needs are not satisfied.

    Raises UsageError or ChecklistError (before anything is looked at) when the environment cannot be used.
    """
    places = Places(loaded, environment, surroundings)
    try:
        request = Request(
            run_id=surroundings.new_id(),
            selection=selection,
            environment=environment,
            checklist_sha256=loaded.sha256,
            directory=loaded.directory,
            checks=loaded.checks,
            references=loaded.references,
            sections=_sections(loaded),
            place=places.of,
            redactor=Redactor(places.secrets()),
            clock=surroundings.clock,
            monotonic=surroundings.monotonic,
            interrupted=surroundings.interrupted,
            jobs=surroundings.jobs,
            known=known,
            definitions=loaded.definitions,
            waivers=_waivers(loaded, selection, known),
            ask_all=ask_all,
            without=places.target.without,
            backups=_backups(loaded, environment, places.target),
            functions=functions_of(loaded, environment, places.target, surroundings.variables),
        )
        return run_items(request, observer)
    finally:
        places.close()


def _sections(loaded: Loaded) -> dict[str, str]:
    """The section of each item."""
    sections = [section for phase in loaded.checklist.phases for section in phase.sections]
    return {item.id: section.id for section in sections for item in section.walk()}


def _backups(loaded: Loaded, name: str, target: Environment) -> Backups:
    settings = loaded.checklist.backup
    at = StoreToLookAt(loaded.checklist.store_of(target), name, settings.retention)
    return Backups(settings.fresh_for, settings.retention, target.protected, looking_once(at))


def _waivers(loaded: Loaded, selection: Selection, known: Known) -> Mapping[str, Waiver]:
    """Those that count; none where the ledger cannot be read, which the items that ask it will say."""
    items = {item.id: item for item in selection.items if not loaded.checks[item.id].never_waived}
    try:
        return waivers_for(items, loaded.definitions, known.history())
    except PointsctlError:
        return {}


class Places:
    """The environments of one run: the target, and those that items look at instead (`at`). One database for each."""

    def __init__(self, loaded: Loaded, target: str, surroundings: Surroundings) -> None:
        self._loaded = loaded
        self._surroundings = surroundings
        self._target = target
        self._target_environment = self._find(target)
        self._places: dict[str, Place] = {}
        self._places[target] = self._place(target, self._target_environment)
        for item in loaded.checklist.walk():
            if item.at:
                self._add(self._name_at(item.at))

    @property
    def target(self) -> Environment:
        """The deployment's target."""
        return self._target_environment

    def of(self, item: Item) -> Place:
        """Where the item looks."""
        if not item.at:
            return self._places[self._target]
        name = self._name_at(item.at)
        if name == self._target != item.at:
            message = f"`at: {item.at}` leads back to the target {name!r}"
            refused = RefusedError(
                message, hint="give it an environment of its own; the target proves nothing about itself"
            )
            return Place(name, None, self._surroundings.variables, None, refused)
        return self._places[name]

    def secrets(self) -> frozenset[str]:
        """Every value that must not be shown: passwords in URLs, variables called secret by a check or by their name."""
        names = {name for check in self._loaded.checks.values() for name in check.secret_variables()}
        found: set[str] = set()
        for place in self._places.values():
            found |= secret_values(place.variables, names)
            if place.environment:
                found |= secret_values({"PASSWORD": password_of(place.environment.database_url)})
        return frozenset(found)

    def close(self) -> None:
        """Close every database that was opened."""
        for place in self._places.values():
            if place.database:
                place.database.close()

    def _name_at(self, name: str) -> str:
        return self._target_environment.at.get(name, name)

    def _add(self, name: str) -> None:
        if name in self._places:
            return
        try:
            self._places[name] = self._place(name, self._find(name))
        except PointsctlError as error:
            # The target must be usable; another environment that is not makes only the items that look at it errors.
            self._places[name] = Place(name, None, self._surroundings.variables, None, error)

    def _find(self, name: str) -> Environment:
        return self._surroundings.built_in.get(name) or self._loaded.environment(name)

    def _place(self, name: str, environment: Environment) -> Place:
        password_of(environment.database_url)  # an unreadable URL is a usage error before anything is looked at
        variables = {**self._surroundings.variables, **environment.variables}
        target = self._places[self._target].database if self._places else None
        functions = self._target_environment.functions_url if self._places else ""
        return Place(name, environment, variables, Database(environment.database_url), None, target, functions)
