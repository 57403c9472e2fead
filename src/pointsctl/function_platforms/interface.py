"""What a platform of edge functions is: it deploys, lists and deletes them, gives back what is deployed, and shows its logs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import Functions
from pointsctl.model.deployed_function import DeployedFunction, LogLine

__all__ = ["DeployedFunction", "LogLine", "Platform", "ProjectDatabase"]


@dataclass(frozen=True)
class ProjectDatabase:
    """The database that a project works with, as its own server names it; `system_identifier` is None where it is hidden."""

    system_identifier: str | None
    database_oid: int
    database: str
    server_started_at: datetime


class Platform(ABC):
    """Base of every platform. Raises pointsctl's errors: PermissionMissingError for a refused token, RefusedError, UsageError,
    ServerUnreachableError, ConnectionLostError, TookTooLongError, ToolMissingError, CouldNotLookError for any other answer.

    The time of each call is limited by `functions.timeout`.
    """

    @classmethod
    @abstractmethod
    def open(cls, settings: Functions, project: str, variables: Mapping[str, str], directory: Path) -> Self:
        """The platform as the checklist in `directory` configures it. `project` is the environment's; a token comes from
        `variables`, the process environment, and from nowhere else.
        """

    @abstractmethod
    def refuse(self, cancellation: Cancellation) -> None:
        """Raises when nothing could be deployed: the tool or the token is missing, the project is no name of one."""

    @abstractmethod
    def database(self, cancellation: Cancellation) -> ProjectDatabase | None:
        """The database of the project, asked through the platform; None where the platform does not let it be asked."""

    @abstractmethod
    def list(self, cancellation: Cancellation) -> tuple[DeployedFunction, ...]:
        """Every function that is deployed, by name."""

    @abstractmethod
    def deploy(self, name: str, folder: Path, cancellation: Cancellation) -> None:
        """Deploy a function from `folder`, in which files are where they are beside the checklist
        (`supabase/functions/<name>/...`, `supabase/config.toml`); what is there already is deployed again.
        """

    @abstractmethod
    def delete(self, name: str, cancellation: Cancellation) -> None:
        """Delete a function. Raises ContextMissingError when there is none."""

    @abstractmethod
    def save(self, name: str, folder: Path, cancellation: Cancellation) -> bool:
        """Write what is deployed under `name` into the empty folder, each file where it would be beside the checklist.

        False when the platform gives nothing back.
        """

    @abstractmethod
    def logs(self, since: datetime, until: datetime, cancellation: Cancellation) -> tuple[LogLine, ...] | None:
        """The functions' log lines of that time, oldest first; None where no log can be read."""
