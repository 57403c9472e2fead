"""Use case: look at the functions of an environment for the items of its checklist; the platform is opened when one asks."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from pointsctl import kinds
from pointsctl.checks.interface import Functions
from pointsctl.function_platforms.interface import Platform
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import Environment
from pointsctl.model.deployed_function import DeployedFunction, LogLine
from pointsctl.model.function_project import project_of
from pointsctl.workflow.load_checklist import Loaded


def functions_of(loaded: Loaded, name: str, environment: Environment, variables: Mapping[str, str]) -> Functions:
    """What items are given of the functions of the environment `name`; nothing is opened yet."""
    looking = _Looking(loaded, name, environment, variables)
    settings = loaded.checklist.functions
    return Functions(settings.names, settings.watch_logs_for, looking.project, looking.listed, looking.logs)


@dataclass
class _Looking:
    loaded: Loaded
    name: str
    environment: Environment
    variables: Mapping[str, str]

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def project(self) -> str:
        """The project's name. Raises UsageError, RefusedError."""
        return project_of(self.loaded.checklist, self.name, self.environment)

    def listed(self, cancellation: Cancellation) -> tuple[DeployedFunction, ...]:
        """What the platform lists."""
        return self._opened().list(cancellation)

    def logs(self, since: datetime, until: datetime, cancellation: Cancellation) -> tuple[LogLine, ...] | None:
        """The lines of that time."""
        return self._opened().logs(since, until, cancellation)

    def _opened(self) -> Platform:
        with self._lock:
            return self._platform

    @cached_property
    def _platform(self) -> Platform:
        settings = self.loaded.checklist.functions
        opener: type[Platform] = kinds.load(
            "function_platforms", self.environment.functions_platform or settings.platform
        )
        return opener.open(settings, self.project(), self.variables, self.loaded.directory)
