"""What `migrate lint` found as SARIF 2.1.0, which code scanning reads (OASIS, Static Analysis Results Interchange Format)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pointsctl.model.escape import plain
from pointsctl.model.lint import Accepted, LintFinding, LintResult, Rule

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_VERSION = "2.1.0"
_BASE = "PROJECT"
_FINGERPRINT = "pointsctl/v1"


def sarif(result: LintResult, version: str) -> dict[str, Any]:
    """One run with its rules and results; waived findings are suppressed results with the reason. `version` is pointsctl's."""
    rules: dict[str, Rule] = {}
    for one in (*result.findings, *(accepted.finding for accepted in result.accepted)):
        rules.setdefault(one.rule.id, one.rule)
    places = {rule: number for number, rule in enumerate(rules)}
    results = [
        *(_result(one, places) for one in result.findings),
        *(_suppressed(one, places) for one in result.accepted),
    ]
    driver = {"name": "pointsctl", "semanticVersion": version, "rules": [_rule(rule) for rule in rules.values()]}
    notes = [{"level": "note", "message": {"text": plain(note)}} for note in result.notes]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_BASE: {"description": {"text": "the folder of the checklist"}}},
        "artifacts": [{"location": _location(file)} for file in result.files],
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": _VERSION, "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    described = {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why or rule.title},
        "help": {"text": rule.instead},
        "defaultConfiguration": {"level": rule.level.value},
    }
    return {**described, "helpUri": rule.help} if rule.help else described


def _result(one: LintFinding, places: dict[str, int]) -> dict[str, Any]:
    region = {"startLine": one.line, "startColumn": one.column}
    return {
        "ruleId": one.rule.id,
        "ruleIndex": places[one.rule.id],
        "level": one.rule.level.value,
        "message": {"text": f"{plain(one.why)}. Instead: {plain(one.rule.instead)}"},
        "locations": [{"physicalLocation": {"artifactLocation": _location(one.file), "region": region}}],
        "partialFingerprints": {_FINGERPRINT: one.key},
    }


def _suppressed(one: Accepted, places: dict[str, int]) -> dict[str, Any]:
    justification = f"{plain(one.waiver.reason)} (until {one.waiver.until.isoformat()})"
    suppression = {"kind": "external", "status": "accepted", "justification": justification}
    return {**_result(one.finding, places), "suppressions": [suppression]}


def _location(file: str) -> dict[str, str]:
    if file.startswith("/"):
        return {"uri": f"file://{quote(file)}"}
    return {"uri": quote(file), "uriBaseId": _BASE}
