"""Runs one command and turns every way it can end into one clear message and the exit code of the contract."""

from __future__ import annotations

import copy
import io
import itertools
import json
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import typer

from pointsctl.cli.root import app, interrupted
from pointsctl.errors import (
    BackupDamagedError,
    ChecklistError,
    ExitCode,
    PointsctlError,
    ToolMissingError,
    UsageError,
)
from pointsctl.extras import extra_of, how_to_install

# typer raises click's exceptions, from its own copy or from click, depending on its version: found through the base class.
_ClickError: type[Exception] = typer.BadParameter.__mro__[2]
_WITH_PROBLEMS = (ChecklistError, BackupDamagedError)


def run(arguments: list[str]) -> int:
    """Run the command line; the process's exit code. Nothing escapes but a second KeyboardInterrupt."""
    _never_fail_to_encode()
    _forget_absurd_sizes()
    _load_no_plugins()
    try:
        code = _flushed(_invoke(arguments))
    except PointsctlError as error:
        code = _report(error, arguments)
    except KeyboardInterrupt:
        code = _report(interrupted(), arguments)
    except BrokenPipeError:
        code = _closed_pipe(int(ExitCode.COULD_NOT_LOOK))
    except Exception as error:  # noqa: BLE001  (the last place that can turn it into one line and an exit code)
        code = _report(_unforeseen(error), arguments)
    _write(sys.stderr, "")
    return code


def _forget_absurd_sizes() -> None:
    """Lines are padded to the width that the environment states: one of a thousand million columns fills the memory."""
    for name in ("COLUMNS", "LINES"):
        if len(os.environ.get(name, "")) > 4:
            del os.environ[name]


def _load_no_plugins() -> None:
    """What happens to be installed beside this program must not see what is validated here; looking for it takes long, too."""
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"


def _unforeseen(error: Exception) -> PointsctlError:
    """What no command expected. The text of a stranger's exception may hold a secret, so it is not repeated."""
    if isinstance(error, ModuleNotFoundError) and (extra := extra_of(error.name)) is not None:
        return ToolMissingError(f"the package {error.name!r} is not installed", hint=how_to_install(extra))
    if isinstance(error, OSError):
        reason = (error.strerror or type(error).__name__).lower()
        where = f" {error.filename}" if error.filename else ""
        message = f"cannot use{where or ' a file'}: {reason}"
        return PointsctlError(message, hint="check the path, its permissions, and the space that is left")
    last = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
    return PointsctlError(message, hint="this is a defect of pointsctl; report it with the command that you ran")


def _never_fail_to_encode() -> None:
    """A terminal or log that cannot show a character gets its escape; a report must not end in the middle for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _invoke(arguments: list[str]) -> int:
    try:
        result: Any = typer.main.get_command(_asked_for(arguments))(
            args=arguments, prog_name="pointsctl", standalone_mode=False
        )
    except typer.Exit as leaving:
        return int(leaving.exit_code)
    except typer.Abort:
        raise interrupted() from None
    except _ClickError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the whole help page
            sys.stderr.write(f"{getattr(error, 'message', '')}\n")
            return int(ExitCode.USAGE)
        raise _usage(error) from None
    return int(result) if isinstance(result, int) else 0


def _asked_for(arguments: list[str]) -> typer.Typer:
    """The root with nothing but the command that is named first, if one is: reading the parameters of all of them takes longer
    than some commands.
    """
    name = arguments[0] if arguments else ""
    alone = copy.copy(app)
    alone.registered_commands = [one for one in app.registered_commands if one.name == name]
    alone.registered_groups = [one for one in app.registered_groups if one.name == name]
    return alone if alone.registered_commands or alone.registered_groups else app


def _usage(error: Exception) -> UsageError:
    message = str(getattr(error, "message", "") or error)
    formatted = getattr(error, "format_message", None)
    if callable(formatted):
        message = formatted()
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "pointsctl"
    return UsageError(message[:1].lower() + message[1:].rstrip("."), hint=f"see `{command} --help`")


def _flushed(code: int) -> int:
    """Flush what was printed here, so that a closed pipe is noticed here and the exit code survives it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _closed_pipe(code)
    return code


def _closed_pipe(code: int) -> int:
    """Nobody reads the output any more (`| head`): say so once, keep the verdict's exit code."""
    _discard(sys.stdout)
    _write(sys.stderr, "pointsctl: the output was cut off: its reader closed the pipe\n")
    return code


def _write(stream: TextIO, text: str) -> bool:
    """Write and flush; False when the stream takes nothing (a full disk, a terminal that hung up)."""
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        _discard(stream)
        return False
    return True


def _discard(stream: TextIO) -> None:
    # Python flushes the streams once more at exit, which would fail again and change the exit code to 120.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _report(error: PointsctlError, arguments: list[str]) -> int:
    if wants_json(arguments) and _write(sys.stdout, f"{json.dumps(_document(error))}\n"):
        return int(error.exit_code)
    from pointsctl.model.escape import plain

    lines = [plain(problem) for problem in error.problems] if isinstance(error, _WITH_PROBLEMS) else []
    lines.append(f"pointsctl: {plain(error.message)}")
    if error.hint:
        lines.append(f"hint: {plain(error.hint)}")
    _write(sys.stdout, "")
    _write(sys.stderr, "\n".join(lines) + "\n")
    return int(error.exit_code)


def _document(error: PointsctlError) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": "pointsctl/error/v1",
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
    }
    if isinstance(error, _WITH_PROBLEMS):
        document["problems"] = list(error.problems)
    return document


def wants_json(arguments: list[str]) -> bool:
    """Whether the caller asked for one JSON document, so that a failure must be one too."""
    pairs = itertools.pairwise(arguments)
    return "--json" in arguments or "--format=json" in arguments or ("--format", "json") in pairs
