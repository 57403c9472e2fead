"""The run as one JSON document, `pointsctl/run/v1`: the contract for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pointsctl.model.canonical import digest, jsonable, utc_text
from pointsctl.model.escape import HASH_COMMAND
from pointsctl.model.finding import Finding
from pointsctl.model.run import Run
from pointsctl.reports.interface import DEFAULTS, Options, Report

SCHEMA = "pointsctl/run/v1"


class Json(Report):
    """Every value exact; only ASCII is written, so nothing in it can act on a terminal."""

    name = "json"

    def render(self, run: Run, options: Options = DEFAULTS) -> str:  # noqa: ARG002  (one form for every reader)
        """The document, then a line end."""
        text = json.dumps(_document(run), indent=2, allow_nan=False)
        # JSON leaves this alone, and a CI runner acts on it: the start of `##[command]`.
        return HASH_COMMAND.sub(r"\\u0023#", text) + "\n"


def _document(run: Run) -> dict[str, Any]:
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
    return {**jsonable(head), "findings": [_finding(finding) for finding in run.findings]}


def _finding(finding: Finding) -> dict[str, Any]:
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
        "duration_ms": finding.duration_ms,
    }
    seen = {"environment": finding.environment, "looked_at": finding.looked_at}
    # The evidence goes in as it was digested: limits on depth count from its own root.
    return {**jsonable(head), "evidence": _evidence(observation.evidence), **jsonable(seen)}


def _evidence(evidence: Mapping[str, Any]) -> dict[str, Any]:
    # `sha256` is the digest of the evidence by contract; a kind's own value of that name moves aside.
    kept = {"content_sha256" if key == "sha256" else key: value for key, value in jsonable(evidence).items()}
    return {**kept, "sha256": digest(kept)}
