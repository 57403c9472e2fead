"""What `migrate lint` found as one JSON value, `pointsctl/lint/v1`: the contract for scripts."""

from __future__ import annotations

from typing import Any

from pointsctl.model.lint import Accepted, LintFinding, LintResult

SCHEMA = "pointsctl/lint/v1"


def lint_document(result: LintResult) -> dict[str, Any]:
    """The whole result; every value is one that JSON can hold."""
    return {
        "schema": SCHEMA,
        "files": list(result.files),
        "sizes_judged": result.sizes_judged,
        "findings": [_finding(one) for one in result.findings],
        "waived": [_accepted(one) for one in result.accepted],
        "expired_waivers": [_accepted(one) for one in result.expired],
        "unknown_waivers": list(result.unknown),
        "notes": list(result.notes),
    }


def _finding(one: LintFinding) -> dict[str, Any]:
    return {
        "key": one.key,
        "rule": one.rule.id,
        "level": one.rule.level.value,
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "title": one.rule.title,
        "detail": one.detail,
        "why": one.why,
        "instead": one.rule.instead,
        "help": one.rule.help,
    }


def _accepted(one: Accepted) -> dict[str, Any]:
    return {**_finding(one.finding), "reason": one.waiver.reason, "until": one.waiver.until.isoformat()}
