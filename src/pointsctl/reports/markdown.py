"""The run as GitHub-flavoured Markdown, for a pull request or the summary page of a job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pointsctl.model.conclusion import conclusion, counts_line, elapsed, to_mend
from pointsctl.model.escape import markdown
from pointsctl.model.evidence import Rows, facts, identities, offending, waiting
from pointsctl.model.finding import Finding, Outcome
from pointsctl.model.run import Run
from pointsctl.reports.interface import DEFAULTS, Options, Report

_CELL = 300
_MARKS = {
    Outcome.PASS: "✅",
    Outcome.FAIL: "❌",
    Outcome.ERROR: "⚠️",
    Outcome.PENDING: "⏳",
    Outcome.SKIP: "➖",
    Outcome.WAIVED: "📝",
}


class Markdown(Report):
    """What is to be mended first; everything else folded away. Texts from outside are never markup, links or mentions."""

    name = "markdown"

    def render(self, run: Run, options: Options = DEFAULTS) -> str:
        """Verdict, counts, what to mend with its rows, what is waived, what waits, then the rest."""
        blocks = [
            f"**{markdown(conclusion(run))}**",
            f"{counts_line(run)} in {elapsed(run.duration_ms)}",
            *_looked_at(run),
            *_mending(run, options),
            *_waived(run),
            *_waiting(run, options),
            *_others(run),
        ]
        return "\n\n".join(blocks) + "\n"


def _looked_at(run: Run) -> Iterator[str]:
    for environment, identity in identities(run.findings):
        yield f"looked at {markdown(environment)}{': ' if identity else ''}{markdown(identity)}"


def _mending(run: Run, options: Options) -> Iterator[str]:
    findings = to_mend(run)
    if findings:
        header = ("outcome", "item", "severity", "observed", "expected", "next")
        yield _table(header, (_mending_row(finding) for finding in findings))
    for finding in findings:
        yield from _details_of(finding, options)


def _mending_row(finding: Finding) -> tuple[str, ...]:
    seen = finding.observation
    observed = seen.observed if finding.outcome is Outcome.FAIL else seen.summary
    return (
        _outcome(finding),
        markdown(finding.id),
        finding.severity.value,
        *(markdown(text, _CELL) for text in (observed, seen.expected, seen.hint)),
    )


def _details_of(finding: Finding, options: Options) -> Iterator[str]:
    evidence = finding.observation.evidence
    blocks = [block for group in offending(evidence) for block in _rows(group, options)]
    seen = facts(evidence)
    if seen:
        blocks.append(_table(("fact", "value"), ((markdown(key, _CELL), markdown(value)) for key, value in seen)))
    if blocks:
        yield _details(f"{markdown(finding.id)}: {markdown(finding.title)}", blocks)


def _rows(group: Rows, options: Options) -> Iterator[str]:
    kept = group.rows[: options.shown(len(group.rows))]
    title = f"{markdown(group.title)}: " if group.title else ""
    yield f"{title}{len(kept)} of {group.total:,} shown"
    if kept:
        yield _table(("object", "detail"), ((markdown(row.object_name), markdown(row.detail)) for row in kept))
    for remedy in group.remedies[: max(1, options.shown(len(group.remedies)))]:
        yield f"remedy: {markdown(remedy)}"


def _waived(run: Run) -> Iterator[str]:
    # Never folded away: somebody answers for each of them.
    rows = [
        (markdown(finding.id), finding.severity.value, markdown(finding.observation.summary))
        for finding in run.findings
        if finding.outcome is Outcome.WAIVED
    ]
    if rows:
        yield _table(("waived", "severity", "what, by whom, until when and why"), rows)


def _waiting(run: Run, options: Options) -> Iterator[str]:
    groups = waiting(run.findings)
    if groups:
        rows = ((markdown(cause, _CELL), str(len(items)), _ids(items, options)) for cause, items in groups.items())
        yield _details(f"{run.counts[Outcome.PENDING]} pending", [_table(("waits for", "items", "which"), rows)])


def _ids(findings: tuple[Finding, ...], options: Options) -> str:
    kept = findings[: options.shown(len(findings))]
    more = f" and {len(findings) - len(kept)} more" if len(findings) > len(kept) else ""
    return ", ".join(markdown(finding.id) for finding in kept) + more


def _others(run: Run) -> Iterator[str]:
    kept = [item for item in run.findings if item.outcome in (Outcome.PASS, Outcome.SKIP)]
    if kept:
        rows = (
            (_outcome(item), markdown(item.id), markdown(item.observation.summary, _CELL), elapsed(item.duration_ms))
            for item in kept
        )
        title = "items that passed or were skipped"
        yield _details(f"{len(kept)} {title}", [_table(("outcome", "item", "summary", "time"), rows)])


def _outcome(finding: Finding) -> str:
    return f"{_MARKS[finding.outcome]} {finding.outcome.value}"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _details(summary: str, blocks: list[str]) -> str:
    # A blank line after the opening and before the closing tag lets the Markdown between them be Markdown.
    return "\n\n".join([f"<details><summary>{summary}</summary>", *blocks, "</details>"])
