"""The definition's digest changes with everything that an outcome's meaning depends on, and with nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from pointsctl.model.checklist import Item
from pointsctl.model.item_definition import item_definition

BASE: dict[str, Any] = {"id": "a.one", "title": "The first", "kind": "sql_audit", "with": {"audits": ["rls-enabled"]}}


def definition(references: tuple[str, ...] = (), **changes: Any) -> str:
    item = Item.model_validate({**BASE, **changes})
    return item_definition(item, item.parameters, references)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "a.two"},
        {"kind": "sql_probe"},
        {"with": {"audits": []}},
        {"with": {"audits": ["rls-enabled"], "sample": 1}},
        {"at": "staging"},
        {"severity": "minor"},
        {"environments": ["staging"]},
        {"fields": [{"name": "when", "type": "date", "title": "When"}]},
        {"references": ("a.two",)},
    ],
)
def test_changes_with_what_an_outcome_means(changes: dict[str, Any]) -> None:
    assert definition(**changes) != definition()


@pytest.mark.parametrize(
    "changes", [{"title": "First"}, {"why": "because"}, {"valid_for": "1h"}, {"timeout": "5m"}, {"waivable": False}]
)
def test_stays_with_what_explains_or_is_judged_at_each_look(changes: dict[str, Any]) -> None:
    assert definition(**changes) == definition()


def test_a_title_counts_where_it_is_what_a_person_signs_for() -> None:
    assert definition(kind="attestation", title="Data may be lost") != definition(kind="attestation")
