"""Options that several commands share, so that they are spelled and explained the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EnvironmentName = Annotated[
    str | None,
    typer.Option("--env", "-e", envvar="POINTSCTL_ENV", metavar="NAME", help="The environment to look at."),
]
ChecklistPath = Annotated[
    Path | None,
    typer.Option(
        "--checklist",
        envvar="POINTSCTL_CHECKLIST",
        metavar="PATH",
        help="The checklist; default: checklist.yaml here or in a folder above.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document (the same as --format json).")]
NoRecord = Annotated[
    bool, typer.Option("--no-record", help="Do not record the run in the ledger, for those who may only read it.")
]
Confirm = Annotated[
    str | None,
    typer.Option("--confirm", metavar="NAME", help="The environment's name, as a script confirms a protected one."),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project",
        metavar="NAME",
        help="Say once that this project is the environment's, where its own database cannot be asked.",
    ),
]
Format = Annotated[str, typer.Option("--format", metavar="NAME", help="text, json, junit, markdown or github.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report here instead.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="How many items to look at at once.")]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="ID", help="Only this item, or items matching a glob; repeatable.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every item in full.")]
Sample = Annotated[int, typer.Option("--sample", min=1, max=1000, metavar="N", help="How many offending rows to show.")]

EXIT_CODES = """Exit codes: 0 every gate is open; 1 a check failed; 2 usage or checklist; 3 waits for a person or for time;
4 could not look; 130 interrupted."""
