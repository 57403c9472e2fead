"""Reads a run back from the document that a record of the ledger holds, so that it can be reported anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pointsctl.model.finding import Finding, Observation, Outcome, Severity
from pointsctl.model.run import Run


def recorded_run(document: Any) -> Run | None:
    """The run of a document `pointsctl/run/v1`, or None when it is not one."""
    try:
        return Run(
            run_id=_text(document["run_id"]),
            phase=_text(document["phase"]),
            environment=_text(document["environment"]),
            checklist_sha256=_text(document["checklist_sha256"]),
            started_at=_moment(document["started_at"]),
            finished_at=_moment(document["finished_at"]),
            findings=tuple(_finding(one, document) for one in document["findings"]),
            interrupted=document.get("interrupted", False) is True,
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None


def _finding(one: Mapping[str, Any], document: Mapping[str, Any]) -> Finding:
    texts = {name: _text(one[name]) for name in ("summary", "observed", "expected", "hint")}
    finished = _moment(one.get("finished_at", document["finished_at"]))
    return Finding(
        id=_text(one["id"]),
        section=_text(one["section"]),
        title=_text(one["title"]),
        kind=_text(one["kind"]),
        severity=Severity(one["severity"]),
        observation=Observation(Outcome(one["outcome"]), evidence=_evidence(one["evidence"]), **texts),
        started_at=finished - timedelta(milliseconds=one["duration_ms"]),
        finished_at=finished,
        environment=_text(one["environment"]),
        looked_at=dict(one["looked_at"]),
        definition=_text(one.get("definition", "")),
    )


def _evidence(written: Mapping[str, Any]) -> dict[str, Any]:
    """As the check gave it: without the digest that the document adds, and its own `sha256` under that name again."""
    kept = {name: value for name, value in written.items() if name != "sha256"}
    return {"sha256" if name == "content_sha256" else name: value for name, value in kept.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("expected a time with its zone")
    return moment
