"""`pointsctl init`: writes a starter checklist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    directory: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; default: here.")] = Path(),
) -> int:
    """Write checklist.yaml and, beside it, the JSON Schema that editors read. Never overwrites anything.

    Example: pointsctl init

    Exit codes: 0 written; 4 the folder cannot be written; 5 a file of that name exists.
    """
    import sys

    from pointsctl.workflow.start_checklist import start_checklist

    written = start_checklist(directory)
    for path in written:
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(
        "next: name your environments at the top of checklist.yaml, set their variables,\n"
        "      then `pointsctl doctor` and `pointsctl preflight --env NAME`\n"
    )
    return 0
