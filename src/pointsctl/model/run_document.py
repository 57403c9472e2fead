"""The run as one JSON value, `pointsctl/run/v1`: the contract for scripts, and what the ledger keeps of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pointsctl.model.canonical import canonical_text, digest, jsonable, utc_text
from pointsctl.model.finding import Finding
from pointsctl.model.run import Run

SCHEMA = "pointsctl/run/v1"

_EVIDENCE_CHARACTERS = 500_000
"""What the evidence of all findings of a recorded run may take together; a record stays well below 1 MiB."""
_LARGEST_EVIDENCE = 16_000
_KEPT_ROWS = 3
_LONGEST_TEXT = 1_000


def run_document(run: Run) -> dict[str, Any]:
    """The whole run; every value is one that JSON can hold."""
    return _document(run, [_finding(finding, _evidence(finding.observation.evidence)) for finding in run.findings])


def recorded_document(run: Run) -> dict[str, Any]:
    """The run as it is kept in the ledger: large evidence is cut, says so, and keeps the digest of the whole."""
    room = min(_LARGEST_EVIDENCE, _EVIDENCE_CHARACTERS // max(1, len(run.findings)))
    findings = []
    for finding in run.findings:
        document = _finding(finding, _cut(_evidence(finding.observation.evidence), room))
        findings.append({key: _short(value) for key, value in document.items()})
    return _document(run, findings)


def _document(run: Run, findings: list[dict[str, Any]]) -> dict[str, Any]:
    head = {
        "schema": SCHEMA,
        "run_id": run.run_id,
        "phase": run.phase,
        "environment": run.environment,
        "checklist_sha256": run.checklist_sha256,
        "started_at": utc_text(run.started_at),
        "finished_at": utc_text(run.finished_at),
        "verdict": run.verdict,
        **({"interrupted": True} if run.interrupted else {}),
        "counts": run.counts,
    }
    return {**jsonable(head), "findings": findings}


def _finding(finding: Finding, evidence: dict[str, Any]) -> dict[str, Any]:
    observation = finding.observation
    head = {
        "id": finding.id,
        "section": finding.section,
        "title": finding.title,
        "kind": finding.kind,
        "severity": finding.severity,
        "outcome": finding.outcome,
        "observed": observation.observed,
        "expected": observation.expected,
        "summary": observation.summary,
        "hint": observation.hint,
        "finished_at": utc_text(finding.finished_at),
        "duration_ms": finding.duration_ms,
        "definition": finding.definition,
    }
    seen = {"environment": finding.environment, "looked_at": finding.looked_at}
    # The evidence goes in as it was digested: limits on depth count from its own root.
    return {**jsonable(head), "evidence": evidence, **jsonable(seen)}


def _evidence(evidence: Mapping[str, Any]) -> dict[str, Any]:
    # `sha256` is the digest of the evidence by contract; a kind's own value of that name moves aside.
    kept = {"content_sha256" if key == "sha256" else key: value for key, value in jsonable(evidence).items()}
    return {**kept, "sha256": digest(kept)}


def _cut(evidence: dict[str, Any], room: int) -> dict[str, Any]:
    """1. As it is. 2. A few rows of each list. 3. Only what a waiver says, and the digest of the whole."""
    size = len(canonical_text(evidence))
    if size <= room:
        return evidence
    left_out = f"{size:,} characters of evidence were cut; sha256 is the digest of the whole"
    sampled = {key: _sampled(value) for key, value in evidence.items()}
    kept: dict[str, Any] = {key: evidence[key] for key in ("waiver", "sha256") if key in evidence}
    candidates: tuple[dict[str, Any], ...] = ({**sampled, "left_out": left_out}, {**kept, "left_out": left_out})
    for shorter in candidates:
        if len(canonical_text(shorter)) <= room:
            return shorter
    return {"left_out": left_out, "sha256": evidence["sha256"]}


def _sampled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sampled(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_sampled(child) for child in value[:_KEPT_ROWS]]
    return _short(value)


def _short(value: Any) -> Any:
    if not isinstance(value, str) or len(value) <= _LONGEST_TEXT:
        return value
    return f"{value[:_LONGEST_TEXT]}… ({len(value) - _LONGEST_TEXT:,} more characters)"
