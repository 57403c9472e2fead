"""`pointsctl demo`: the story so far, told by running the real commands against a sandbox of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from pointsctl.errors import ExitCode

COULD_NOT_LOOK, INTERRUPTED = int(ExitCode.COULD_NOT_LOOK), int(ExitCode.INTERRUPTED)


@dataclass(frozen=True)
class Step:
    """One command of the story, why it is run, and the exit codes that the story expects."""

    why: str
    arguments: tuple[str, ...]
    expected: int = 0


STORY = (
    Step("Write a starter checklist: every box of the deployment checklist, as data.", ("init",)),
    Step("Start a private PostgreSQL with Supabase's conventions, and a reference points service.", ("sandbox", "up")),
    Step(
        "Make users, events and coupons, the same ones every time.",
        ("sandbox", "traffic", "--users", "400", "--events", "8000", "--seed", "7"),
    ),
    Step(
        "And some on staging, where a deployment is tried first.",
        ("sandbox", "traffic", "--users", "50", "--events", "1000", "--seed", "8", "--database", "sandbox-staging"),
    ),
    Step(
        "Ask whether a deployment may begin. What a machine can decide passes; people have not signed yet: exit 3.",
        ("preflight", "--env", "sandbox"),
        expected=3,
    ),
    Step("Plant a defect: a balance that does not follow from its events.", ("sandbox", "break", "cache-drift")),
    Step("And another: a table whose rows every user can read.", ("sandbox", "break", "rls-disabled")),
    Step(
        "Ask again. The gate is closed, and the offending rows are shown: exit 1.", ("preflight", "--env", "sandbox"), 1
    ),
    Step("Mend everything by starting from fresh databases.", ("sandbox", "reset")),
)
CLEAN_UP = Step("Stop the sandbox and delete its data.", ("sandbox", "down", "--purge"))


def demo(
    keep: bool = typer.Option(False, "--keep", help="Leave the sandbox and its folder for a look around."),
) -> int:
    """Run the main job in a private sandbox, with two planted defects, and say what happens.

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
    environment.pop("POINTSCTL_ENV", None)
    try:
        return _tell(folder, environment)
    finally:
        if keep:
            _say(f"\nkept: {folder}\n  export POINTSCTL_SANDBOX_DIR={folder / 'sandbox'}\n")
        else:
            _run(CLEAN_UP, folder, environment, quiet=True)
            shutil.rmtree(folder, ignore_errors=True)


def _tell(folder: Path, environment: Mapping[str, str]) -> int:
    for number, step in enumerate(STORY, start=1):
        why = textwrap.fill(f"[{number}/{len(STORY)}] {step.why}", 78)
        _say(f"\n{why}\n$ pointsctl {' '.join(step.arguments)}\n")
        code = _run(step, folder, environment)
        if code == INTERRUPTED:
            _say("\ninterrupted; the demo stops here and takes its sandbox away\n")
            return code
        if code != step.expected:
            _say(f"\nthe demo expected exit {step.expected} and got {code}; it stops here\n")
            return code if code == COULD_NOT_LOOK else 1
        if step.expected:
            _say(f"(exit {code}, as expected)\n")
    _say(
        "\nThat is the main job. Next, in your own project:\n  pointsctl init; pointsctl doctor; pointsctl preflight --env NAME\n"
    )
    return 0


def _run(step: Step, folder: Path, environment: Mapping[str, str], *, quiet: bool = False) -> int:
    import subprocess
    import sys

    # The folder is the working directory, so that no other checklist above the caller's folder is found.
    command = [sys.executable, "-m", "pointsctl", *step.arguments]
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, cwd=folder, env=dict(environment), stdout=output, check=False).returncode


def _say(text: str) -> None:
    import sys

    sys.stdout.write(text)
    sys.stdout.flush()
