"""Evidence of every shape is read without raising, and nothing in it is hidden."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsctl.model.evidence import Row, facts, fields, identities, offending, waiting, waits_for
from pointsctl.model.finding import Outcome
from tests.support.runs import make_failure, make_finding, make_pending

ANY_RUN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["audits", "rows", "items", "total", "waits_for", "fields", "other"])


def test_rows_of_audits() -> None:
    [group] = offending(make_failure(2).observation.evidence)
    assert group.title == "row level security is on"
    assert group.total == 2
    assert group.rows[0] == Row(
        "public.table_0", "row level security is off", "alter table ... enable row level security"
    )
    assert group.remedies == ("alter table ... enable row level security",)


def test_total_counts_rows_that_were_not_kept() -> None:
    [group] = offending({"audits": [{"id": "a", "total": 4711, "rows": [{"object": "x", "detail": "y"}]}]})
    assert group.total == 4711


@pytest.mark.parametrize("total", [0, None, "many", True, -3, 1.5])
def test_a_false_total_does_not_hide_rows(total: Any) -> None:
    [group] = offending({"audits": [{"id": "a", "total": total, "rows": [{"object": "x"}, {"object": "y"}]}]})
    assert group.total == 2


def test_audits_without_rows_are_not_shown() -> None:
    assert offending({"audits": [{"id": "a", "total": 0, "rows": []}]}) == ()


def test_plain_rows_of_any_columns() -> None:
    [group] = offending({"rows": [{"user": 7, "drift": -30}]})
    assert group.rows == (Row("7", "drift -30"),)


def test_gate_shows_what_keeps_it_closed() -> None:
    items = [
        {"id": "a.good", "outcome": "pass", "summary": "fine"},
        {"id": "a.waived", "outcome": "waived", "summary": "signed"},
        {"id": "a.bad", "outcome": "fail", "summary": "2 rows"},
    ]
    [group] = offending({"items": items})
    assert group.rows == (Row("a.bad", "fail: 2 rows"),)


def test_facts_are_everything_else() -> None:
    evidence = {"exit_code": 3, "tail": ["a"], "waits_for": "x", "fields": [], "rows": [{"object": "y"}]}
    assert facts(evidence) == (("exit_code", "3"), ("tail", '["a"]'))


def test_rows_of_an_unknown_shape_are_facts() -> None:
    assert facts({"rows": 17, "items": ["a"]}) == (("rows", "17"), ("items", '["a"]'))


@ANY_RUN
@given(st.dictionaries(KEYS, ANY, max_size=5))
def test_any_evidence_is_read(evidence: dict[str, Any]) -> None:
    finding = make_finding(Outcome.PENDING, evidence=evidence)
    for group in offending(evidence):
        assert group.total >= len(group.rows)
    assert all(isinstance(text, str) for pair in facts(evidence) for text in pair)
    assert waits_for(finding)
    assert all(isinstance(name, str) for name in fields(finding))


def test_waiting_items_are_grouped_by_what_they_wait_for() -> None:
    first, second, third = (make_pending(), make_pending("the backup catalogue", id="b.x"), make_pending(id="c.x"))
    groups = waiting([first, make_finding(), second, third])
    assert groups == {"a person": (first, third), "the backup catalogue": (second,)}


def test_what_a_waiting_item_waits_for() -> None:
    assert waits_for(make_pending(evidence={}, summary="waits for time")) == "waits for time"
    assert waits_for(make_pending(evidence={"items": [{"id": "a", "outcome": "pending"}]})) == "other items"


def test_fields_as_names_or_descriptions() -> None:
    assert fields(make_pending(evidence={"fields": ["who", {"name": "when", "type": "date"}]})) == ("who", "when")


def test_identities_once_for_each_environment() -> None:
    seen = {"database": "points", "role": None}
    findings = [
        make_finding(),
        make_finding(looked_at=seen),
        make_finding(looked_at=seen),
        make_finding(environment="b"),
    ]
    assert identities(findings) == (("sandbox", "database points"), ("b", ""))
