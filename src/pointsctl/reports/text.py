"""The run for an operator at a terminal: every item in a line, what to mend in full, the verdict as the last line."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text as Styled

from pointsctl.model.conclusion import again_command, by_section, conclusion, counts_line, elapsed, to_mend
from pointsctl.model.escape import plain
from pointsctl.model.evidence import Rows, facts, fields, identities, offending, waiting
from pointsctl.model.finding import Finding, Outcome
from pointsctl.model.run import Run, Verdict
from pointsctl.reports.interface import DEFAULTS, Options, Report

MARKS = {
    Outcome.PASS: ("✓", "green"),
    Outcome.FAIL: ("✗", "bold red"),
    Outcome.ERROR: ("!", "bold magenta"),
    Outcome.PENDING: ("…", "yellow"),
    Outcome.SKIP: ("-", "dim"),
    Outcome.WAIVED: ("~", "cyan"),
}
_VERDICTS = {
    Verdict.READY: "bold green",
    Verdict.BLOCKED: "bold red",
    Verdict.WAITING: "bold yellow",
    Verdict.UNKNOWN: "bold magenta",
}
_NARROWEST = 20
_NARROW = 60
_SHORTEST_SUMMARY = 16
_WAITING_SHOWN = 5
_FACTS_SHOWN = 8
_ONE_LINE = 300
_WORTH_TELLING_MS = 1000


class Text(Report):
    """Outcomes are a mark and a word, never colour alone; nothing from outside is read as markup or as a command."""

    name = "text"

    def render(self, run: Run, options: Options = DEFAULTS) -> str:
        """Sections, what to mend, what is waived, what waits, counts, verdict; at most `options.width` columns."""
        file = io.StringIO()
        console = _console(file, options)
        parts = (
            _sections(run, console.width),
            _mending(run, console.width, options),
            _waived(run),
            _waiting(run, options),
        )
        for part in parts:
            for line in part:
                console.print(line)
        for line in _ending(run):
            console.print(line)
        return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def _console(file: io.StringIO, options: Options) -> Console:
    # Everything that rich would otherwise find out by itself (terminal, size, process environment) is given.
    return Console(
        file=file,
        width=max(_NARROWEST, options.width),
        height=25,
        force_terminal=options.colour,
        color_system="standard" if options.colour else None,
        no_color=not options.colour,
        force_interactive=False,
        force_jupyter=False,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )


# --- every item in a line ---


def _sections(run: Run, width: int) -> Iterator[RenderableType]:
    yield Styled(f"{plain(run.phase)} on {plain(run.environment)}", style="bold")
    ids = [cell_len(plain(finding.id)) for finding in run.findings]
    column = min(max(ids, default=0), width * 2 // 5)
    for section, findings in by_section(run).items():
        yield ""
        yield Styled(plain(section), style="bold")
        for finding in findings:
            yield from _item(finding, width, column)


def _item(finding: Finding, width: int, column: int) -> Iterator[RenderableType]:
    head = _mark(finding)
    name = plain(finding.id)
    if width < _NARROW:
        yield from _narrow_item(finding, width)
        return
    time = elapsed(finding.duration_ms) if finding.duration_ms >= _WORTH_TELLING_MS else ""
    room = width - head.cell_len - max(column, cell_len(name)) - (len(time) + 2 if time else 0) - 2
    if room < _SHORTEST_SUMMARY:
        yield from _name_line(finding, width)
        head, room = Styled("    "), width - len(time) - 8
    else:
        head.append(name.ljust(len(name) + max(0, column - cell_len(name))))
    summary = _cut(finding.observation.summary, room)
    summary.pad_right(room - summary.cell_len)
    yield Styled.assemble(head, "  ", summary, "  ", (time, "dim")) if time else Styled.assemble(head, "  ", summary)


def _narrow_item(finding: Finding, width: int) -> Iterator[RenderableType]:
    yield from _name_line(finding, width)
    if finding.outcome is not Outcome.PASS:
        yield _indented(_cut(finding.observation.summary, width - 4))


def _name_line(finding: Finding, width: int, style: str = "") -> Iterator[RenderableType]:
    head, name = _mark(finding), Styled(plain(finding.id), style=style, overflow="fold")
    if head.cell_len + name.cell_len <= width:
        yield head.append_text(name)
    else:
        yield head
        yield _indented(name)


def _mark(finding: Finding) -> Styled:
    mark, style = MARKS[finding.outcome]
    return Styled.assemble("  ", (f"{mark} {finding.outcome.value:<7}", style), " ")


def _cut(text: str, room: int) -> Styled:
    cut = Styled(plain(text, _ONE_LINE))
    cut.truncate(room, overflow="ellipsis")
    return cut


# --- what to mend, in full ---


def _mending(run: Run, width: int, options: Options) -> Iterator[RenderableType]:
    findings = to_mend(run)
    if findings:
        yield ""
        yield Styled("to mend", style="bold")
    for finding in findings:
        yield ""
        yield from _in_full(run, finding, width, options)


def _in_full(run: Run, finding: Finding, width: int, options: Options) -> Iterator[RenderableType]:
    observation = finding.observation
    yield from _name_line(finding, width, "bold")
    yield from _labelled(
        ("item", finding.title),
        ("severity", f"{finding.severity.value}, on {finding.environment}"),
        ("summary", observation.summary),
        ("observed", observation.observed),
        ("expected", observation.expected),
    )
    groups = offending(observation.evidence)
    if options.verbose or not groups:
        yield from _labelled(*_facts(observation.evidence, options))
    for group in groups:
        yield from _rows(group, width, options)
    again = again_command(run, finding)
    remedies = {remedy for group in groups for remedy in group.remedies}
    hint = "" if observation.hint in remedies else observation.hint
    yield from _labelled(("hint", hint), ("again", again))


def _facts(evidence: Mapping[str, Any], options: Options) -> Iterator[tuple[str, str]]:
    seen = facts(evidence)
    limit = len(seen) if options.verbose else _FACTS_SHOWN
    yield from seen[:limit]
    if len(seen) > limit:
        yield "...", f"{len(seen) - limit} more facts; --verbose shows them"


def _labelled(*pairs: tuple[str, str]) -> Iterator[RenderableType]:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", min_width=8, max_width=16, overflow="fold")
    grid.add_column(overflow="fold")
    for label, value in pairs:
        if value:
            grid.add_row(Styled(plain(label)), Styled(plain(value)))
    if grid.row_count:
        yield _indented(grid)


def _indented(part: RenderableType, columns: int = 4) -> RenderableType:
    return Padding(part, (0, 0, 0, columns))


def _rows(group: Rows, width: int, options: Options) -> Iterator[RenderableType]:
    kept = group.rows[: options.shown(len(group.rows))]
    title = f"{plain(group.title)}: " if group.title else ""
    yield _indented(Styled(f"{title}{len(kept)} of {group.total:,} shown", overflow="fold"))
    if group.note:
        yield _indented(Styled(plain(group.note), overflow="fold"), 6)
    if kept:
        pairs = [(plain(row.object_name), plain(row.detail)) for row in kept]
        yield _narrow_rows(pairs) if width < _NARROW else _wide_rows(pairs, width)
    yield from _labelled(
        *(("remedy", remedy) for remedy in group.remedies[: max(1, options.shown(len(group.remedies)))])
    )


def _wide_rows(pairs: list[tuple[str, str]], width: int) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    longest = max((cell_len(name) for name, _ in pairs), default=0)
    # Names are copied into other commands: they keep their line as long as the details have room left.
    table.add_column("object", overflow="fold", header_style="dim", width=min(max(longest, 6), width * 6 // 10))
    table.add_column("detail", overflow="fold", header_style="dim")
    for name, detail in pairs:
        table.add_row(Styled(name), Styled(detail))
    return _indented(table, 6)


def _narrow_rows(pairs: list[tuple[str, str]]) -> RenderableType:
    lines = [line for name, detail in pairs for line in (f"- {name}", f"  {detail}")]
    return _indented(Styled("\n".join(lines), overflow="fold"))


# --- what is waived, what waits, and the end ---


def _waived(run: Run) -> Iterator[RenderableType]:
    findings = [finding for finding in run.findings if finding.outcome is Outcome.WAIVED]
    if findings:
        yield ""
        yield Styled("waived", style="bold")
    for finding in findings:
        yield _indented(Styled(f"{plain(finding.id)}: {plain(finding.observation.summary)}", overflow="fold"), 2)


def _waiting(run: Run, options: Options) -> Iterator[RenderableType]:
    groups = waiting(run.findings)
    shown = list(groups) if options.verbose else list(groups)[:_WAITING_SHOWN]
    if groups:
        yield ""
        yield Styled("waiting for", style="bold")
    for cause in shown:
        yield _indented(Styled(f"{plain(cause, _ONE_LINE)}: {_ids(groups[cause], options)}", overflow="fold"), 2)
    if len(groups) > len(shown):
        rest = sum(len(groups[cause]) for cause in list(groups)[len(shown) :])
        yield _indented(Styled(f"and {rest} more items; --verbose shows them", style="dim"), 2)


def _ids(findings: tuple[Finding, ...], options: Options) -> str:
    shown = findings if options.verbose else findings[:_WAITING_SHOWN]
    names = ", ".join(_name(finding, options) for finding in shown)
    more = f" and {len(findings) - len(shown)} more" if len(findings) > len(shown) else ""
    return f"{len(findings)} ({names}{more})"


def _name(finding: Finding, options: Options) -> str:
    blanks = ", ".join(map(plain, fields(finding))) if options.verbose else ""
    return f"{plain(finding.id)} [{blanks}]" if blanks else plain(finding.id)


def _ending(run: Run) -> Iterator[RenderableType]:
    yield ""
    for environment, identity in identities(run.findings):
        known = f": {plain(identity)}" if identity else ""
        # Indented also where it wraps: what a server calls itself must not begin a line like a verdict.
        yield _indented(Styled(f"looked at {plain(environment)}{known}", style="dim", overflow="fold"), 2)
    yield f"{counts_line(run)} in {elapsed(run.duration_ms)}"
    yield Styled(plain(conclusion(run)), style=_VERDICTS[run.verdict])
