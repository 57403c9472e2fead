"""`pointsctl migrate lint`: what is dangerous in migrations, found before anything is applied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pointsctl.cli import options

Files = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILE]...", help="Only these files; default: the project's migrations.")
]
All = Annotated[bool, typer.Option("--all", help="With --env: the applied migrations too, not only the pending ones.")]
Format = Annotated[str, typer.Option("--format", metavar="NAME", help="text, json, sarif or github.")]


def lint(
    files: Files = None,
    environment: options.EnvironmentName = None,
    everything: All = False,
    format_name: Format = "text",
    as_json: options.Json = False,
    output: options.Output = None,
    checklist: options.ChecklistPath = None,
) -> int:
    """Look for what locks, loses or opens data: squawk's rules, and what squawk does not see.

    With --env, statements that rewrite, scan or lock a large table are judged by the sizes of that database, and only what is
    pending there is looked at. A finding is accepted for a time under its key in the checklist's `migrations.lint.waived`.

    Example: pointsctl migrate lint --env production

    Exit codes: 0 nothing that is not waived; 1 findings; 2 usage, checklist, or nothing to look at; 4 could not look: squawk
    is not installed, the database does not answer; 5 refused: a link among the migrations; 130 interrupted.
    """
    import os
    import time

    from pointsctl.cli.lint_page import shape_named, write_result
    from pointsctl.cli.output import check_output
    from pointsctl.cli.session import find_environment, load, now, stop_requests
    from pointsctl.workflow.check_environment import Surroundings
    from pointsctl.workflow.interruption import stoppable
    from pointsctl.workflow.lint_migrations import LintRequest, lint_migrations

    shape = shape_named("json" if as_json else format_name)
    check_output(output)
    loaded = load(checklist)
    target = find_environment(loaded, environment)[1] if environment else None
    request = LintRequest(
        directory=loaded.directory,
        settings=loaded.checklist.migrations,
        search_path=os.environ.get("PATH", ""),
        today=now().date(),
        target=target,
        files=tuple(files or ()),
        everything=everything,
    )
    with stop_requests() as stop:
        surroundings = Surroundings(dict(os.environ), now, time.monotonic, lambda: "", interrupted=stop.is_set)
        with stoppable(surroundings) as cancellation:
            result = lint_migrations(request, cancellation)
    write_result(result, shape, output)
    return int(result.exit_code)
