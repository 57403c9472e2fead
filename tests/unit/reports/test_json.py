"""The JSON document is the contract, key by key."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pointsctl.model.finding import Outcome
from pointsctl.reports.json import Json
from tests.support.runs import make_failure, make_finding, make_run

RUN_KEYS = [
    "schema", "run_id", "phase", "environment", "checklist_sha256", "started_at", "finished_at", "verdict", "counts",
    "findings",
]  # fmt: skip
FINDING_KEYS = [
    "id", "section", "title", "kind", "severity", "outcome", "observed", "expected", "summary", "hint", "finished_at",
    "duration_ms", "definition", "evidence", "environment", "looked_at",
]  # fmt: skip


def render(*findings: Any, **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Json().render(make_run(findings, **changes)), parse_constant=_refuse)
    return document


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def test_keys_and_values_of_the_contract() -> None:
    document = render(make_failure(looked_at={"database": "points"}))
    assert list(document) == RUN_KEYS
    assert list(document["findings"][0]) == FINDING_KEYS
    assert document["schema"] == "pointsctl/run/v1"
    assert document["started_at"] == "2026-03-14T09:30:00.000Z"
    assert document["finished_at"] == "2026-03-14T09:30:01.234Z"
    assert list(document["counts"]) == ["pass", "fail", "error", "pending", "skip", "waived"]
    assert document["findings"][0]["duration_ms"] == 12
    assert document["findings"][0]["looked_at"] == {"database": "points"}


def test_interrupted_is_said_only_when_it_is_so() -> None:
    assert "interrupted" not in render(make_finding())
    interrupted = render(make_finding(), interrupted=True)
    assert interrupted["interrupted"] is True
    assert interrupted["verdict"] == "unknown"


def test_digest_can_be_checked_by_others() -> None:
    evidence = render(make_failure(title="größe"))["findings"][0]["evidence"]
    stated = evidence.pop("sha256")
    text = json.dumps(evidence, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == stated


def test_digest_holds_for_values_that_json_cannot_hold() -> None:
    deep: dict[str, Any] = {}
    for _ in range(80):
        deep = {"x": deep}
    evidence: dict[Any, Any] = {
        "nan": math.nan,
        "infinity": -math.inf,
        "bytes": b"\x00",
        "when": datetime(2026, 1, 1, tzinfo=UTC),
        "price": Decimal("1.10"),
        "uuid": UUID(int=7),
        "half": "\ud800",
        "deep": deep,
        "set": {3, 1},
        "whole": 2.0,
        7: "a number as a key",
    }
    shown = render(make_finding(Outcome.FAIL, evidence=evidence))["findings"][0]["evidence"]
    stated = shown.pop("sha256")
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == stated
    assert shown["nan"] == "NaN"
    assert shown["price"] == "1.10"
    assert shown["7"] == "a number as a key"


def test_digest_of_a_kind_moves_aside() -> None:
    shown = render(make_finding(evidence={"sha256": "of a file"}))["findings"][0]["evidence"]
    assert shown["content_sha256"] == "of a file"
    assert len(shown["sha256"]) == 64


def test_texts_are_exact() -> None:
    text = "a\x1b[2J\u202e##[error]x\x7f幅\n::error::"
    assert render(make_finding(Outcome.FAIL, observed=text))["findings"][0]["observed"] == text
