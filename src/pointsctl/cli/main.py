"""Runs one command and turns every way it can end into one clear message and the exit code of the contract."""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
from typing import Any

import typer

from pointsctl.cli.root import app
from pointsctl.errors import (
    ChecklistError,
    ExitCode,
    InterruptedByOperatorError,
    PointsctlError,
    ToolMissingError,
    UsageError,
)
from pointsctl.extras import extra_of, how_to_install

# typer raises click's exceptions, from its own copy or from click, depending on its version: found through the base class.
_ClickError: type[Exception] = typer.BadParameter.__mro__[2]


def run(arguments: list[str]) -> int:
    """Run the command line; the process's exit code. Nothing but KeyboardInterrupt's second press escapes."""
    _never_fail_to_encode()
    try:
        return _flushed(_invoke(arguments))
    except PointsctlError as error:
        _report(error, arguments)
        return int(error.exit_code)
    except ModuleNotFoundError as error:
        extra = extra_of(error.name)
        if extra is None:
            raise
        _report(ToolMissingError(f"the package {error.name!r} is not installed", hint=how_to_install(extra)), arguments)
        return int(ExitCode.COULD_NOT_LOOK)
    except KeyboardInterrupt:
        _report(InterruptedByOperatorError("interrupted", hint="nothing was changed; run the command again"), arguments)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return _closed_pipe(int(ExitCode.COULD_NOT_LOOK))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        where = f" {error.filename}" if error.filename else ""
        _report(
            PointsctlError(f"cannot use{where or ' a file'}: {reason}", hint="check the path and its permissions"),
            arguments,
        )
        return int(ExitCode.COULD_NOT_LOOK)


def _never_fail_to_encode() -> None:
    """A terminal or log that cannot show a character gets its escape; a report must not end in the middle for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _invoke(arguments: list[str]) -> int:
    try:
        result: Any = typer.main.get_command(app)(args=arguments, prog_name="pointsctl", standalone_mode=False)
    except typer.Exit as leaving:
        return int(leaving.exit_code)
    except typer.Abort:
        raise InterruptedByOperatorError("interrupted", hint="nothing was changed; run the command again") from None
    except _ClickError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the whole help page
            sys.stderr.write(f"{getattr(error, 'message', '')}\n")
            return int(ExitCode.USAGE)
        raise _usage(error) from None
    return int(result) if isinstance(result, int) else 0


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
    # Python flushes stdout once more at exit, which would fail again and change the exit code to 120.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.stderr.write("pointsctl: the output was cut off: its reader closed the pipe\n")
    return code


def _report(error: PointsctlError, arguments: list[str]) -> None:
    if wants_json(arguments):
        document: dict[str, Any] = {
            "schema": "pointsctl/error/v1",
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
        }
        if isinstance(error, ChecklistError):
            document["problems"] = list(error.problems)
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()
        return
    from pointsctl.model.escape import plain

    lines = [plain(problem) for problem in error.problems] if isinstance(error, ChecklistError) else []
    lines.append(f"pointsctl: {plain(error.message)}")
    if error.hint:
        lines.append(f"hint: {plain(error.hint)}")
    sys.stdout.flush()
    sys.stderr.write("\n".join(lines) + "\n")


def wants_json(arguments: list[str]) -> bool:
    """Whether the caller asked for one JSON document, so that a failure must be one too."""
    pairs = itertools.pairwise(arguments)
    return "--json" in arguments or "--format=json" in arguments or ("--format", "json") in pairs
