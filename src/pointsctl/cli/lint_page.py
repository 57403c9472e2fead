"""Shows what `migrate lint` found: as a page, as JSON, as SARIF, as annotations of a GitHub Actions job."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_wrapped
from pointsctl.errors import UsageError
from pointsctl.model.escape import HASH_COMMAND, plain
from pointsctl.model.lint import Accepted, Level, LintFinding, LintResult
from pointsctl.model.lint_document import lint_document
from pointsctl.model.problems import nearest
from pointsctl.model.sarif import sarif

if TYPE_CHECKING:
    from rich.console import Console

Shape = Callable[[LintResult, "Console"], None]

_LONGEST = 500
_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.NOTE: ""}
_ANNOTATIONS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def shape_named(name: str) -> Shape:
    """How the result is shown. Raises UsageError with the nearest name; called before anything is looked at."""
    if name not in _SHAPES:
        close = nearest(name, _SHAPES)
        hint = f"did you mean {close!r}?" if close else f"formats: {', '.join(_SHAPES)}"
        raise UsageError(f"no format {name!r} for the linter", hint=hint)
    return _SHAPES[name]


def write_result(result: LintResult, shape: Shape, output: Path | None) -> None:
    """Show the result on stdout, or write it into a file."""
    if output is None:
        shape(result, console())
        return
    from pointsctl.cli.terminal import Terminal
    from pointsctl.files import write_private

    text = io.StringIO()
    shape(result, Terminal(text))
    write_private(output, text.getvalue())
    sys.stderr.write(f"wrote {output}\n")


def _page(result: LintResult, out: Console) -> None:
    for one in result.findings:
        _print_finding(out, one)
    for accepted in result.expired:
        until = accepted.waiver.until.isoformat()
        print_wrapped(out, f"the waiver of {accepted.finding.key} ended on {until}: {plain(accepted.waiver.reason)}")
    for key in result.unknown:
        print_wrapped(out, f"nothing was found that the waived key {plain(key, _LONGEST)} accepts: remove it")
    for accepted in result.accepted:
        print_wrapped(out, _accepted(accepted), indent=2)
    for note in result.notes:
        print_wrapped(out, plain(note, _LONGEST))
    print_wrapped(out, conclusion(result), style="bold red" if result.counted else "bold")


def _print_finding(out: Console, one: LintFinding) -> None:
    level = one.rule.level
    place = f"{plain(one.file, _LONGEST)}:{one.line}"
    print_wrapped(out, f"{place}  {level.value}  {plain(one.rule.title, _LONGEST)}", style=_STYLES[level], indent=2)
    print_wrapped(out, f"  {plain(one.why, _LONGEST)}")
    print_wrapped(out, f"  instead: {plain(one.rule.instead, _LONGEST)}")
    if level is not Level.NOTE:
        print_wrapped(out, f"  key: {one.key}")
    out.print()


def _accepted(one: Accepted) -> str:
    finding, waiver = one.finding, one.waiver
    place = f"{plain(finding.file, _LONGEST)}:{finding.line}"
    return f"{place}  {finding.rule.id} is waived until {waiver.until.isoformat()}: {plain(waiver.reason, _LONGEST)}"


def conclusion(result: LintResult) -> str:
    """The result in a sentence."""
    files = f"{len(result.files):,} file{'s' * (len(result.files) != 1)}"
    waived = f", {len(result.accepted):,} waived" if result.accepted else ""
    if not result.files:
        return "nothing is pending, so nothing was looked at"
    number = len(result.counted)
    return (
        f"{number:,} finding{'s' * (number != 1)} in {files}{waived}" if number else f"no findings in {files}{waived}"
    )


def _json(result: LintResult, out: Console) -> None:
    _write(out, lint_document(result))


def _sarif(result: LintResult, out: Console) -> None:
    from pointsctl import __version__

    _write(out, sarif(result, __version__))


def _write(out: Console, document: dict[str, Any]) -> None:
    # Only ASCII is written, so nothing in it can act on a terminal or a CI runner.
    out.file.write(HASH_COMMAND.sub(r"\\u0023#", json.dumps(document)) + "\n")


def _github(result: LintResult, out: Console) -> None:
    from pointsctl.reports.github import command

    for one in result.findings:
        properties = {"file": plain(one.file), "line": str(one.line), "title": plain(one.rule.id)}
        message = f"{plain(one.why)}\ninstead: {plain(one.rule.instead)}\nkey: {one.key}"
        out.file.write(command(_ANNOTATIONS[one.rule.level], properties, message) + "\n")
    out.file.write(command("notice", {"title": "pointsctl migrate lint"}, conclusion(result)) + "\n")


_SHAPES: dict[str, Shape] = {"text": _page, "json": _json, "sarif": _sarif, "github": _github}
