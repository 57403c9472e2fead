"""Asks for the name of a protected environment before it is changed: typed at a terminal, or given by a script."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pointsctl.errors import RefusedError

_TRIES = 2


def confirm_environment(name: str, protected: bool, given: str | None) -> None:
    """Return when the environment may be changed; `given` is what `--confirm` says (None when it was left out).

    Raises RefusedError when another name was given or typed, and when there is nobody to ask.
    """
    hint = f"nothing was changed; to go on without a terminal: --confirm {name}"
    if given is not None:
        if given != name:
            raise RefusedError(f"--confirm names {given!r}, what would be changed is {name!r}", hint=hint)
        return
    if not protected:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RefusedError(f"environment {name!r} is protected, and nobody is at a terminal to confirm it", hint=hint)
    for _ in range(_TRIES):
        if _typed(f"{name} is protected. Type its name to go on: ") == name:
            return
    raise RefusedError(f"the name that was typed is not {name!r}", hint=hint)


def confirm_yes(question: str, *, given: bool) -> None:
    """Return when somebody says yes at the terminal, or it was `given` as --yes.

    Raises RefusedError for anything else, and when there is nobody to ask.
    """
    if given:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RefusedError("nobody is at a terminal to confirm it", hint="to go on without a terminal: --yes")
    if _typed(f"{question} [y/N] ").lower() not in {"y", "yes"}:
        raise RefusedError("it was not confirmed", hint="nothing was changed")


def confirm_late(name: str, deadline: str, *, given: bool) -> bool:
    """Whether to go on past the rollback deadline: `given` as --past-deadline, or the environment's name typed at a terminal."""
    if given or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return given
    return _typed(f"The rollback deadline has passed ({deadline}). Type {name} to go on all the same: ") == name


def _typed(question: str) -> str:
    with _interruptible():
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().strip()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends the question at once, also where a command would otherwise only make a note of it."""
    previous = signal.getsignal(signal.SIGINT)
    if previous is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
