"""The run as annotations of a GitHub Actions job, and Markdown for the job's summary page."""

from __future__ import annotations

from collections.abc import Mapping

from pointsctl.model.conclusion import conclusion, counts_line, to_mend
from pointsctl.model.escape import plain
from pointsctl.model.evidence import offending
from pointsctl.model.finding import Finding, Outcome, Severity
from pointsctl.model.run import Run, Verdict
from pointsctl.reports.interface import DEFAULTS, Options, Report
from pointsctl.reports.markdown import Markdown

SHOWN = 10
"""Annotations of one level that GitHub shows for a step; what is over is dropped without a word."""

SUMMARY_BYTES = 1024 * 1024
"""What GitHub accepts as the summary of one step; a longer one is refused as a whole."""

_CUT = "\n\nThe rest is over the size that GitHub accepts; the JSON report holds everything.\n"


class Github(Report):
    """Failures and errors as errors, minor failures and waivers as warnings, then the verdict."""

    name = "github"

    def render(self, run: Run, options: Options = DEFAULTS) -> str:
        """One workflow command on each line; the last one is the verdict with the counts."""
        bad = to_mend(run)
        errors = [finding for finding in bad if not _is_minor(finding)]
        warnings = [finding for finding in bad if _is_minor(finding)]
        warnings += [finding for finding in run.findings if finding.outcome is Outcome.WAIVED]
        shown = [*_annotations("error", errors, options), *_annotations("warning", warnings, options)]
        hidden = max(0, len(errors) - SHOWN) + max(0, len(warnings) - SHOWN)
        return "\n".join([*shown, _verdict(run, hidden, alone=not errors)]) + "\n"

    def summary(self, run: Run, options: Options = DEFAULTS) -> str:
        """The Markdown report, cut at a line end where it is over GitHub's limit."""
        text = Markdown().render(run, options)
        if len(text.encode()) <= SUMMARY_BYTES:
            return text
        # A block that is cut open is closed by GitHub itself; the verdict stands in the first line.
        kept = text.encode()[: SUMMARY_BYTES - len(_CUT.encode())]
        return kept[: kept.rfind(b"\n")].decode() + _CUT


def command(level: str, properties: Mapping[str, str], message: str) -> str:
    """A workflow command, escaped as GitHub's toolkit does (`packages/core/src/command.ts`)."""
    stated = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {stated}::{_data(message)}"


def _annotations(level: str, findings: list[Finding], options: Options) -> list[str]:
    return [
        command(level, {"title": plain(f"{finding.outcome.value}: {finding.id}")}, _message(finding, options))
        for finding in findings[:SHOWN]
    ]


def _message(finding: Finding, options: Options) -> str:
    seen = finding.observation
    lines = [f"{finding.title}: {seen.summary}", f"severity {finding.severity.value}, on {finding.environment}"]
    if seen.expected:
        lines.append(f"observed {seen.observed}, expected {seen.expected}")
    for group in offending(seen.evidence):
        lines += [f"- {row.object_name}: {row.detail}" for row in group.rows[: options.shown(len(group.rows))]]
    if seen.hint:
        lines.append(f"hint: {seen.hint}")
    return "\n".join(map(plain, lines))


def _verdict(run: Run, hidden: int, *, alone: bool) -> str:
    closed = run.verdict in (Verdict.BLOCKED, Verdict.UNKNOWN)
    level = "error" if closed and alone else "notice"
    more = [f"{hidden} more annotations are in the report"] if hidden else []
    message = "\n".join([plain(conclusion(run)), counts_line(run), *more])
    return command(level, {"title": f"pointsctl {run.verdict.value}"}, message)


def _is_minor(finding: Finding) -> bool:
    return finding.outcome is Outcome.FAIL and finding.severity is Severity.MINOR


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
