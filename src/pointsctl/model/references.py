"""How items refer to each other: globs, doubled ids, cycles, and the order in which they can be looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase


def matching(pattern: str, ids: Iterable[str]) -> tuple[str, ...]:
    """The ids that `pattern` (an id, or a glob such as `staging.*`) stands for, in their given order."""
    return tuple(item_id for item_id in ids if item_id == pattern or fnmatchcase(item_id, pattern))


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
    """One cycle as ids, the first repeated at the end (`a, b, a`), or an empty tuple. Iterative: depth is no limit."""
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            node, index = stack.pop()
            del path[len(stack) :]
            path.append(node)
            children = needs.get(node, ())
            if node in done or index >= len(children):
                done.add(node)
                continue
            stack.append((node, index + 1))
            child = children[index]
            if child in path:
                return (*path[path.index(child) :], child)
            if child not in done:
                stack.append((child, 0))
    return ()
