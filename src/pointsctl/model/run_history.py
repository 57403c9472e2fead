"""A run as its record holds it, and what it found of each item; nothing in such a record is believed to be of its form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pointsctl.model.finding import Outcome
from pointsctl.model.ledger import Record
from pointsctl.model.pin import Pin
from pointsctl.model.plan import RunEvidence


@dataclass(frozen=True)
class SeenFinding:
    """The newest finding of an item, as a run recorded it. `age_before` is how long before its record it was made."""

    item: str
    outcome: Outcome
    document: Mapping[str, Any]
    definition: str
    run_id: str
    seq: int
    recorded_at: datetime
    age_before: timedelta

    def age(self, now: datetime) -> timedelta:
        """How old it is by the database's clock; negative when its record is of the future."""
        return now - self.recorded_at + self.age_before


@dataclass(frozen=True)
class RecordedRun:
    """A run's record, without its findings."""

    run_id: str
    phase: str
    verdict: str
    counts: Mapping[str, int]
    checklist_sha256: str
    record: Record

    def evidence(self) -> RunEvidence:
        """The run as approvers are shown it. Raises ValueError for one that no plan could hold."""
        return RunEvidence(
            run_id=self.run_id,
            seq=self.record.seq,
            hash=self.record.hash,
            phase=self.phase,
            verdict=self.verdict,
            counts=dict(self.counts),
            recorded_at=self.record.recorded_at,
        )


def run_of(record: Record, pin: Pin | None) -> tuple[RecordedRun, dict[str, SeenFinding]]:
    """The run in a record `run.finished`, and its findings by item.

    Raises KeyError, TypeError, ValueError, AttributeError or OverflowError for anything else: the record is not signed.
    """
    document = record.data["run"]
    finished = _moment(document["finished_at"])
    ids = [one["id"] for one in document["findings"]]
    names = {
        record.environment,
        document.get("environment", record.environment),
        pin.name if pin else record.environment,
    }
    if len(set(ids)) != len(ids) or len(names) != 1 or document.get("interrupted"):
        raise ValueError("a run that says two things at once, of another environment, or that did not come to its end")
    run = RecordedRun(
        run_id=str(document["run_id"]),
        phase=str(document["phase"]),
        verdict=str(document["verdict"]),
        counts={str(name): int(count) for name, count in document["counts"].items()},
        checklist_sha256=str(document["checklist_sha256"]),
        record=record,
    )
    run.evidence()
    findings = {}
    for one in document["findings"]:
        findings[str(one["id"])] = SeenFinding(
            item=str(one["id"]),
            outcome=Outcome(one["outcome"]),
            document=one,
            definition=str(one["definition"]),
            run_id=run.run_id,
            seq=record.seq,
            recorded_at=record.recorded_at,
            age_before=max(timedelta(0), finished - _moment(one["finished_at"])),
        )
    return run, findings


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment
