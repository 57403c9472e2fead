"""The digest of an item's definition: what was found, attested or waived counts only for the item as it was then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pointsctl.model.canonical import digest
from pointsctl.model.checklist import Item

SCHEMA = "pointsctl/item-definition/v1"
_SAID_BY_PEOPLE = ("attestation", "planned")


def item_definition(item: Item, parameters: Mapping[str, Any], references: Sequence[str]) -> str:
    """SHA-256 over everything that decides what an outcome of the item means.

    `parameters` are those of its kind as they stand in the file, variables not replaced, so that no secret is in the digest
    and every machine computes the same one; `references` are the items that a gate stands for. What is judged anew at
    each look (`valid_for`, `waivable`, `needs`, `timeout`) and what only explains is left out; a title counts where it is
    the sentence that a person signs for.
    """
    return digest(
        {
            "schema": SCHEMA,
            "id": item.id,
            "kind": item.kind,
            "with": parameters,
            "at": item.at,
            "severity": item.severity,
            "environments": item.environments,
            "fields": [field.model_dump(mode="json") for field in item.fields],
            "references": references,
            "title": item.title if item.kind in _SAID_BY_PEOPLE else None,
        }
    )
