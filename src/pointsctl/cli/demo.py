"""`pointsctl demo`: the main job, told by running the real commands against a sandbox of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pointsctl.errors import ExitCode

if TYPE_CHECKING:
    from pointsctl.cli.demo_story import Step

COULD_NOT_LOOK, INTERRUPTED = int(ExitCode.COULD_NOT_LOOK), int(ExitCode.INTERRUPTED)


def demo(
    keep: bool = typer.Option(False, "--keep", help="Leave the sandbox and its folder for a look around."),
) -> int:
    """Run the main job in a private sandbox and say what happens: from two planted defects to a proof without a database.

    Example: pointsctl demo

    Exit codes: 0 everything went as told; 1 a command ended otherwise; 4 the sandbox could not be started; 130 interrupted.
    """
    import os
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="pointsctl-demo-"))
    folder.chmod(0o755)  # when root runs this, the private PostgreSQL runs as another user and must get through
    environment = {
        **os.environ,
        "POINTSCTL_SANDBOX_DIR": str(folder / "sandbox"),
        "POINTSCTL_CHECKLIST": str(folder / "checklist.yaml"),
    }
    for name in ("POINTSCTL_ENV", "POINTSCTL_KEY"):
        environment.pop(name, None)
    try:
        return _tell(folder, environment)
    finally:
        if keep:
            _say(f"\nkept: {folder}\n  export POINTSCTL_SANDBOX_DIR={folder / 'sandbox'}\n")
        else:
            from pointsctl.cli.demo_story import CLEAN_UP

            _run(CLEAN_UP, CLEAN_UP.lines[0], folder, environment, quiet=True)
            shutil.rmtree(folder, ignore_errors=True)


def _tell(folder: Path, environment: Mapping[str, str]) -> int:
    from pointsctl.cli.demo_story import STORY

    told = [step for step in STORY if step.why]
    for step in STORY:
        if step.why:
            _say("\n" + textwrap.fill(f"[{told.index(step) + 1}/{len(told)}] {step.why}", 78) + "\n")
        if step.write is not None:
            _say(f"({step.write(folder)})\n")
        for line in step.lines:
            code = _told_line(step, line, folder, environment)
            if code is not None:
                return code
        if step.expected:
            _say(f"(exit {step.expected}, as expected)\n")
    _say(
        "\nThat is the main job. Next, in your own project:\n  pointsctl init; pointsctl doctor; pointsctl preflight --env NAME\n"
    )
    return 0


def _told_line(step: Step, line: str, folder: Path, environment: Mapping[str, str]) -> int | None:
    """Run one line of a step; the exit code with which the demo ends because of it, or None when it goes on."""
    into = f" > {step.into}" if step.into else ""
    _say(f"$ {line}{into}\n")
    code = _run(step, line, folder, environment)
    expected = step.expected if line == step.lines[-1] else 0
    if code == INTERRUPTED:
        _say("\ninterrupted; the demo stops here and takes its sandbox away\n")
        return code
    if code != expected:
        _say(f"\nthe demo expected exit {expected} and got {code}; it stops here\n")
        return code if code == COULD_NOT_LOOK else 1
    return None


def _run(step: Step, line: str, folder: Path, environment: Mapping[str, str], *, quiet: bool = False) -> int:
    import contextlib
    import shlex
    import subprocess
    import sys

    program, *arguments = shlex.split(line)
    command = [sys.executable, "-m", "pointsctl"] if program == "pointsctl" else [program]
    into = (
        (folder / step.into).open("wb") if step.into else contextlib.nullcontext(subprocess.DEVNULL if quiet else None)
    )
    with into as output:
        # The folder is the working directory, so that no other checklist above the caller's folder is found.
        done = subprocess.run(
            [*command, *arguments], cwd=folder / step.folder, env=dict(environment), stdout=output, check=False
        )
    return done.returncode


def _say(text: str) -> None:
    import sys

    sys.stdout.write(text)
    sys.stdout.flush()
