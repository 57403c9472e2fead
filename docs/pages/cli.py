"""docs/cli.md: the help of every command, as the program prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from pages.markdown import NOTE
from pointsctl.cli.root import app

WIDTH = 80


def page() -> str:
    """The help texts at 80 columns: first of the program, then of every command and sub-command."""
    lines = [NOTE, "# Commands\n", "Exit codes: [exit-codes.md](exit-codes.md).\n"]
    for path, text in _helps(typer.main.get_command(app), None, "pointsctl"):
        lines += [f"{'#' * min(3, 1 + len(path.split()))} {path}\n", f"```text\n{text.rstrip()}\n```\n"]
    return "\n".join(lines)


def _helps(command: Any, parent: Any, name: str) -> Iterator[tuple[str, str]]:
    context = command.make_context(
        name, [], parent=parent, resilient_parsing=True, terminal_width=WIDTH, max_content_width=WIDTH
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield context.command_path, text
    for child, one in getattr(command, "commands", {}).items():
        yield from _helps(one, context, child)
