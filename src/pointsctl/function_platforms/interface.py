"""What a platform of edge functions is: it deploys, lists and deletes them, gives back what is deployed, and shows its logs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import Functions


@dataclass(frozen=True)
class DeployedFunction:
    """A function as the platform lists it. `version` rises with every deployment; `sha256` is the platform's own digest of
    what it runs (None where it tells none); `status` is its word (`ACTIVE`).
    """

    name: str
    version: str
    status: str
    sha256: str | None = None
    updated_at: datetime | None = None
    verify_jwt: bool | None = None


@dataclass(frozen=True)
class LogLine:
    """A line of a function's log; `level` is one of debug, info, warning, error."""

    at: datetime
    function: str
    level: str
    message: str = field(repr=False)


class Platform(ABC):
    """Base of every platform. Raises pointsctl's errors: PermissionMissingError for a refused token, RefusedError, UsageError,
    ServerUnreachableError, TookTooLongError, ToolMissingError.
    """

    @classmethod
    @abstractmethod
    def open(cls, settings: Functions, project: str, variables: Mapping[str, str], directory: Path) -> Self:
        """The platform as the checklist in `directory` configures it. `project` is the environment's; a token comes from
        `variables`, the process environment, and from nowhere else.
        """

    @abstractmethod
    def refuse(self) -> None:
        """Raises when nothing could be deployed: the tool or the token is missing, the project is not the environment's."""

    @abstractmethod
    def list(self, cancellation: Cancellation) -> tuple[DeployedFunction, ...]:
        """Every function that is deployed, by name."""

    @abstractmethod
    def deploy(self, names: Sequence[str], cancellation: Cancellation) -> None:
        """Deploy the functions from the project's folder; what is there already is deployed again."""

    @abstractmethod
    def delete(self, name: str, cancellation: Cancellation) -> None:
        """Delete a function. Raises ContextMissingError when there is none."""

    @abstractmethod
    def save(self, name: str, folder: Path, cancellation: Cancellation) -> tuple[Path, ...]:
        """Write what is deployed under `name` into the empty folder, and give the files. Empty when the platform cannot."""

    @abstractmethod
    def logs(self, since: datetime, until: datetime, cancellation: Cancellation) -> tuple[LogLine, ...] | None:
        """The functions' log lines of that time, oldest first; None where no log can be read."""
