"""Writes what in the documentation follows from the program: `python docs/generate.py`, or `--check` to compare only.

Whole pages come from `pages/`, the marked blocks of README.md and docs/*.md from `screens/`, which runs the program in a
sandbox. `--pages` leaves the marked blocks alone.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pages import audits, checklist, checklist_format, cli, exit_codes, kinds, schema
from screens.story import StoryError

from pointsctl.errors import PointsctlError

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
    """Write everything, or with `--check` show what is out of date; 1 when something is; 2 for unknown arguments, 4 without an answer."""
    if not set(arguments) <= {"--check", "--pages"}:
        sys.stderr.write("usage: python docs/generate.py [--check] [--pages]\n")
        return 2
    treat = _compare if "--check" in arguments else _write
    try:
        stale = [treat(path, text) for path, text in _wanted(screens="--pages" not in arguments)]
    except (StoryError, PointsctlError) as error:
        sys.stderr.write(f"docs/generate.py: {error}\n")
        return 4
    return int(any(stale))


def _wanted(*, screens: bool) -> Iterator[tuple[Path, str]]:
    """Every file with the text that it should have."""
    for name, page in PAGES.items():
        yield DOCS / name, page()
    if screens:
        from screens.blocks import filled

        for path in (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))):
            if path.name not in PAGES:
                yield path, filled(path.read_text("utf-8"))


def _write(path: Path, text: str) -> bool:
    path.write_text(text, "utf-8")
    return False


def _compare(path: Path, text: str) -> bool:
    name = path.relative_to(DOCS.parent)
    before = path.read_text("utf-8") if path.exists() else ""
    lines = before.splitlines(keepends=True), text.splitlines(keepends=True)
    sys.stdout.writelines(difflib.unified_diff(*lines, f"{name} (on disk)", f"{name} (generated)"))
    return text != before


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
