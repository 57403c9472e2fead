"""Platform `command`: programs of the checklist's choice speak to the platform, without a shell and with few variables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pointsctl import process
from pointsctl.errors import ContextMissingError, CouldNotLookError, RefusedError, UsageError
from pointsctl.function_platforms.interface import Platform, ProjectDatabase
from pointsctl.limited import Limited
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.canonical import utc_text
from pointsctl.model.configuration import FunctionCommands, Functions
from pointsctl.model.deployed_function import ACTIVE, ERROR, DeployedFunction, LogLine, listed
from pointsctl.model.escape import plain
from pointsctl.model.redaction import redact, secret_values
from pointsctl.model.strict_json import JsonError, parse

_ALWAYS_PASSED = ("PATH", "HOME", "LANG")
_LEVELS = ("debug", "info", "warning", ERROR)
_EXCERPT = 200


@dataclass(frozen=True)
class Command(Platform):
    """The project `project`, spoken to with the programs of `settings.commands`, which run in the folder `directory`."""

    settings: Functions
    project: str
    variables: Mapping[str, str] = field(repr=False)
    directory: Path

    @classmethod
    def open(cls, settings: Functions, project: str, variables: Mapping[str, str], directory: Path) -> Self:
        """Nothing is looked at yet."""
        return cls(settings, project, variables, directory)

    def refuse(self, cancellation: Cancellation) -> None:
        """Raises when a program that deploying needs is not configured, a variable is not set, or a secret would be seen."""
        del cancellation
        for what, argv in (("deploy", self._commands.deploy), ("list", self._commands.list)):
            self._require(what, argv)
        self._environment()

    def database(self, cancellation: Cancellation) -> ProjectDatabase | None:
        """Nobody knows how to ask."""
        del cancellation
        return None

    def list(self, cancellation: Cancellation) -> tuple[DeployedFunction, ...]:
        """What the program prints: a JSON list of objects with `name`, `version`, and perhaps `status` and `sha256`."""
        text = self._run("list", self._commands.list, {}, cancellation)
        try:
            return listed([_function(one) for one in parse(text)])
        except (JsonError, AttributeError, KeyError, TypeError, ValueError):
            raise _unexpected("list", 'a JSON list of {"name", "version"}') from None

    def deploy(self, name: str, folder: Path, cancellation: Cancellation) -> None:
        """Run the program that deploys one function."""
        self._run("deploy", self._commands.deploy, {"function": name, "folder": str(folder)}, cancellation)

    def delete(self, name: str, cancellation: Cancellation) -> None:
        """Run the program that deletes one."""
        if name not in {one.name for one in self.list(cancellation)}:
            raise ContextMissingError(
                f"there is no function {plain(name, 60)!r}", hint="see `pointsctl functions list`"
            )
        self._run("delete", self._commands.delete, {"function": name}, cancellation)

    def save(self, name: str, folder: Path, cancellation: Cancellation) -> bool:
        """Run the program that writes what is deployed; False where none is configured."""
        if not self._commands.save:
            return False
        self._run("save", self._commands.save, {"function": name, "folder": str(folder)}, cancellation)
        return True

    def logs(self, since: datetime, until: datetime, cancellation: Cancellation) -> tuple[LogLine, ...] | None:
        """What the program prints of that time, one JSON object a line; None where none is configured."""
        if not self._commands.logs:
            return None
        text = self._run(
            "logs", self._commands.logs, {"since": utc_text(since), "until": utc_text(until)}, cancellation
        )
        try:
            lines = [_line(parse(row)) for row in text.splitlines() if row.strip()]
        except (JsonError, AttributeError, KeyError, TypeError, ValueError):
            raise _unexpected("logs", 'JSON Lines of {"at", "function", "level", "message"}') from None
        return tuple(sorted((one for one in lines if since <= one.at <= until), key=lambda one: one.at))

    @property
    def _commands(self) -> FunctionCommands:
        return self.settings.commands

    def _run(self, what: str, argv: Sequence[str], values: Mapping[str, str], cancellation: Cancellation) -> str:
        """What the program prints. Raises CouldNotLookError when it fails, without what it printed beyond one line."""
        self._require(what, argv)
        environment = self._environment()
        filled = [_filled(argument, {**values, "project": self.project}) for argument in argv]
        finished = process.run(
            filled,
            directory=self.directory,
            environment=environment,
            cancellation=Limited(cancellation, self.settings.timeout.total_seconds()),
        )
        if finished.exit_code != 0:
            said = _last_line(finished.stderr.tail, secret_values(self.variables, self._commands.pass_variables))
            message = f"the program of `functions.commands.{what}` ended with {finished.exit_code}, expected 0{said}"
            raise CouldNotLookError(message, hint=f"run {plain(argv[0], 60)!r} by hand to see why")
        if not finished.stdout.complete:
            raise _unexpected(what, f"at most {process.HEAD_BYTES:,} bytes")
        return finished.stdout.head.decode("utf-8", "replace")

    def _require(self, what: str, argv: Sequence[str]) -> None:
        if not argv:
            message = f"`functions.commands.{what}` is not set, and the platform is `command`"
            raise UsageError(message, hint="name the program and its arguments in the checklist")
        secrets = secret_values(self.variables, self._commands.pass_variables)
        if any(redact(argument, secrets) != argument for argument in argv):
            message = f"`functions.commands.{what}` holds a secret, which everybody on this machine could read"
            raise RefusedError(message, hint="let the program read it from a variable named in `pass_variables`")

    def _environment(self) -> dict[str, str]:
        missing = [name for name in self._commands.pass_variables if name not in self.variables]
        if missing:
            message = f"variables to pass that are not set: {', '.join(missing)}"
            raise UsageError(message, hint="set them, or take them out of `functions.commands.pass_variables`")
        passed = (*_ALWAYS_PASSED, *self._commands.pass_variables)
        return {"PATH": os.defpath, **{name: self.variables[name] for name in passed if name in self.variables}}


def _filled(argument: str, values: Mapping[str, str]) -> str:
    """The argument with its placeholders replaced; what a value holds is not looked at again."""
    parts = argument.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, closed, rest = part.partition("}")
        filled.append(f"{values[name]}{rest}" if closed and name in values else f"{{{part}")
    return "".join(filled)


def _function(one: Any) -> DeployedFunction:
    sha256 = one.get("sha256")
    return DeployedFunction(
        name=str(one["name"]),
        version=str(one["version"]),
        status=str(one.get("status", ACTIVE)),
        sha256=None if sha256 is None else str(sha256),
    )


def _line(one: Any) -> LogLine:
    at = datetime.fromisoformat(one["at"])
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    level = str(one["level"]).lower()
    # A level that nobody knows may be the worst one.
    return LogLine(at, str(one["function"]), level if level in _LEVELS else ERROR, str(one["message"]))


def _last_line(tail: bytes, secrets: frozenset[str]) -> str:
    lines = redact(tail.decode("utf-8", "replace"), secrets).strip().splitlines()
    return f": {plain(lines[-1], _EXCERPT)}" if lines else ""


def _unexpected(what: str, expected: str) -> CouldNotLookError:
    message = f"the program of `functions.commands.{what}` printed something else than expected: {expected}"
    return CouldNotLookError(message, hint="run it by hand to see what it prints")
