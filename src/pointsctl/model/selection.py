"""Which items a run looks at: a phase or section, narrowed by globs, plus everything that those items need. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pointsctl.errors import UsageError
from pointsctl.model.checklist import Checklist, Item, Phase, Section
from pointsctl.model.problems import nearest
from pointsctl.model.references import closure, matching

_Named = TypeVar("_Named", Phase, Section)


@dataclass(frozen=True)
class Selection:
    """`name` is what was asked for; `items` are in the order of the file, each exactly once."""

    name: str
    items: tuple[Item, ...]


def select(
    checklist: Checklist,
    references: Mapping[str, Sequence[str]],
    *,
    phase: str | None = None,
    section: str | None = None,
    only: Sequence[str] = (),
) -> Selection:
    """The items of a phase (or of one of its sections, or of the whole checklist), with the gates they must satisfy.

    `only` keeps the items that match one of the globs. Whatever those need, or a gate among them stands for, is added.
    Raises UsageError, with the nearest valid name, when a name is unknown or a glob matches nothing.
    """
    phases = checklist.phases if phase is None else (_named(checklist.phases, phase, "phase"),)
    sections = [one for each in phases for one in each.sections]
    gates = [gate for each in phases for gate in each.gates] if section is None else []
    if section is not None:
        sections = [_named(sections, section, "section")]
    gates.extend(gate for one in sections for gate in one.gates)
    wanted = [item.id for one in sections for item in one.walk()] + gates
    name = "/".join(part for part in (phase, section) if part) or "checklist"
    if not wanted:
        raise UsageError(f"{name!r} has no items to look at", hint="it only has fields to fill in; name another part")
    if only:
        wanted = _narrowed(wanted, only)
        name += f" (only {', '.join(only)})"  # a part that is ready is not the whole
    needs = {item.id: [*item.needs, *references.get(item.id, ())] for item in checklist.walk()}
    kept = closure(wanted, needs)
    return Selection(name, tuple(item for item in checklist.walk() if item.id in kept))


def _named(among: Sequence[_Named], name: str, what: str) -> _Named:
    for one in among:
        if one.id == name:
            return one
    known = [one.id for one in among]
    close = nearest(name, known)
    hint = f"did you mean {close!r}?" if close else f"{what}s: {', '.join(known) or 'none in this checklist'}"
    raise UsageError(f"no {what} {name!r}", hint=hint)


def _narrowed(ids: Sequence[str], patterns: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for pattern in patterns:
        found = matching(pattern, ids)
        if not found:
            close = nearest(pattern, ids)
            hint = f"did you mean {close!r}?" if close else "see `pointsctl check list`"
            raise UsageError(f"no item matches {pattern!r}", hint=hint)
        kept.extend(found)
    return kept
