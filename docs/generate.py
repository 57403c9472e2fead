"""Writes the pages of this folder that follow from the program: `python docs/generate.py`, or `--check` to compare only."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from pages import audits, checklist, checklist_format, cli, exit_codes, kinds, schema

DOCS = Path(__file__).resolve().parent
PAGES: dict[str, Callable[[], str]] = {
    "audits.md": audits.page,
    "checklist.md": checklist.page,
    "checklist-format.md": checklist_format.page,
    "checklist.schema.json": schema.page,
    "cli.md": cli.page,
    "exit-codes.md": exit_codes.page,
    "kinds.md": kinds.page,
}


def main(arguments: list[str]) -> int:
    """Write every page, or with `--check` show what is out of date; 1 when something is, 2 for unknown arguments."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python docs/generate.py [--check]\n")
        return 2
    stale = [_compare(name, page()) if arguments else _write(name, page()) for name, page in PAGES.items()]
    return int(any(stale))


def _write(name: str, text: str) -> bool:
    (DOCS / name).write_text(text, "utf-8")
    return False


def _compare(name: str, text: str) -> bool:
    path = DOCS / name
    before = path.read_text("utf-8") if path.exists() else ""
    lines = before.splitlines(keepends=True), text.splitlines(keepends=True)
    sys.stdout.writelines(difflib.unified_diff(*lines, f"docs/{name} (on disk)", f"docs/{name} (generated)"))
    return text != before


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
