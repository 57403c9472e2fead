"""A run is read back from its document as it was, and what is no run is none."""

from __future__ import annotations

import json

import pytest

from pointsctl.model.canonical import canonical_text
from pointsctl.model.finding import Outcome
from pointsctl.model.recorded_run import recorded_run
from pointsctl.model.run_document import run_document
from pointsctl.reports.junit import Junit
from tests.support.runs import HOSTILE, make_failure, make_finding, make_hostile, make_pending, make_run

RUN = make_run(
    [make_finding(evidence={"sha256": "ab" * 32, "size": 3}), make_failure(), make_pending()], interrupted=True
)


def test_as_it_was() -> None:
    document = json.loads(canonical_text(run_document(RUN)))
    again = recorded_run(document)
    assert again is not None
    assert run_document(again) == run_document(RUN)
    assert Junit().render(again) == Junit().render(RUN)
    assert again.verdict == RUN.verdict


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable() or "\ud800" not in text])
def test_whatever_it_says(text: str) -> None:
    again = recorded_run(json.loads(canonical_text(run_document(make_run([make_hostile(text, Outcome.ERROR)])))))
    assert again is not None
    assert again.findings[0].id == text
    Junit().render(again)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_id", 7),
        ("findings", None),
        ("findings", [None]),
        ("findings", [{"id": "x"}]),
        ("started_at", "yesterday"),
        ("started_at", "2026-01-31T08:00:00"),
        ("started_at", "9" * 400),
    ],
)
def test_what_is_no_run(name: str, value: object) -> None:
    assert recorded_run({**run_document(RUN), name: value}) is None


@pytest.mark.parametrize("value", [None, [], "run", 3, {}])
def test_nothing_like_it(value: object) -> None:
    assert recorded_run(value) is None


@pytest.mark.parametrize(
    ("name", "value"), [("outcome", "fine"), ("severity", 1), ("duration_ms", 10**400), ("evidence", [])]
)
def test_a_finding_that_is_none(name: str, value: object) -> None:
    document = run_document(RUN)
    document["findings"][0][name] = value
    assert recorded_run(document) is None
