"""JUnit XML that CI systems read as it is meant."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from pointsctl.model.finding import Outcome
from pointsctl.model.run import Run
from pointsctl.reports.interface import Options
from pointsctl.reports.junit import Junit
from tests.support.runs import make_failure, make_finding, make_pending, make_run


def parse(run: Run) -> Xml.Element:
    return Xml.fromstring(Junit().render(run, Options()))  # noqa: S314  (our own document)


def test_outcomes_as_elements() -> None:
    findings = [make_finding(outcome, id=f"a.{outcome.value}", summary="seen") for outcome in Outcome]
    root = parse(make_run(findings))
    seen = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert seen == {
        "a.pass": ["system-out"],
        "a.fail": ["failure", "system-out"],
        "a.error": ["error", "system-out"],
        "a.pending": ["skipped", "system-out"],
        "a.skip": ["skipped", "system-out"],
        "a.waived": ["system-out"],
    }
    assert root.attrib | {"name": ""} == {
        "name": "", "tests": "6", "failures": "1", "errors": "1", "skipped": "2", "time": "1.234",
    }  # fmt: skip


def test_skipped_says_why() -> None:
    root = parse(make_run([make_pending("the backup catalogue"), make_finding(Outcome.SKIP, summary="not here")]))
    messages = [element.get("message") for element in root.iter("skipped")]
    assert messages == ["pending: waits for the backup catalogue", "skip: not here"]


def test_failure_holds_rows_and_what_to_do() -> None:
    failure = next(parse(make_run([make_failure(2)])).iter("failure"))
    assert failure.get("message") == "fail: 2 tables without row level security"
    assert failure.get("type") == "critical"
    lines = (failure.text or "").split("\n")
    assert "- public.table_1: row level security is off" in lines
    assert "hint: turn it on, then run again" in lines


def test_suites_are_sections_with_times_in_seconds() -> None:
    findings = [
        make_finding(section="one", milliseconds=1500),
        make_finding(section="two", milliseconds=20),
        make_finding(section="one", milliseconds=500),
    ]
    suites = {suite.get("name"): suite for suite in parse(make_run(findings))}
    assert list(suites) == ["one", "two"]
    assert suites["one"].get("tests") == "2"
    assert suites["one"].get("time") == "2.000"
    assert [case.get("time") for case in suites["one"].iter("testcase")] == ["1.500", "0.500"]


def test_every_suite_has_the_verdict() -> None:
    root = parse(make_run([make_finding(section="one"), make_pending()]))
    stated = [one.get("value") for one in root.iter("property") if one.get("name") == "verdict"]
    assert stated == ["waiting", "waiting"]


def test_run_that_knows_nothing_is_never_green() -> None:
    for run in (make_run(), make_run([make_finding(Outcome.SKIP)]), make_run([make_finding()], interrupted=True)):
        root = parse(run)
        assert root.get("errors") == "1"
        assert next(root.iter("error")).get("type") == "unknown"
