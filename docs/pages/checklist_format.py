"""docs/checklist-format.md: every key that a checklist may hold, apart from the parameters of the kinds."""

from __future__ import annotations

from pages.markdown import NOTE, keys
from pointsctl.model.checklist import Checklist
from pointsctl.workflow.checklist_schema import schema_of

_INTRODUCTION = """\
One YAML file, UTF-8, without anchors, aliases and tags. `${NAME}` and `${NAME:-default}` in a value are replaced by variables of
the process; `$${` stands for a literal `${`. A duration is written like `90s`, `30m`, `24h`, `7d` or `1h30m`.
What `with` of an item may hold depends on its kind: [kinds.md](kinds.md).
"""


def page() -> str:
    """The whole file first, then its parts in the order in which they appear in one another."""
    schema = schema_of(Checklist)
    definitions = schema["$defs"]
    lines = [NOTE, "# The checklist file\n", _INTRODUCTION, *keys("checklist.yaml", schema)]
    for name in ("Phase", "Section", "Item", "Field", *definitions):
        if name in definitions:
            part = definitions.pop(name)
            lines += [f"## {name}\n", f"{part.get('description', '')}\n", *keys(name, part)]
    return "\n".join(lines)
