"""Workflow commands as GitHub's runner reads them, within what GitHub shows."""

from __future__ import annotations

import re

import pytest

from pointsctl.model.finding import Finding, Outcome, Severity
from pointsctl.reports.github import SHOWN, SUMMARY_BYTES, Github, command
from pointsctl.reports.interface import Options
from tests.support.runs import HOSTILE, make_failure, make_finding, make_pending, make_run

LINE = re.compile(r"::(?P<level>[a-z]+) title=(?P<title>[^:,]*)::(?P<message>.*)")


def read(text: str) -> list[tuple[str, str, str]]:
    """The commands as the runner decodes them: level, title, message."""
    found = []
    for line in text.strip("\n").split("\n"):
        match = LINE.fullmatch(line)
        assert match, line
        title = _decode(match["title"].replace("%3A", ":").replace("%2C", ","))
        found.append((match["level"], title, _decode(match["message"])))
    return found


def _decode(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (make_failure(), "error"),
        (make_failure(severity=Severity.MAJOR), "error"),
        (make_finding(Outcome.ERROR, severity=Severity.MINOR), "error"),
        (make_failure(severity=Severity.MINOR), "warning"),
        (make_finding(Outcome.WAIVED), "warning"),
    ],
)
def test_levels(finding: Finding, level: str) -> None:
    first, *_ = read(Github().render(make_run([finding])))
    assert first[0] == level
    assert first[1] == f"{finding.outcome.value}: {finding.id}"
    assert finding.title in first[2]


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.PENDING, Outcome.SKIP])
def test_no_annotation_for_what_needs_no_mending(outcome: Outcome) -> None:
    assert len(read(Github().render(make_run([make_finding(outcome)])))) == 1


def test_rows_and_hint_are_in_the_message() -> None:
    message = read(Github().render(make_run([make_failure(2)])))[0][2].split("\n")
    assert "- public.table_1: row level security is off" in message
    assert message[-1] == "hint: turn it on, then run again"


def test_limit_of_github_and_a_count_of_the_rest() -> None:
    findings = [make_failure(severity=Severity.MINOR, id=f"a.minor-{number}") for number in range(15)]
    findings += [make_failure(id=f"a.major-{number}", severity=Severity.MAJOR) for number in range(12)]
    findings += [make_failure(id="a.worst")]
    seen = read(Github().render(make_run(findings)))
    assert [level for level, _, _ in seen] == ["error"] * SHOWN + ["warning"] * SHOWN + ["notice"]
    assert seen[0][1] == "fail: a.worst"
    assert seen[-1][1] == "pointsctl blocked"
    assert "8 more annotations are in the report" in seen[-1][2]


@pytest.mark.parametrize(
    ("run", "level"),
    [
        (make_run([make_finding()]), "notice"),
        (make_run([make_pending()]), "notice"),
        (make_run(), "error"),
        (make_run([make_finding()], interrupted=True), "error"),
        (make_run([make_failure(severity=Severity.MINOR)]), "error"),
    ],
)
def test_closed_verdict_without_an_error_is_one_itself(run: object, level: str) -> None:
    assert read(Github().render(run))[-1][0] == level  # type: ignore[arg-type]  # the parameters mix builders


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_properties_and_data_are_escaped_as_the_toolkit_does(hostile: str) -> None:
    line = command("error", {"title": hostile}, hostile).replace("\ud800", "?")
    assert "\n" not in line
    assert "\r" not in line
    [(_, title, message)] = read(line)
    assert (title, message) == (hostile.replace("\ud800", "?"), hostile.replace("\ud800", "?"))


def test_percent_signs_survive() -> None:
    assert command("error", {"title": "100%: a,b"}, "50%0A:") == "::error title=100%25%3A a%2Cb::50%250A:"


def test_summary_is_markdown_within_the_limit() -> None:
    run = make_run([make_failure(400, id=f"a.item-{number}") for number in range(60)])
    summary = Github().summary(run, Options(verbose=True))
    assert len(summary.encode()) <= SUMMARY_BYTES
    assert len(summary.encode()) > SUMMARY_BYTES * 0.9
    assert summary.startswith("**blocked: ")
    assert summary.endswith("the JSON report holds everything.\n")
    assert not Github().summary(make_run([make_failure()])).endswith("everything.\n")
