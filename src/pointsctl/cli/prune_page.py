"""What a removal of backups is going to do, and what it has done."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.cli.terminal import Terminal
from pointsctl.model.escape import plain
from pointsctl.model.sizes import size

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.workflow.prune_backups import Pruning

SCHEMA = "pointsctl/backups-pruned/v1"
_LONGEST = 300


def announce(pruning: Pruning) -> None:
    """Say on stderr what becomes of each, and why, before somebody agrees."""
    out = Terminal(sys.stderr)
    _print_each(out, pruning, "goes")
    number = len(pruning.removed)
    print_wrapped(out, f"{number} of {pruning.environment} would be removed from {plain(pruning.store)}", style="bold")


def print_pruned(done: Pruning, *, as_json: bool) -> None:
    """What was removed; as one document `pointsctl/backups-pruned/v1` on demand."""
    if as_json:
        print_json(_document(done))
        return
    out = console()
    _print_each(out, done, "removed")
    number = len(done.removed)
    text = f"{number} removed, {size(done.freed)} freed" if number else "nothing to remove"
    print_wrapped(out, f"{text} in {plain(done.store)}", style="bold")


def _print_each(out: Console, pruning: Pruning, word: str) -> None:
    for one in (*pruning.judgements, *pruning.leftovers):
        what = word if one.removed else "stays"
        style = "yellow" if one.removed else ""
        text = f"{what} {one.id} ({size(pruning.sizes[one.id])}): {plain(one.why, _LONGEST)}"
        print_wrapped(out, text, style=style, indent=2)


def _document(done: Pruning) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "environment": done.environment,
        "store": done.store,
        "freed": done.freed,
        "backups": [
            {"id": one.id, "removed": one.removed, "why": one.why, "size": done.sizes[one.id]}
            for one in done.judgements
        ],
        "unfinished": [
            {"id": one.id, "removed": one.removed, "why": one.why, "size": done.sizes[one.id]} for one in done.leftovers
        ],
    }
