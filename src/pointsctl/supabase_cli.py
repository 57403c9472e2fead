"""Runs the Supabase CLI: found, its version probed, quiet, in a private home, its errors told apart."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pointsctl.errors import CouldNotLookError, RefusedError, ToolMissingError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.process import Finished
from pointsctl.process import run as run_program

Version = tuple[int, int, int]

_NAME = "supabase"
_KNOWN: Final[tuple[tuple[Version, Version], ...]] = (((2, 122, 0), (3, 0, 0)), ((3, 0, 0), (4, 0, 0)))
_KNOWN_TOLD = "2.122 and later of 2, and 3"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
# Without a terminal, version 2 takes silence for consent and version 3 for refusal.
_ALWAYS = ("--yes", "--output-format", "json")
_QUIET = {
    "DO_NOT_TRACK": "1",
    "SUPABASE_TELEMETRY_DISABLED": "1",
    "SUPABASE_NO_UPDATE_NOTIFIER": "1",
    "LC_ALL": "C.UTF-8",
}
_SECRETS = ("PGPASSWORD", "SUPABASE_ACCESS_TOKEN")
_LONGEST_MESSAGE = 1200
_HINTS = {
    "DbConnectError": "check the environment's database_url, and that the server runs",
    "DbConfigParseUrlError": "check the environment's database_url",
    "DbPushApplyError": "correct the migration, then run again",
    "DbPushMissingLocalError": "the database has migrations that the project lacks: see `pointsctl migrate status`",
    "DbPushMissingRemoteError": "migrations are out of order: see `pointsctl migrate status`",
}
_ANY_HINT = "see what the Supabase CLI says; run again when it is mended"


class SupabaseCliError(CouldNotLookError):
    """The Supabase CLI could not do what it was asked; `cli_code` is its own `error.code`, "" when it gave none."""

    code = "supabase-cli"

    def __init__(self, message: str, *, hint: str = "", cli_code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.cli_code = cli_code


@dataclass(frozen=True)
class SupabaseCli:
    """The program, the PATH on which it finds Node.js, and its version, such as (3, 1, 0)."""

    program: str
    search_path: str
    version: Version


def find(variables: Mapping[str, str], directory: Path, cancellation: Cancellation) -> SupabaseCli:
    """The CLI in `node_modules/.bin` of `directory` or a folder above it, else on PATH of `variables`.

    Raises ToolMissingError, RefusedError for a version that is not known.
    """
    search_path = variables.get("PATH", "")
    program = _program(directory.absolute(), search_path)
    version = _version(program, search_path, cancellation)
    if not any(low <= version < high for low, high in _KNOWN):
        message = f"the Supabase CLI is version {'.'.join(map(str, version))}; known are {_KNOWN_TOLD}"
        raise RefusedError(message, hint="install a version that is known: `npm install supabase@3`")
    return SupabaseCli(program, search_path, version)


def run(
    cli: SupabaseCli,
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str],
    folder: Path,
    cancellation: Cancellation,
) -> dict[str, Any]:
    """The JSON document that the command prints. `arguments` are the words after `supabase`, without the flags for output and
    consent, which are added; `variables` is what it sees beside PATH and the quieting ones (a token, PGPASSWORD, ...);
    `folder` is its working directory, with `supabase/` in it.

    Raises SupabaseCliError with the CLI's `error.code`, StorageError, ToolMissingError, TookTooLongError,
    InterruptedByOperatorError.
    """
    done = _run(cli, (*arguments, *_ALWAYS), variables, folder, cancellation)
    document = _document(done)
    error = document.get("error") if document else None
    if done.exit_code == 0 and document is not None and error is None:
        return document
    code = str(error.get("code", "")) if isinstance(error, dict) else ""
    said = str(error.get("message", "")) if isinstance(error, dict) else ""
    said = said or done.stderr.tail.decode("utf-8", "replace").strip() or f"it ended with {done.exit_code}"
    command = " ".join(word for word in arguments[:2] if not word.startswith("-"))
    lines = "; ".join(line.strip() for line in _without(said, variables).splitlines() if line.strip(" ^\t"))
    message = f"`supabase {command}` failed: {plain(lines, _LONGEST_MESSAGE)}"
    raise SupabaseCliError(message, hint=_HINTS.get(code, _ANY_HINT), cli_code=plain(code, 80))


def _program(directory: Path, search_path: str) -> str:
    for folder in (directory, *directory.parents):
        local = folder / "node_modules" / ".bin" / _NAME
        if local.is_file():
            return str(local)
    found = shutil.which(_NAME, path=search_path)
    if found is None:
        message = f"the Supabase CLI is neither in node_modules beside {directory} nor on PATH"
        raise ToolMissingError(message, hint="install it: `npm install supabase@3`")
    return found


def _version(program: str, search_path: str, cancellation: Cancellation) -> Version:
    cli = SupabaseCli(program, search_path, (0, 0, 0))
    with tempfile.TemporaryDirectory(prefix="pointsctl-") as folder:
        done = _run(cli, ("--version",), {}, Path(folder), cancellation)
    found = _VERSION.search(done.stdout.head.decode("utf-8", "replace"))
    if done.exit_code or found is None:
        message = f"{program!r} does not tell its version as the Supabase CLI does"
        raise ToolMissingError(message, hint="see what `supabase --version` prints, or install it again")
    major, minor, patch = (int(part) for part in found.groups())
    return major, minor, patch


def _run(
    cli: SupabaseCli, words: Sequence[str], variables: Mapping[str, str], folder: Path, cancellation: Cancellation
) -> Finished:
    # A home of its own: what a person is logged in to, or has linked, must not decide where a command goes.
    with tempfile.TemporaryDirectory(prefix="pointsctl-home-") as home:
        environment = {**_QUIET, "PATH": cli.search_path, "HOME": home, **variables}
        argv = (cli.program, *words)
        return run_program(argv, directory=folder, environment=environment, cancellation=cancellation)


def _document(done: Finished) -> dict[str, Any] | None:
    if not done.stdout.complete:
        return None
    try:
        document = json.loads(done.stdout.head)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _without(text: str, variables: Mapping[str, str]) -> str:
    for secret in (variables.get(name) for name in _SECRETS):
        if secret:
            text = text.replace(secret, "[hidden]")
    return text
