"""docs/exit-codes.md: the exit codes, and the errors behind them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pointsctl
from pages.markdown import NOTE, table
from pointsctl import errors


def page() -> str:
    """What each exit code means, and the errors that lead to it."""
    # Of several classes with one code the most general one explains it.
    by_code = {one.code: one for one in sorted(every_error(), key=lambda one: -len(one.__mro__))}
    found = sorted(by_code.values(), key=lambda one: (one.exit_code, one.code))
    lines = [NOTE, "# Exit codes\n", "Where several apply: 5, then 4, then 1, then 3.\n"]
    lines += table(("code", "meaning"), ((code.value, MEANINGS[code]) for code in errors.ExitCode))
    lines += ["## Errors\n", "`code` is what `--json` gives in `pointsctl/error/v1`.\n"]
    rows = ((f"`{one.code}`", one.exit_code.value, _told(one)) for one in found)
    return "\n".join([*lines, *table(("code", "exit", "meaning"), rows)])


def every_error() -> frozenset[type[errors.PointsctlError]]:
    """Every class of the family, wherever it is defined, but the family's own."""
    for module in pkgutil.walk_packages(pointsctl.__path__, "pointsctl."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return frozenset(_below(errors.PointsctlError))


def _told(one: type[errors.PointsctlError]) -> str:
    """The first sentence of what the class says of itself, without what only programmers see of it."""
    first, _, _ = (one.__doc__ or "").splitlines()[0].partition("; `")
    return first if first.endswith(".") else f"{first}."


def _below(parent: type[errors.PointsctlError]) -> Iterator[type[errors.PointsctlError]]:
    for one in parent.__subclasses__():
        if one.__module__.startswith("pointsctl."):
            yield one
            yield from _below(one)


MEANINGS = {
    errors.ExitCode.DONE: "done; every gate asked for is open",
    errors.ExitCode.BAD: "looked, and it is bad: a check failed, verification failed, a trigger fired",
    errors.ExitCode.USAGE: "usage or configuration: a bad flag, or a checklist with something to mend",
    errors.ExitCode.WAITING: "waiting: for a person (attestation, approval) or for time",
    errors.ExitCode.COULD_NOT_LOOK: "could not look: server unreachable, tool missing, permission denied",
    errors.ExitCode.REFUSED: "refused for safety; nothing was changed",
    errors.ExitCode.INTERRUPTED: "interrupted",
}
