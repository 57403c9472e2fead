"""Kind `command`: a program is run, and its exit code and output are compared with what is expected."""

from __future__ import annotations

import os
from typing import Annotated, Any

import pydantic
from pydantic import StringConstraints

from pointsctl import process
from pointsctl.checks.interface import Check, World
from pointsctl.errors import CouldNotLookError, RefusedError, UsageError
from pointsctl.model.finding import JsonValue, Observation
from pointsctl.model.patterns import Pattern, finds
from pointsctl.model.problems import shown
from pointsctl.model.redaction import is_secret_name, redact, secret_values

_ALWAYS_PASSED = ("PATH", "HOME", "LANG")
_TAIL_LINES = 20
_LINE_LENGTH = 200

Argument = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=8_000)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=120)]
ExitCode = Annotated[int, pydantic.Field(ge=0, le=255, strict=True)]


class Command(Check):
    """Runs a program without a shell and without input.

    The program sees PATH, HOME, LANG and the variables of `pass_variables`, nothing else. It is killed with everything
    that it started when the item's `timeout` is over. Of its output the first MiB is searched.
    """

    argv: tuple[Argument, ...] = pydantic.Field(
        min_length=1,
        max_length=200,
        description="the program and its arguments as a list, such as `[npm, run, test]`; quotes, pipes and `&&` mean nothing",
    )
    exit_codes: tuple[ExitCode, ...] = pydantic.Field(
        (0,), min_length=1, description="exit codes that are good, from 0 to 255"
    )
    stdout_matches: Pattern | None = pydantic.Field(
        None, description="regular expression that must be found in what the program prints"
    )
    stdout_must_not_match: Pattern | None = pydantic.Field(
        None, description="regular expression that must not be found in what the program prints"
    )
    directory: str = pydantic.Field(
        ".", min_length=1, pattern=r"^[^\x00]+$", description="where to run it, relative to the checklist's folder"
    )
    pass_variables: tuple[VariableName, ...] = pydantic.Field(
        (), description="variables that the program gets; secrets reach it only in this way, never as an argument"
    )

    @pydantic.field_validator("argv", mode="before")
    @classmethod
    def _a_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError("expected a list such as [npm, run, test], because no shell takes the text apart")  # noqa: TRY004  (pydantic turns only ValueError into a problem)
        return value

    @pydantic.field_validator("argv")
    @classmethod
    def _names_a_program(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value[0].strip():
            raise ValueError("expected the name of a program as the first element")
        return value

    @pydantic.model_validator(mode="after")
    def _can_fail(self) -> Command:
        if len(set(self.exit_codes)) == 256 and not (self.stdout_matches or self.stdout_must_not_match):
            raise ValueError("expected fewer exit codes, or an expectation of the output, because this can never fail")
        return self

    def how(self) -> str:
        """The program; not its arguments, which may hold an expanded variable that is only refused when it is run."""
        return f"runs {shown(redact(self.argv[0]), 50)[1:-1]}"

    def secret_variables(self) -> tuple[str, ...]:
        """Those of the passed variables whose names say so."""
        return tuple(name for name in self.pass_variables if is_secret_name(name))

    def look(self, world: World) -> Observation:
        """Run the program once. Raises ToolMissingError, StorageError, UsageError, RefusedError, TookTooLongError."""
        environment = self._environment(world)
        secrets = secret_values(world.variables, self.secret_variables())
        _refuse_visible_secrets(self.argv, secrets)
        finished = process.run(
            self.argv,
            directory=world.directory / self.directory,
            environment=environment,
            cancellation=world.cancellation,
        )
        return self._judge(finished, _evidence(self.argv, finished, secrets))

    def _environment(self, world: World) -> dict[str, str]:
        missing = [name for name in self.pass_variables if name not in world.variables]
        if missing:
            message = f"variables to pass that are not set: {', '.join(missing)}"
            raise UsageError(message, hint="set them, or take them out of `pass_variables`")
        environment = {"PATH": os.defpath}
        for name in (*_ALWAYS_PASSED, *self.pass_variables):
            if name in world.variables:
                environment[name] = world.variables[name]
        return environment

    def _judge(self, finished: process.Finished, evidence: dict[str, JsonValue]) -> Observation:
        wrong = self._wrong_exit(finished.exit_code) or self._wrong_output(finished.stdout)
        ended = _ended(finished.exit_code)
        if wrong:
            return Observation.failed(
                f"{wrong[0]} of {shown(self.argv[0])}",
                observed=ended,
                expected=wrong[1],
                hint="read the end of its output below, mend the cause, and run the item again",
                evidence=evidence,
            )
        return Observation.passed(
            f"{shown(self.argv[0])}: {ended}", observed=ended, expected=self._codes(), evidence=evidence
        )

    def _codes(self) -> str:
        return f"exit code {' or '.join(str(code) for code in self.exit_codes)}"

    def _wrong_exit(self, exit_code: int) -> tuple[str, str] | None:
        return None if exit_code in self.exit_codes else (f"unexpected {_ended(exit_code)}", self._codes())

    def _wrong_output(self, stdout: process.Output) -> tuple[str, str] | None:
        text = stdout.head.decode("utf-8", "replace")
        if self.stdout_must_not_match:
            if finds(self.stdout_must_not_match, text):
                return "forbidden text in the output", f"no {shown(self.stdout_must_not_match)} in the output"
            _require_all(stdout)
        if self.stdout_matches and not finds(self.stdout_matches, text):
            _require_all(stdout)
            return "expected text missing in the output", f"{shown(self.stdout_matches)} in the output"
        return None


def _require_all(stdout: process.Output) -> None:
    # Not found in the first part says nothing about the rest.
    if not stdout.complete:
        message = (
            f"the output of {stdout.size:,} bytes is longer than the {process.HEAD_BYTES:,} bytes that are searched"
        )
        raise CouldNotLookError(message, hint="let the program print less")


def _refuse_visible_secrets(argv: tuple[str, ...], secrets: frozenset[str]) -> None:
    for position, argument in enumerate(argv):
        if any(secret in argument for secret in secrets) or redact(argument) != argument:
            message = f"element {position} of `argv` holds a secret, which everybody on this machine could read"
            raise RefusedError(message, hint="let the program read it from a variable named in `pass_variables`")


def _ended(exit_code: int) -> str:
    return f"exit code {exit_code}" if exit_code >= 0 else f"end by signal {-exit_code}"


def _evidence(argv: tuple[str, ...], finished: process.Finished, secrets: frozenset[str]) -> dict[str, JsonValue]:
    return {
        "argv": [redact(argument, secrets) for argument in argv],
        "exit_code": finished.exit_code,
        "duration_ms": round(finished.seconds * 1000),
        "stdout": _excerpt(finished.stdout, secrets),
        "stdout_bytes": finished.stdout.size,
        "stdout_sha256": finished.stdout.sha256,
        "stderr": _excerpt(finished.stderr, secrets),
        "stderr_bytes": finished.stderr.size,
    }


def _excerpt(output: process.Output, secrets: frozenset[str]) -> list[str]:
    """The last lines without secrets."""
    text = output.tail.decode("utf-8", "replace")
    if output.size > len(output.tail):
        # The cut may have left the end of a secret, which nothing would recognise any more.
        text = text[max((len(secret) for secret in secrets), default=0) * 3 :].partition("\n")[2]
    lines = redact(text, secrets).splitlines()[-_TAIL_LINES:]
    return [line[:_LINE_LENGTH] for line in lines]
