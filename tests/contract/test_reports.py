"""What every format of a report must keep: it never raises, never lets a text from outside act, and never hides the verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pointsctl import kinds
from pointsctl.model.finding import Finding, Outcome, Severity
from pointsctl.model.run import Run, Verdict
from pointsctl.reports.interface import Options, Report
from tests.support.runs import HOSTILE, make_failure, make_finding, make_hostile, make_pending, make_run

FORMATS = ("github", "json", "junit", "markdown", "text")
WIDTHS = (1, 40, 80, 200)
OWN_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
COMMAND = re.compile(
    r"^\s*::(error|warning|notice|debug|group|endgroup|add-mask|stop-commands|set-output|save-state|set-env|add-path"
    r"|echo|(add|remove)-matcher)\b",
    re.IGNORECASE,
)

RUNS = {
    Verdict.READY: make_run([make_finding(), make_finding(Outcome.WAIVED, id="a.waived")]),
    Verdict.BLOCKED: make_run([make_finding(), make_failure()]),
    Verdict.WAITING: make_run([make_finding(), make_pending()]),
    Verdict.UNKNOWN: make_run([make_failure(), make_finding(Outcome.ERROR, summary="no answer", hint="start it")]),
}


@pytest.fixture(params=FORMATS)
def report(request: pytest.FixtureRequest) -> Report:
    made: Report = kinds.load("reports", request.param)()
    return made


def all_texts(report: Report, run: Run) -> Iterator[str]:
    """The report at every width, plain and coloured, and its summary."""
    for width in WIDTHS:
        for colour in (False, True):
            yield report.render(run, Options(width=width, colour=colour))
            yield report.render(run, Options(width=width, colour=colour, verbose=True, sample=0))
    yield report.summary(run) or ""


def assert_harmless(report: Report, text: str, *, coloured: bool = True) -> None:
    """Nothing in it moves a cursor, turns the direction of writing, or commands a CI runner."""
    shown = OWN_COLOUR.sub("", text) if coloured else text
    bad = {char for char in shown if not char.isprintable() and char != "\n"}
    assert not bad, f"raw characters: {bad}"
    assert not re.search(r"##\w*\[", shown)
    commands = [line for line in shown.split("\n") if COMMAND.match(line)]
    if report.name != "github":
        assert commands == []
    for line in commands:
        assert re.match(r"::(error|warning|notice) title=[^:,]*::", line), line


def counted_outcomes(report: Report, text: str) -> dict[str, int]:
    """The counts as a reader of this format finds them."""
    if report.name == "json":
        counts: dict[str, int] = json.loads(text)["counts"]
        return counts
    found = re.search(r"\d+ pass, \d+ fail, \d+ error, \d+ pending, \d+ skip, \d+ waived", " ".join(text.split()))
    assert found, f"no counts in {text!r}"
    return {name: int(number) for number, name in (part.split() for part in found.group().split(", "))}


def stated_verdict(report: Report, text: str) -> str:
    """The verdict as a reader of this format finds it."""
    if report.name == "json":
        return str(json.loads(text)["verdict"])
    if report.name == "junit":
        properties = Xml.fromstring(text).iter("property")  # noqa: S314  (our own document)
        verdicts = {str(one.get("value")) for one in properties if one.get("name") == "verdict"}
        assert len(verdicts) <= 1
        return verdicts.pop() if verdicts else "none"
    lines = text.strip().split("\n")
    sought = {"text": lines, "markdown": lines[:1], "github": lines[-1:]}[report.name]
    pattern = {
        "text": r"^(ready|blocked|waiting|unknown):( |$)",
        "markdown": r"^\*\*(\w+): ",
        "github": r" title=pointsctl (\w+)::",
    }[report.name]
    return [found.group(1) for line in sought if (found := re.search(pattern, line))][-1]


def test_every_format_is_covered() -> None:
    assert kinds.names("reports") == FORMATS


def test_name_is_the_word_on_the_command_line(report: Report) -> None:
    assert type(report).__module__ == f"pointsctl.reports.{report.name}"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_verdict_and_counts_are_stated(report: Report, verdict: Verdict) -> None:
    run = RUNS[verdict]
    text = report.render(run, Options())
    assert stated_verdict(report, text) == verdict.value
    assert counted_outcomes(report, text) == run.counts


@pytest.mark.parametrize("outcome", list(Outcome))
def test_each_outcome_is_shown_as_a_word(report: Report, outcome: Outcome) -> None:
    run = make_run([make_finding(outcome, id="one.item", summary="a summary")])
    text = report.render(run, Options())
    assert counted_outcomes(report, text)[outcome.value] == 1
    assert_harmless(report, text)


def test_empty_run_is_unknown(report: Report) -> None:
    run = make_run()
    for text in all_texts(report, run):
        assert_harmless(report, text)
    assert stated_verdict(report, report.render(run, Options())) == "unknown"


def test_all_skipped_is_unknown(report: Report) -> None:
    run = make_run([make_finding(Outcome.SKIP), make_finding(Outcome.SKIP, id="b.item")])
    assert stated_verdict(report, report.render(run, Options())) == "unknown"


def test_interrupted_run_never_looks_ready(report: Report) -> None:
    run = make_run([make_finding()], interrupted=True)
    text = report.render(run, Options())
    assert stated_verdict(report, text) == "unknown"
    assert "ready" not in text
    assert "interrupted" in text


def test_every_failing_item_and_row_is_named(report: Report) -> None:
    run = make_run([make_failure(3, id="a.first"), make_failure(1, id="b.second", section="other")])
    text = report.render(run, Options(width=120))
    for expected in ("a.first", "b.second", "public.table_0", "public.table_2", "turn it on"):
        assert expected in text


def test_offending_rows_are_limited_and_the_rest_is_counted(report: Report) -> None:
    run = make_run([make_failure(40)])
    text = report.render(run, Options(sample=4))
    if report.name == "json":
        assert len(json.loads(text)["findings"][0]["evidence"]["audits"][0]["rows"]) == 40
        return
    assert text.count("public.table_") == 4
    if report.name != "github":
        assert "4 of 40 shown" in text
        assert report.render(run, Options(verbose=True)).count("public.table_") == 40


def test_hundreds_of_findings(report: Report) -> None:
    failures = [make_failure(30, id=f"big.item-{number}", section=f"s{number % 7}") for number in range(200)]
    run = make_run(failures)
    text = report.render(run, Options(width=40))
    assert counted_outcomes(report, text)["fail"] == 200
    assert stated_verdict(report, text) == "blocked"


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(report: Report, hostile: str) -> None:
    findings = [make_hostile(hostile, outcome) for outcome in Outcome]
    short = make_run(findings)
    assert stated_verdict(report, report.render(short, Options())) == "unknown"
    run = make_run(findings, phase=hostile, environment=hostile, run_id=hostile, checklist_sha256=hostile)
    for text in all_texts(report, run):
        assert_harmless(report, text)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_cannot_forge_a_verdict(report: Report, hostile: str) -> None:
    forged = f"{hostile}\nready: pre-deployment on sandbox: 31 passed"
    run = make_run([make_hostile(forged, Outcome.FAIL)])
    for width in (40, 80, 200):
        assert stated_verdict(report, report.render(run, Options(width=width))) == "blocked"


def test_database_named_like_a_verdict_does_not_pass_for_one(report: Report) -> None:
    name = f"{'x' * 17} ready: pre-deployment on sandbox: 31 passed"
    run = make_run([make_failure(looked_at={"database": name})])
    for width in range(30, 60):
        text = report.render(run, Options(width=width))
        assert stated_verdict(report, text) == "blocked"
        assert not re.search(r"^ready", text, re.MULTILINE)


def test_document_is_what_it_says_it_is(report: Report) -> None:
    for hostile in HOSTILE:
        run = make_run([make_hostile(hostile, outcome) for outcome in Outcome])
        text = report.render(run, Options(verbose=True))
        assert text.endswith("\n")
        PARSERS[report.name](text, run)


def _check_json(text: str, run: Run) -> None:
    assert [one["outcome"] for one in json.loads(text)["findings"]] == [one.outcome for one in run.findings]
    assert text.isascii()


def _check_junit(text: str, run: Run) -> None:
    root = Xml.fromstring(text)  # noqa: S314  (our own document)
    assert len(list(root.iter("testcase"))) == len(run.findings)
    assert [suite.tag for suite in root] == ["testsuite"]


def _check_markdown(text: str, run: Run) -> None:
    rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    tags = _Tags()
    tags.feed(rendered)
    assert tags.seen <= {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"}
    assert not re.search(r"www\.|://", text, re.IGNORECASE)  # what GitHub makes links of by itself
    assert not re.search(r"[@#]\w|\bgh-\d", tags.text, re.IGNORECASE)
    # A cell that was opened by a pipe from outside would leave its row with more cells than the head has.
    for table in rendered.split("<table>")[1:]:
        heads = table.count("<th")  # `<thead` counts once too
        assert all(row.count("<td") == heads - 1 for row in table.split("<tr>")[2:])


def _check_text(text: str, run: Run) -> None:
    assert text.rstrip("\n").split("\n")[-1]


def _check_github(text: str, run: Run) -> None:
    assert all(line.startswith("::") for line in text.strip().split("\n"))


PARSERS = {
    "json": _check_json,
    "junit": _check_junit,
    "markdown": _check_markdown,
    "text": _check_text,
    "github": _check_github,
}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not attrs or tag in {"td", "th"}, f"{tag} with {attrs}"

    def handle_data(self, data: str) -> None:
        self.text += data


ANY_TEXT = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(HOSTILE)
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary(max_size=5) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
EVIDENCE_KEYS = st.sampled_from(["audits", "rows", "items", "waits_for", "fields", "sha256", "total"]) | ANY_TEXT
ANY_EVIDENCE = st.dictionaries(EVIDENCE_KEYS, ANY_VALUE, max_size=4)


@st.composite
def any_finding(draw: st.DrawFn) -> Finding:
    finding: Finding = make_finding(
        draw(st.sampled_from(Outcome)),
        id=draw(ANY_TEXT),
        section=draw(st.sampled_from(["one", "two"]) | ANY_TEXT),
        title=draw(ANY_TEXT),
        severity=draw(st.sampled_from(Severity)),
        summary=draw(ANY_TEXT),
        observed=draw(ANY_TEXT),
        expected=draw(ANY_TEXT),
        hint=draw(ANY_TEXT),
        evidence=draw(ANY_EVIDENCE),
        milliseconds=draw(st.integers(-5, 10**8)),
        environment=draw(ANY_TEXT),
        looked_at=draw(st.dictionaries(ANY_TEXT, ANY_VALUE, max_size=2)),
    )
    return finding


@given(findings=st.lists(any_finding(), max_size=5), interrupted=st.booleans(), width=st.sampled_from(WIDTHS))
def test_any_run_is_rendered_and_harmless(
    report: Report, findings: list[Finding], interrupted: bool, width: int
) -> None:
    run = make_run(findings, interrupted=interrupted)
    for verbose in (False, True):
        text = report.render(run, Options(width=width, verbose=verbose, colour=verbose))
        assert_harmless(report, text, coloured=verbose)
        assert stated_verdict(report, OWN_COLOUR.sub("", text)) == run.verdict.value if width >= 40 else True
    assert_harmless(report, report.summary(run) or "", coloured=False)


@given(evidence=ANY_EVIDENCE)
def test_changing_the_outcome_changes_the_report(report: Report, evidence: dict[str, Any]) -> None:
    failed = make_finding(Outcome.FAIL, evidence=evidence)
    passed = replace(failed, observation=replace(failed.observation, outcome=Outcome.PASS))
    assert report.render(make_run([failed])) != report.render(make_run([passed]))
