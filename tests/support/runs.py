"""Builds findings and runs for tests of everything that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pointsctl.model.finding import Finding, Observation, Outcome, Severity
from pointsctl.model.run import Run

STARTED = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
"""When every run of a test starts."""

HOSTILE = (
    "[red]x\x1b[2J",
    "\x1b]8;;http://example.org\x07click\x1b]8;;\x07",
    "::error title=forged::approved",
    "##[error]forged",
    "###vso[task.setvariable variable=x]y ##teamcity[x]",
    "]]></testcase></testsuite><testsuite>",
    "<script>alert(1)</script></details>",
    "a | b \\| c",
    "`code` **bold** [link](http://example.org) ![image](x) www.example.org",
    "@somebody #1 GH-2 someone/thing#3",
    "\u202egnp.exe\u2066x\u2069\u200b\ufeff",
    "first\nsecond\r\nthird\u2028fourth\x85fifth",
    "\n::error::forged\r::stop-commands::x",
    "\x00\x08\x0b\x7f\x9b\ud800",
    "%0A::error::forged",
    "![x\n\n# heading\n\n- list",
    ":smile: $x$ {{ 7*7 }} %(x)s {0}",
    "幅の広い文字" * 20,
    "x" * 5000,
)
"""What a table name, a note or an answer of a server may hold when somebody means harm."""


def make_finding(
    outcome: Outcome = Outcome.PASS,
    *,
    id: str = "security.rls-enabled",  # noqa: A002  (the finding's own word)
    section: str = "security-audit",
    title: str = "Row level security is on",
    severity: Severity = Severity.CRITICAL,
    summary: str = "3 tables looked at",
    observed: str = "3",
    expected: str = "",
    hint: str = "",
    evidence: Mapping[str, Any] | None = None,
    milliseconds: int = 12,
    environment: str = "sandbox",
    looked_at: Mapping[str, Any] | None = None,
) -> Finding:
    """One finding of kind `sql_audit`."""
    observation = Observation(outcome, summary, observed, expected, hint, evidence or {})
    finished = STARTED + timedelta(milliseconds=milliseconds)
    return Finding(
        id, section, title, "sql_audit", severity, observation, STARTED, finished, environment, looked_at or {}
    )


def make_failure(rows: int = 2, **changes: Any) -> Finding:
    """A failed audit with offending rows."""
    offending = [
        {
            "id": "rls-enabled",
            "severity": "critical",
            "object": f"public.table_{number}",
            "detail": "row level security is off",
            "remedy": "alter table ... enable row level security",
            "key": f"k{number}",
        }
        for number in range(rows)
    ]
    audit = {"id": "rls-enabled", "title": "row level security is on", "severity": "critical", "total": rows}
    given: dict[str, Any] = {
        "summary": f"{rows} tables without row level security",
        "observed": f"{rows} tables",
        "expected": "0 tables",
        "hint": "turn it on, then run again",
        "evidence": {"audits": [{**audit, "rows": offending}]},
        **changes,
    }
    return make_finding(Outcome.FAIL, **given)


def make_pending(waits_for: str = "a person", **changes: Any) -> Finding:
    """An item that waits."""
    given: dict[str, Any] = {
        "id": "backup.policy",
        "section": "backup",
        "title": "The retention policy is written down",
        "summary": f"waits for {waits_for}",
        "observed": "nothing yet",
        "evidence": {"waits_for": waits_for, "fields": ["name", "date"]},
        **changes,
    }
    return make_finding(Outcome.PENDING, **given)


def make_run(findings: Iterable[Finding] = (), *, interrupted: bool = False, **changes: Any) -> Run:
    """A run of the pre-deployment phase against the sandbox."""
    given: dict[str, Any] = {
        "run_id": "01JQ0000000000000000000000",
        "phase": "pre-deployment",
        "environment": "sandbox",
        "checklist_sha256": "ab" * 32,
        "started_at": STARTED,
        "finished_at": STARTED + timedelta(milliseconds=1234),
        **changes,
    }
    return Run(findings=tuple(findings), interrupted=interrupted, **given)


def make_hostile(text: str, outcome: Outcome) -> Finding:
    """A finding in which everything that comes from outside is `text`."""
    row = {"object": text, "detail": text, "remedy": text, text: text}
    evidence = {
        "audits": [{"id": text, "title": text, "total": 3, "rows": [row, {text: text, "other": text}]}],
        "items": [{"id": text, "outcome": text, "summary": text}],
        "waits_for": text,
        "fields": [text, {"name": text}],
        text: {text: [text]},
    }
    return make_finding(
        outcome,
        id=text,
        section=text,
        title=text,
        summary=text,
        observed=text,
        expected=text,
        hint=text,
        evidence=evidence,
        environment=text,
        looked_at={text: text},
    )
