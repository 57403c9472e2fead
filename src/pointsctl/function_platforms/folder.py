"""Platform `folder`: functions lie in a folder, version beside version, for whatever runs them on this machine."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pointsctl.errors import ContextMissingError, CouldNotLookError, StorageError, UsageError
from pointsctl.files import write_private
from pointsctl.function_platforms.interface import Platform, ProjectDatabase
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import Functions
from pointsctl.model.deployed_function import ACTIVE, ERROR, DeployedFunction, LogLine
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres.connection import connect
from pointsctl.postgres.identity import identify

DATABASE_FILE = "database-url"
"""In the project's folder: the address of the database that its functions work with."""

LOG_FILE = "log"
"""In the project's folder: JSON Lines of `at`, `function`, `level`, `message`."""

_FUNCTIONS = Path("supabase/functions")
_SETTINGS = Path("supabase/config.toml")
_INDEX = "deployed.json"
_LEVELS = ("debug", "info", "warning", ERROR)


@dataclass(frozen=True)
class Folder(Platform):
    """The project in the folder `root`. What is deployed of a function is in `root/<name>/<version>`."""

    root: Path

    @classmethod
    def open(cls, settings: Functions, project: str, variables: Mapping[str, str], directory: Path) -> Self:  # noqa: ARG003 (nothing is configured)
        """`project` is the folder's path, which counts from the checklist's folder."""
        return cls(directory / project)

    def refuse(self, cancellation: Cancellation) -> None:
        """Raises UsageError when there is no such folder."""
        stop_if_over(cancellation, "looking at the functions")
        if not self.root.is_dir():
            raise UsageError(
                f"the functions' folder {self.root} does not exist", hint="make it, or correct the project"
            )

    def database(self, cancellation: Cancellation) -> ProjectDatabase | None:
        """The database of `database-url`, asked itself; None without that file."""
        stop_if_over(cancellation, "asking the project's database who it is")
        path = self.root / DATABASE_FILE
        if not path.is_file():
            return None
        with _reading("the database's address"), connect(path.read_text(encoding="utf-8").strip()) as connection:
            found = identify(connection)
        return ProjectDatabase(
            found.system_identifier, found.database_oid, found.database, server_started_at=found.server_started_at
        )

    def list(self, cancellation: Cancellation) -> tuple[DeployedFunction, ...]:
        """What the index names."""
        stop_if_over(cancellation, "listing the functions")
        return tuple(
            DeployedFunction(
                name, str(one["version"]), ACTIVE, one["sha256"], datetime.fromisoformat(one["updated_at"])
            )
            for name, one in sorted(self._index().items())
        )

    def deploy(self, name: str, folder: Path, cancellation: Cancellation) -> None:
        """Copy the function and what it may import beside the versions before; the index names it last."""
        stop_if_over(cancellation, f"deploying {name}")
        index = self._index()
        version = int(index.get(name, {"version": 0})["version"]) + 1
        place = self.root / name / str(version)
        with _reading("the function"):
            (self.root / name).mkdir(mode=0o700, exist_ok=True)
            # A version that a kill left unfinished is in no index.
            shutil.rmtree(place, ignore_errors=True)
            partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.root / name))
            for source in _sources(folder, name):
                target = partial / source.relative_to(folder)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(source, target)
            partial.rename(place)
            stop_if_over(cancellation, f"deploying {name}")
            updated_at = datetime.fromtimestamp(place.stat().st_mtime).astimezone().isoformat()
        index[name] = {"version": version, "sha256": _digest(place), "updated_at": updated_at}
        write_private(self.root / _INDEX, json.dumps(index))

    def delete(self, name: str, cancellation: Cancellation) -> None:
        """Take it out of the index, then away."""
        stop_if_over(cancellation, f"deleting {name}")
        index = self._index()
        if name not in index:
            raise ContextMissingError(f"there is no function {name!r}", hint="see `pointsctl functions list`")
        del index[name]
        write_private(self.root / _INDEX, json.dumps(index))
        shutil.rmtree(self.root / name, ignore_errors=True)

    def save(self, name: str, folder: Path, cancellation: Cancellation) -> bool:
        """Copy what is deployed."""
        stop_if_over(cancellation, f"fetching {name}")
        found = self._index().get(name)
        if found is None:
            raise ContextMissingError(f"there is no function {name!r}", hint="see `pointsctl functions list`")
        with _reading("the function"):
            shutil.copytree(self.root / name / str(found["version"]), folder, dirs_exist_ok=True)
        return True

    def logs(self, since: datetime, until: datetime, cancellation: Cancellation) -> tuple[LogLine, ...] | None:
        """The lines of the file `log`; None without one."""
        stop_if_over(cancellation, "reading the functions' log")
        path = self.root / LOG_FILE
        if not path.is_file():
            return None
        with _reading("the functions' log"):
            rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines() if row.strip()]
            lines = [_line(row) for row in rows]
        return tuple(sorted((one for one in lines if since <= one.at <= until), key=lambda one: one.at))

    def _index(self) -> dict[str, Any]:
        path = self.root / _INDEX
        with _reading("the list of functions"):
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found


def _sources(folder: Path, name: str) -> Iterator[Path]:
    """The function's own files, those that every function can import, and the settings."""
    functions = folder / _FUNCTIONS
    shared = [one for one in functions.iterdir() if one.is_file() or one.name.startswith("_")]
    for place in (functions / name, *shared, folder / _SETTINGS):
        yield from (one for one in (place, *place.rglob("*")) if one.is_file())


def _digest(place: Path) -> str:
    files = sorted(one for one in place.rglob("*") if one.is_file())
    digests = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.relative_to(place).as_posix()}" for one in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _line(row: Any) -> LogLine:
    level = str(row["level"]).lower()
    # A level that nobody knows may be the worst one.
    return LogLine(
        datetime.fromisoformat(row["at"]), row["function"], level if level in _LEVELS else ERROR, str(row["message"])
    )


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"{what} cannot be read or written: {reason}", hint="see the project's folder") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise CouldNotLookError(f"{what} is not as expected", hint="see the project's folder") from None
