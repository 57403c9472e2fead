"""docs/exit-codes.md: the exit codes, and the errors behind them."""

from __future__ import annotations

import inspect

from pages.markdown import NOTE, table
from pointsctl import errors


def page() -> str:
    """What each exit code means, and the errors that lead to it."""
    classes = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.PointsctlError)]
    found = sorted(classes[1:], key=lambda one: (one.exit_code, one.code))
    lines = [NOTE, "# Exit codes\n", "Where several apply: 5, then 4, then 1, then 3.\n"]
    lines += table(("code", "meaning"), ((code.value, MEANINGS[code]) for code in errors.ExitCode))
    lines += ["## Errors\n", "`code` is what `--json` gives in `pointsctl/error/v1`.\n"]
    rows = ((f"`{one.code}`", one.exit_code.value, (one.__doc__ or "").splitlines()[0]) for one in found)
    return "\n".join([*lines, *table(("code", "exit", "meaning"), rows)])


MEANINGS = {
    errors.ExitCode.DONE: "done; every gate asked for is open",
    errors.ExitCode.BAD: "looked, and it is bad: a check failed, verification failed, a trigger fired",
    errors.ExitCode.USAGE: "usage or configuration: a bad flag, or a checklist with something to mend",
    errors.ExitCode.WAITING: "waiting: for a person (attestation, approval) or for time",
    errors.ExitCode.COULD_NOT_LOOK: "could not look: server unreachable, tool missing, permission denied",
    errors.ExitCode.REFUSED: "refused for safety; nothing was changed",
    errors.ExitCode.INTERRUPTED: "interrupted",
}
