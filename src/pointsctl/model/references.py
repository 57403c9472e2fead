"""How items refer to each other: globs, doubled ids, cycles, and the order in which they can be looked at. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import translate
from graphlib import CycleError, TopologicalSorter


def matching(pattern: str, ids: Iterable[str]) -> tuple[str, ...]:
    """The ids that `pattern` (an id, or a glob such as `staging.*`) stands for, in their given order."""
    matches = re.compile(translate(pattern)).match
    return tuple(item_id for item_id in ids if item_id == pattern or matches(item_id))


def closure(start: Iterable[str], needs: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Everything in `start`, and everything that is needed for it, directly or not."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        item_id = waiting.pop()
        if item_id not in found:
            found.add(item_id)
            waiting.extend(needs.get(item_id, ()))
    return frozenset(found)


def find_cycle(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """One cycle as ids, each needing the next, the first repeated at the end (`a, b, a`), or an empty tuple."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        # graphlib lists each one before what needs it.
        return tuple(reversed(error.args[1]))
    return ()


def find_cycles(needs: Mapping[str, Sequence[str]], limit: int = 5) -> tuple[tuple[str, ...], ...]:
    """Up to `limit` cycles, such that without one step of each there is none left (or none of the first `limit`)."""
    left = {item_id: list(needed) for item_id, needed in needs.items()}
    found: list[tuple[str, ...]] = []
    while len(found) < limit and (cycle := find_cycle(left)):
        found.append(cycle)
        left[cycle[0]] = [needed for needed in left[cycle[0]] if needed != cycle[1]]
    return tuple(found)
