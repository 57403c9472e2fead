"""docs/checklist.md: which item stands for which box of the paper checklist, and how it is executed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pages.markdown import NOTE, table
from pages.source import shipped_checklist
from pointsctl.model.checklist import Field, Item, Section
from pointsctl.workflow.load_checklist import Loaded


def page() -> str:
    """Every box of the paper checklist: its heading, the item that stands for it, and how that item is executed."""
    loaded = shipped_checklist()
    items = list(loaded.checklist.walk())
    counts = Counter(item.kind for item in items)
    lines = [NOTE, f"# {loaded.checklist.title}\n", f"Revision {loaded.checklist.revision}. {len(items)} items:\n"]
    lines += table(("kind", "items"), ((f"[{kind}](kinds.md#{kind})", n) for kind, n in counts.most_common()))
    lines.append(
        "Sub-items are indented (↳). `planned` items can be decided by a machine, but not by this version yet.\n"
    )
    for phase in loaded.checklist.phases:
        lines.append(f"## {phase.title} (`{phase.id}`)\n")
        lines += _gates(phase.gates, "phase")
        for section in phase.sections:
            lines += _section(section, loaded)
    return "\n".join(lines)


def _section(section: Section, loaded: Loaded) -> Iterator[str]:
    yield f"### {section.title} (`{section.id}`)\n"
    yield f"On paper: {section.source}\n" if section.source else "Not on paper.\n"
    yield from _gates(section.gates, "section")
    rows = [row for item in section.items for row in _item_rows(item, loaded, depth=0)]
    if rows:
        yield from table(("item", "title", "how it is executed", "kind", "to fill in"), rows)
    if section.fields:
        yield f"To fill in: {_fields(section.fields)}\n"


def _item_rows(item: Item, loaded: Loaded, depth: int) -> Iterator[tuple[object, ...]]:
    where = f" at {item.at}" if item.at else ""
    how = (loaded.checks[item.id].how() or item.kind) + where
    yield f"{'↳ ' * depth}`{item.id}`", item.title, how, item.kind, _fields(item.fields)
    for child in item.items:
        yield from _item_rows(child, loaded, depth + 1)


def _gates(gates: Iterable[str], what: str) -> list[str]:
    names = ", ".join(f"`{gate}`" for gate in gates)
    return [f"A run of this {what} must also satisfy {names}.\n"] if names else []


def _fields(fields: Iterable[Field]) -> str:
    return ", ".join(f"{one.name} ({one.type}{f': {one.value}' if one.value else ''})" for one in fields)
