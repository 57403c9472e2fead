"""Runs ssh-keygen: a small environment, bounded time, input through stdin, and prompts only where somebody can answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from pointsctl.errors import CouldNotLookError, InterruptedByOperatorError, ToolMissingError
from pointsctl.model.problems import shown
from pointsctl.process import Finished, run

_PROGRAM = "ssh-keygen"
_SECONDS = 60.0
_SECONDS_FOR_A_PERSON = 300.0
# What finds the agent, the program that asks for passphrases, and a security key; nothing else of the caller's.
_FOR_KEYS = (
    "HOME",
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "SSH_SK_PROVIDER",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "TERM",
)
_TOO_OLD = ("unknown option", "illegal option", "verify-time", "unsupported operation", "usage:")
_INSTALL = "install OpenSSH 9.1 or newer (Debian: openssh-client; macOS: brew install openssh)"


class _Patience:
    """A time limit of one call; Ctrl-C reaches the call as it reaches every program of the terminal."""

    requested = False

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def remaining(self) -> float:
        return max(0.0, self._end - monotonic())

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:  # noqa: ARG002  (nobody stops it from outside)
        yield


def ask(*arguments: str, variables: Mapping[str, str], directory: Path, stdin: bytes = b"") -> Finished:
    """Run ssh-keygen without keys of the caller's and without a terminal, for every question that needs neither.

    Raises ToolMissingError (not installed, or too old), CouldNotLookError (it was ended from outside), TookTooLongError.
    """
    patience = _Patience(_SECONDS)
    argv = [_PROGRAM, *arguments]
    finished = _run(argv, directory, _environment(variables), patience, stdin, terminal=False)
    _refuse_old(finished)
    return finished


def ask_with_key(*arguments: str, variables: Mapping[str, str], stdin: bytes, terminal: bool) -> Finished:
    """Run ssh-keygen with the caller's agent; with `terminal` it may ask there for a passphrase, a PIN or a touch.

    Without a terminal only the program that SSH_ASKPASS names is asked. Raises ToolMissingError, CouldNotLookError,
    TookTooLongError, InterruptedByOperatorError (Ctrl-C at the prompt).
    """
    environment = {**_environment(variables), **{name: variables[name] for name in _FOR_KEYS if name in variables}}
    environment |= _prompting(variables, terminal=terminal)
    patience = _Patience(_SECONDS_FOR_A_PERSON)
    finished = _run([_PROGRAM, *arguments], Path(), environment, patience, stdin, terminal=terminal)
    _refuse_old(finished)
    return finished


def said(finished: Finished) -> str:
    """What ssh-keygen wrote as an error, in one escaped line without its decoration."""
    lines = finished.stderr.head.decode("utf-8", "replace").splitlines()
    words = [line.strip("@ \t") for line in lines]
    return shown(" ".join(word for word in words if word), 200)[1:-1]


def _prompting(variables: Mapping[str, str], *, terminal: bool) -> dict[str, str]:
    if terminal:
        # The message comes through stdin, so ssh-keygen would look for a graphical prompt first.
        return {"SSH_ASKPASS_REQUIRE": variables.get("SSH_ASKPASS_REQUIRE", "never")}
    # Without a prompt ssh-keygen would take the message for the passphrase.
    return {"SSH_ASKPASS": variables.get("SSH_ASKPASS") or "false", "SSH_ASKPASS_REQUIRE": "force"}


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": variables.get("PATH", os.defpath), "LC_ALL": "C"}


def _run(
    argv: list[str],
    directory: Path,
    environment: Mapping[str, str],
    patience: _Patience,
    stdin: bytes,
    *,
    terminal: bool,
) -> Finished:
    try:
        finished = run(
            argv, directory=directory, environment=environment, cancellation=patience, stdin=stdin, terminal=terminal
        )
    except ToolMissingError as error:
        raise ToolMissingError(error.message, hint=_INSTALL) from None
    if terminal and finished.exit_code < 0:
        raise InterruptedByOperatorError("interrupted while signing", hint="nothing was signed; run the command again")
    if finished.exit_code < 0:
        hint = "run the command again; see whether something ends programs on this machine"
        raise CouldNotLookError(f"ssh-keygen was ended by signal {-finished.exit_code}", hint=hint)
    return finished


def _refuse_old(finished: Finished) -> None:
    """An old ssh-keygen's "unknown option" must not read as "this signature is wrong"."""
    text = finished.stderr.head.decode("utf-8", "replace").lower()
    if finished.exit_code and any(word in text for word in _TOO_OLD):
        raise ToolMissingError(f"ssh-keygen is too old for this: {said(finished)}", hint=_INSTALL)
