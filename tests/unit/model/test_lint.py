"""What counts of the findings, what a waiver accepts and until when, and the two documents."""

from __future__ import annotations

import json
from datetime import date, timedelta

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import ExitCode
from pointsctl.model.configuration import LintWaiver
from pointsctl.model.lint import Found, Level, LintFinding, LintResult, Rule, finding, judged
from pointsctl.model.lint_document import lint_document
from pointsctl.model.sarif import sarif

TODAY = date(2026, 1, 31)
HOSTILE = "a\x1b[2J\n::error::\u202e.sql"


def rule(level: Level = Level.ERROR, name: str = "a-rule") -> Rule:
    return Rule(name, level, "a title", "a reason", "a way", "https://example.test/a-rule")


def found(words: str = "delete from t", level: Level = Level.ERROR, file: str = "a.sql") -> LintFinding:
    return finding(Found(rule(level), 3, "t"), file, words, 5)


def waiver(days: int = 0) -> LintWaiver:
    return LintWaiver(reason="accepted by the lead", until=TODAY + timedelta(days=days))


def result(*findings: LintFinding, waived: dict[str, LintWaiver] | None = None, everything: bool = True) -> LintResult:
    return judged(findings, ("a.sql",), waived or {}, TODAY, notes=("a note",), everything=everything)


def test_a_waiver_counts_to_the_end_of_its_day_and_then_no_longer() -> None:
    one = found()
    accepted = result(one, waived={one.key: waiver(0)})
    assert (accepted.exit_code, accepted.findings) == (ExitCode.DONE, ())
    assert [each.finding for each in accepted.accepted] == [one]
    late = result(one, waived={one.key: waiver(-1)})
    assert (late.exit_code, late.findings, late.accepted) == (ExitCode.BAD, (one,), ())
    assert [each.finding for each in late.expired] == [one]


def test_a_key_that_accepts_nothing_is_told_when_everything_was_looked_at() -> None:
    one = found()
    assert result(one, waived={"gone": waiver()}).unknown == ("gone",)
    assert result(one, waived={"gone": waiver()}, everything=False).unknown == ()
    assert result(one, waived={one.key: waiver()}).unknown == ()


def test_a_note_fails_nothing_and_a_finding_is_told_once() -> None:
    assert result(found(level=Level.NOTE)).exit_code is ExitCode.DONE
    assert result(found(), found()).findings == (found(),)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(-2, 2), st.booleans())))
def test_every_finding_is_counted_or_accepted_and_none_is_both(given: list[tuple[str, int, bool]]) -> None:
    findings = [found(words) for words, _, _ in given]
    waived = {found(words).key: waiver(days) for words, days, is_waived in given if is_waived}
    told = result(*findings, waived=waived)
    counted, accepted = set(told.findings), {one.finding for one in told.accepted}
    assert counted | accepted == set(findings)
    assert not counted & accepted
    assert all(waived[one.key].until >= TODAY for one in accepted)


# What the standard requires of the objects that are written (SARIF 2.1.0, 3.13 to 3.35), and nothing besides.
MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LOCATION = {
    "type": "object",
    "required": ["uri"],
    "additionalProperties": False,
    "properties": {"uri": {"type": "string", "pattern": "^[!-~]+$"}, "uriBaseId": {"const": "PROJECT"}},
}
POSITIVE = {"type": "integer", "minimum": 1}
REGION = {
    "type": "object",
    "properties": {"startLine": POSITIVE, "startColumn": POSITIVE},
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": MESSAGE,
        "locations": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "physicalLocation": {
                        "type": "object",
                        "required": ["artifactLocation", "region"],
                        "properties": {"artifactLocation": LOCATION, "region": REGION},
                    }
                },
            },
        },
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "suppressions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind"],
                "additionalProperties": False,
                "properties": {
                    "kind": {"enum": ["inSource", "external"]},
                    "status": {"enum": ["accepted", "underReview", "rejected"]},
                    "justification": {"type": "string"},
                },
            },
        },
    },
}
RULE = {
    "type": "object",
    "required": ["id", "shortDescription", "fullDescription", "help", "defaultConfiguration"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "shortDescription": MESSAGE,
        "fullDescription": MESSAGE,
        "help": MESSAGE,
        "helpUri": {"type": "string", "pattern": "^https://"},
        "defaultConfiguration": {
            "type": "object",
            "properties": {"level": {"enum": ["none", "note", "warning", "error"]}},
        },
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {"rules": {"type": "array", "uniqueItems": True, "items": RULE}},
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "originalUriBaseIds": {"type": "object"},
                    "artifacts": {"type": "array", "items": {"properties": {"location": LOCATION}}},
                    "invocations": {"type": "array", "items": {"required": ["executionSuccessful"]}},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}


def test_sarif_has_the_shape_that_the_standard_asks_for() -> None:
    waived = found("drop table t", file=HOSTILE)
    told = judged(
        [found(), found(level=Level.NOTE, words="x"), waived], ("a.sql", HOSTILE), {waived.key: waiver()}, TODAY
    )
    document = json.loads(json.dumps(sarif(told, "1.2.3")))
    jsonschema.validate(document, SARIF)
    run = document["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == ["a-rule"] * 3
    assert found().key in [one["partialFingerprints"]["pointsctl/v1"] for one in run["results"]]
    suppressed = [one for one in run["results"] if "suppressions" in one]
    assert [one["suppressions"][0]["kind"] for one in suppressed] == ["external"]
    assert "accepted by the lead" in suppressed[0]["suppressions"][0]["justification"]


def test_the_document_tells_every_part() -> None:
    one, other = found(), found("drop table t")
    waived = {one.key: waiver(), other.key: waiver(-1), "gone": waiver()}
    document = lint_document(result(one, other, waived=waived))
    assert document["schema"] == "pointsctl/lint/v1"
    assert [(each["key"], each["line"], each["column"]) for each in document["findings"]] == [(other.key, 3, 5)]
    assert [each["until"] for each in document["waived"]] == ["2026-01-31"]
    assert [each["key"] for each in document["expired_waivers"]] == [other.key]
    assert (document["unknown_waivers"], document["notes"]) == (["gone"], ["a note"])
