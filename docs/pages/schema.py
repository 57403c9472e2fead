"""docs/checklist.schema.json: the JSON Schema of a checklist."""

from __future__ import annotations

import json

from pointsctl.workflow.checklist_schema import checklist_schema


def page() -> str:
    """The JSON Schema that editors use to complete and check a checklist."""
    return json.dumps(checklist_schema(), indent=1, ensure_ascii=False) + "\n"
