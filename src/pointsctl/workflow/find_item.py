"""Use case: find one item by its id, with help for a mistyped one."""

from __future__ import annotations

from pointsctl.errors import UsageError
from pointsctl.model.checklist import Checklist, Item
from pointsctl.model.problems import nearest


def find_item(checklist: Checklist, item_id: str) -> Item:
    """The item of this id. Raises UsageError with the nearest id."""
    item = checklist.find(item_id)
    if item is None:
        close = nearest(item_id, [one.id for one in checklist.walk()])
        raise UsageError(
            f"no item {item_id!r}", hint=f"did you mean {close!r}?" if close else "see `pointsctl check list`"
        )
    return item
