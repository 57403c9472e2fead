"""Entry point of the `pointsctl` program and of `python -m pointsctl`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType


def main() -> None:
    """Run the command line and exit with the code of the contract."""
    # Nearly all that a command makes lives until its end: looking for what does not costs a tenth of its start.
    gc.set_threshold(50_000, 20, 100)
    _stand_in_for_closed_streams()
    _handle(signal.default_int_handler)
    try:
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:  # before anything was begun, or a second one after the first was already being told about
        code = 128 + signal.SIGINT
    _handle(signal.SIG_IGN)  # the code is decided
    sys.exit(code)


def _handle(action: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """What a hang-up, a request to terminate and Ctrl-C do; what the caller ignores (`nohup`) stays ignored.

    At the end Ctrl-C is the exception: it still ends a process that cannot come to its end, without a stack of calls.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            last = action is signal.SIG_IGN and number == signal.SIGINT
            signal.signal(number, signal.SIG_DFL if last else action)


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:  # asked for by scripts, often: nothing else needs to be imported for it
        from pointsctl import __version__

        return _print(f"pointsctl {__version__}\n")
    from pointsctl.cli.main import run

    return run(arguments)


def _print(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the flush at exit fails again
        return 4
    return 0


def _stand_in_for_closed_streams() -> None:
    """What the caller closed (`>&-`) is nowhere; otherwise the next socket would be taken for the standard output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115  (open until the end)


if __name__ == "__main__":
    main()
