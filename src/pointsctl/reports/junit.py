"""The run as JUnit XML, for the test pages of CI systems.

JUnit knows passed, failed, error and skipped only. A `pending` item shows as skipped, so a waiting run looks green there:
take the verdict from the exit code, or from the property `verdict` of each suite. A `waived` item shows as passed. A run
whose verdict is unknown without an erring item (cut short, empty, everything skipped) gets an erring case of its own, so
that it never looks green.
"""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from pointsctl.model.canonical import utc_text
from pointsctl.model.conclusion import by_section, conclusion, counts_line, nothing_looked_at
from pointsctl.model.escape import plain
from pointsctl.model.evidence import Rows, facts, offending, waits_for
from pointsctl.model.finding import Finding, Outcome
from pointsctl.model.run import Run
from pointsctl.reports.interface import DEFAULTS, Options, Report

_ELEMENTS = {
    Outcome.FAIL: "failure",
    Outcome.ERROR: "error",
    Outcome.PENDING: "skipped",
    Outcome.SKIP: "skipped",
}


class Junit(Report):
    """One suite for each section, one case for each item; times in seconds."""

    name = "junit"

    def render(self, run: Run, options: Options = DEFAULTS) -> str:
        """The document with its declaration."""
        root = Xml.Element("testsuites", {"name": plain(f"pointsctl {run.phase} on {run.environment}")})
        for section, findings in by_section(run).items():
            _suite(root, run, section, [_case(finding, options) for finding in findings])
        if nothing_looked_at(run):
            _suite(root, run, "verdict", [_unknown(run)])
        _count(root, list(root.iter("testcase")))
        root.set("time", f"{run.duration_ms / 1000:.3f}")
        Xml.indent(root)
        document: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
        return f"{document.decode()}\n"


def _suite(root: Xml.Element, run: Run, name: str, cases: list[Xml.Element]) -> None:
    suite = Xml.SubElement(root, "testsuite", {"name": plain(name), "timestamp": utc_text(run.started_at)})
    properties = Xml.SubElement(suite, "properties")
    stated = {
        "verdict": run.verdict.value,
        "conclusion": plain(conclusion(run)),
        "counts": counts_line(run),
        "run_id": plain(run.run_id),
        "environment": plain(run.environment),
    }
    for key, value in stated.items():
        Xml.SubElement(properties, "property", {"name": key, "value": value})
    suite.extend(cases)
    _count(suite, cases)
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")


def _count(element: Xml.Element, cases: list[Xml.Element]) -> None:
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))


def _case(finding: Finding, options: Options) -> Xml.Element:
    observation = finding.observation
    case = Xml.Element(
        "testcase",
        {
            "classname": plain(finding.section),
            "name": plain(finding.id),
            "time": f"{finding.duration_ms / 1000:.3f}",
        },
    )
    element = _ELEMENTS.get(finding.outcome)
    if element is not None:
        message = plain(f"{finding.outcome.value}: {_message(finding)}")
        result = Xml.SubElement(case, element, {"message": message})
        if element != "skipped":
            result.set("type", finding.severity.value)
            result.text = "\n".join(_lines(finding, options))
    Xml.SubElement(case, "system-out").text = plain(f"{finding.outcome.value}: {finding.title}: {observation.summary}")
    return case


def _message(finding: Finding) -> str:
    summary = finding.observation.summary
    return f"waits for {waits_for(finding)}" if finding.outcome is Outcome.PENDING else summary


def _lines(finding: Finding, options: Options) -> list[str]:
    observation = finding.observation
    stated = [
        ("item", finding.title),
        ("severity", finding.severity.value),
        ("environment", finding.environment),
        ("observed", observation.observed),
        ("expected", observation.expected),
        ("hint", observation.hint),
        *facts(observation.evidence),
    ]
    lines = [f"{plain(key)}: {plain(value)}" for key, value in stated if value]
    for group in offending(observation.evidence):
        lines += _rows(group, options)
    return lines


def _rows(group: Rows, options: Options) -> list[str]:
    kept = group.rows[: options.shown(len(group.rows))]
    title = plain(group.title) or "rows"
    return [
        f"{title}: {len(kept)} of {group.total:,} shown",
        *(f"- {plain(row.object_name)}: {plain(row.detail)}" for row in kept),
        *(f"remedy: {plain(remedy)}" for remedy in group.remedies),
    ]


def _unknown(run: Run) -> Xml.Element:
    case = Xml.Element("testcase", {"classname": "verdict", "name": "verdict", "time": "0.000"})
    Xml.SubElement(case, "error", {"message": plain(conclusion(run)), "type": "unknown"})
    return case
