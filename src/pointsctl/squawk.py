"""Runs squawk, the linter of PostgreSQL migrations, with the settings that fit how pointsctl applies them."""

from __future__ import annotations

import json
import re
import shutil
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointsctl.errors import CouldNotLookError, StorageError, ToolMissingError, UsageError
from pointsctl.files import new_private_file
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.problems import shown
from pointsctl.process import Finished, run

INCLUDED = ("ban-drop-trigger",)
"""Rules that squawk asks only when told to."""

EXCLUDED = (
    # pointsctl sets both before every file, by `migrations.lock_timeout` and `migrations.statement_timeout`.
    "require-lock-timeout",
    "require-statement-timeout",
    # Each file is applied exactly once, whole or not at all, so none has to be written to run twice.
    "prefer-robust-stmts",
    # Nobody writes smallint without meaning it, and identifiers are looked at by prefer-bigint-over-int.
    "prefer-bigint-over-smallint",
    # What does not fit into a file's transaction is found by our own rules, which know how pointsctl applies it.
    "transaction-nesting",
    "ban-concurrent-index-creation-in-transaction",
)
"""Rules that are never asked; `migrations.lint.excluded_rules` names more."""

OLDEST_SERVER = 15
"""The server's major version that is assumed where no database is looked at: the oldest that pointsctl supports."""

_MAJOR = 2
_VERSION = re.compile(r"squawk ([0-9]+)\.[0-9.]+")
_RULE = re.compile(r"[a-z]+(-[a-z]+)*")
_INVALID_RULE = re.compile(r"invalid rule name ([a-z0-9-]+)")
_HINT = "install it with pointsctl: `pip install squawk-cli`"
_AT_ONCE = 100
# squawk is asked about a file of ours as well: when it finds nothing there, it has looked at nothing.
_CANARY = "canary.sql"
_CANARY_TEXT = b"drop database canary;\n"
_CANARY_RULE = "ban-drop-database"


@dataclass(frozen=True)
class SquawkFile:
    """A file to be looked at. `alone`: one statement that runs outside of transactions, and so without one around it."""

    content: bytes
    alone: bool


@dataclass(frozen=True)
class SquawkFinding:
    """What squawk says: `file` is the position of the file in what it was given, line and column count from 1."""

    file: int
    line: int
    column: int
    rule: str
    message: str
    help: str


class Squawk:
    """The program, found once. `search_path` has the form of PATH."""

    def __init__(self, search_path: str, cancellation: Cancellation) -> None:
        """Raises ToolMissingError: not installed, or of a version whose answers nobody has tried."""
        beside = sysconfig.get_path("scripts")
        program = shutil.which("squawk", path=beside) or shutil.which("squawk", path=search_path)
        if program is None:
            raise ToolMissingError("squawk is not installed, so nobody has looked at the migrations", hint=_HINT)
        self._program = program
        self._environment = {"PATH": search_path, "LC_ALL": "C", "HOME": "/nonexistent", "NO_COLOR": "1"}
        self._cancellation = cancellation
        self.version = self._probed()

    def look(
        self, files: Sequence[SquawkFile], *, server: int = OLDEST_SERVER, excluded: Sequence[str] = ()
    ) -> tuple[SquawkFinding, ...]:
        """What it finds in these files, whose texts must be UTF-8; `server` is the database's major version.

        A text that squawk cannot read gives only findings `syntax-error`. Raises UsageError (a rule that it does not know),
        CouldNotLookError (an answer that is none, or too long), StorageError.
        """
        found: list[SquawkFinding] = []
        for alone in (False, True):
            numbers = [number for number, file in enumerate(files) if file.alone == alone]
            for start in range(0, len(numbers), _AT_ONCE):
                some = {number: files[number].content for number in numbers[start : start + _AT_ONCE]}
                found += self._halved(some, self._flags(server, excluded, alone=alone))
        return tuple(found)

    def _probed(self) -> str:
        with tempfile.TemporaryDirectory(prefix="pointsctl-lint-") as folder:
            ended = self._run(["--version"], Path(folder))
        match = _VERSION.match(ended.stdout.head.decode("utf-8", "replace"))
        if match is None or int(match[1]) != _MAJOR:
            said = shown(ended.stdout.head.decode("utf-8", "replace").strip())
            raise ToolMissingError(f"{self._program} says {said}, expected squawk {_MAJOR}.x", hint=_HINT)
        return match[0].removeprefix("squawk ")

    def _flags(self, server: int, excluded: Sequence[str], *, alone: bool) -> list[str]:
        for rule in excluded:
            if not _RULE.fullmatch(rule):
                raise UsageError(f"{shown(rule)} is no rule of squawk", hint="correct `migrations.lint.excluded_rules`")
        return [
            "--reporter=json",
            f"--pg-version={server}.0",
            f"--exclude={','.join((*EXCLUDED, *excluded))}",
            f"--include={','.join(INCLUDED)}",
            *([] if alone else ["--assume-in-transaction"]),
        ]

    def _halved(self, files: Mapping[int, bytes], flags: Sequence[str]) -> list[SquawkFinding]:
        """The findings; asked in halves when the answer is longer than what is kept of one."""
        ended = self._asked(files, flags)
        if ended.stdout.complete:
            return self._read(ended, files)
        if len(files) == 1:
            message = "squawk's findings in one file take more than a MiB"
            raise CouldNotLookError(message, hint="split the file; pointsctl cannot show so many")
        numbers = list(files)
        halves = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
        return [one for half in halves for one in self._halved({number: files[number] for number in half}, flags)]

    def _asked(self, files: Mapping[int, bytes], flags: Sequence[str]) -> Finished:
        with tempfile.TemporaryDirectory(prefix="pointsctl-lint-") as name:
            folder = Path(name)
            # squawk looks for a configuration in every folder above, and takes what is in it without a word.
            texts = {".squawk.toml": b"", _CANARY: _CANARY_TEXT} | {
                _name(number): content for number, content in files.items()
            }
            try:
                for place, content in texts.items():
                    with new_private_file(folder / place) as file:
                        file.write(content)
            except OSError as error:
                reason = (error.strerror or "refused").lower()
                raise StorageError(f"cannot write into {folder}: {reason}", hint="make room in TMPDIR") from None
            named = [_CANARY, *(_name(number) for number in files)]
            return self._run(["--config=.squawk.toml", *flags, *named], folder)

    def _run(self, arguments: Sequence[str], folder: Path) -> Finished:
        return run(
            [self._program, *arguments],
            directory=folder,
            environment=self._environment,
            cancellation=self._cancellation,
        )

    def _read(self, ended: Finished, files: Mapping[int, bytes]) -> list[SquawkFinding]:
        unknown = _INVALID_RULE.search(ended.stderr.head.decode("utf-8", "replace"))
        if unknown:
            message = f"squawk {self.version} has no rule {unknown[1]!r}"
            raise UsageError(message, hint="correct `migrations.lint.excluded_rules`")
        numbers = {_name(number): number for number in files} | {_CANARY: -1}
        try:
            found = [_finding(one, numbers) for one in json.loads(ended.stdout.head)]
        except (ValueError, KeyError, TypeError):
            raise self._no_answer(ended) from None
        if not any(one.file < 0 and one.rule == _CANARY_RULE for one in found):
            raise self._no_answer(ended)
        return [one for one in found if one.file >= 0]

    def _no_answer(self, ended: Finished) -> CouldNotLookError:
        said = shown(ended.stderr.head.decode("utf-8", "replace").strip().partition("\n")[0], 200)
        message = f"squawk {self.version} ended with {ended.exit_code} and no answer that can be read: {said}"
        return CouldNotLookError(message, hint="nothing was looked at; install the squawk-cli that pointsctl asks for")


def _name(number: int) -> str:
    return f"{number:06}.sql"


def _finding(document: Mapping[str, Any], numbers: Mapping[str, int]) -> SquawkFinding:
    return SquawkFinding(
        file=numbers[document["file"]],
        line=int(document["line"]) + 1,
        column=int(document["column"]) + 1,
        rule=str(document["rule_name"]),
        message=str(document["message"]),
        help=str(document["help"] or ""),
    )
