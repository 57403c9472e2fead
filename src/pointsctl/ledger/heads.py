"""Compares a chain with heads that somebody noted elsewhere: signed statements, anchors outside the database, an earlier look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pointsctl.ledger.damage import Damage, What
from pointsctl.model.ledger import EMPTY, GENESIS, Head

HashAt = Callable[[int], str | None]
"""The hash that is stored for a record; None when there is no such record."""


class NotedHead(NamedTuple):
    """A head as it was at some time, and where that is written."""

    head: Head
    source: str


def compare(noted: Iterable[NotedHead], tail: int, hash_at: HashAt) -> Iterator[Damage]:
    """What the noted heads prove against a chain that ends with record `tail`.

    Heads that break together are told in one damage: all of them fix everything before them, so the first that does not
    match and the last before it that does say where the chain was rewritten.
    """
    intact = 0
    broken: list[NotedHead] = []
    beyond: list[NotedHead] = []
    for one in sorted(set(noted)):
        if one.head.seq > tail:
            beyond.append(one)
        elif one.head.hash != (GENESIS if one.head.seq == EMPTY.seq else hash_at(one.head.seq)):
            broken.append(one)
        else:
            if broken:
                yield _rewritten(intact, broken, hash_at)
            intact, broken = one.head.seq, []
    if broken:
        yield _rewritten(intact, broken, hash_at)
    if beyond:
        yield _truncated(tail, beyond)


def _rewritten(intact: int, broken: list[NotedHead], hash_at: HashAt) -> Damage:
    first = broken[0]
    seq, expected = first.head
    found = f"hash {hash_at(seq) or 'of nothing: the record is missing'}"
    return Damage(
        min(intact + 1, seq), seq, What.REWRITTEN, f"record {seq} has hash {expected}, says {_sources(broken)}", found
    )


def _truncated(tail: int, beyond: list[NotedHead]) -> Damage:
    until = beyond[-1].head.seq
    return Damage(
        tail + 1, until, What.TRUNCATED, f"records up to {until}, says {_sources(beyond)}", f"the last record is {tail}"
    )


def _sources(noted: list[NotedHead]) -> str:
    more = f" and {len(noted) - 1:,} more" if len(noted) > 1 else ""
    return f"{noted[0].source}{more}"
