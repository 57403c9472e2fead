"""Fills the marked blocks of a page: `<!-- screen: NAME -->`, `<!-- file: NAME -->`, `<!-- table: faults -->`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache

from pages.markdown import table

from pointsctl.sandbox.faults import faults
from screens.normal import folded, normal
from screens.preparations import FILES
from screens.stage import stage
from screens.stand_ins import StandIns
from screens.story import STORY, Run, Screen, StoryError

_BLOCK = re.compile(r"(?ms)^<!-- (screen|file|table): (\S+) -->\n(.*?)^<!-- /\1 -->$")
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".sql": "sql"}


def blocks(text: str) -> list[tuple[str, str]]:
    """What a page asks for: sort and name of each block."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(text)]


def filled(text: str) -> str:
    """The page with all blocks filled. Raises StoryError."""
    return _BLOCK.sub(_filled_block, text)


def _filled_block(found: re.Match[str]) -> str:
    sort, name = found[1], found[2]
    return f"<!-- {sort}: {name} -->\n{_content(sort, name)}<!-- /{sort} -->"


def excerpt(output: str, parts: Iterable[tuple[str, str]]) -> str:
    """The lines from one pattern to the next for each part, in order, with `...` for what is left out. Raises StoryError."""
    lines, at, kept = output.splitlines(), 0, list[str]()
    for first, last in parts or ((r"", r"\Z"),):
        begin = _find(lines, first, at)
        # `\Z` is the end of the output; any other pattern is looked for below the first line.
        end = len(lines) - 1 if last == r"\Z" else _find(lines, last, begin + 1)
        kept += ["..."] if begin > at else []
        kept += "\n".join(lines[begin : end + 1]).rstrip().splitlines()
        at = end + 1
    return "\n".join([*kept, *(["..."] if at < len(lines) else [])])


def _find(lines: list[str], pattern: str, start: int) -> int:
    for number in range(start, len(lines)):
        if re.search(pattern, lines[number]):
            return number
    raise StoryError(f"no line after line {start} matches {pattern!r} in:\n" + "\n".join(lines))


def _content(sort: str, name: str) -> str:
    sources: Mapping[str, Callable[[str], str]] = {"screen": _screen, "file": _file, "table": _table}
    return sources[sort](name)


def _screen(name: str) -> str:
    if name not in STORY:
        raise StoryError(f"no screen {name!r} in docs/screens/story.py; known: {', '.join(STORY)}")
    return all_screens()[name]


def _file(name: str) -> str:
    path = FILES / name
    if not path.is_file():
        raise StoryError(f"no file {name!r} in docs/screens/files")
    return f"```{_LANGUAGES[path.suffix]}\n{path.read_text('utf-8')}```\n"


def _table(name: str) -> str:
    if name != "faults":
        raise StoryError(f"no table {name!r}; known: faults")
    return "".join(table(("fault", "what it does"), ((f"`{one.name}`", one.title) for one in faults().values())))


@cache
def all_screens() -> Mapping[str, str]:
    """Every screen of the story as a fenced block. Runs the whole story once."""
    stand_ins = StandIns(datetime.now(UTC))
    with stage() as on_stage:
        return {
            name: _fenced(screen, [_normal(run, on_stage.output(run), stand_ins) for run in screen.runs])
            for name, screen in STORY.items()
        }


def _normal(run: Run, output: str, stand_ins: StandIns) -> str:
    text = normal(output, stand_ins)
    return folded(text) if run.wide else text


def _fenced(screen: Screen, outputs: list[str]) -> str:
    shown = [f"$ {run.line}\n{excerpt(output, screen.parts)}" for run, output in zip(screen.runs, outputs, strict=True)]
    return "```console\n" + "\n".join(shown) + "\n```\n"
