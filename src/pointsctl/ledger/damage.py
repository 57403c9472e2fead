"""What is wrong with a ledger, as values: which records, what was expected, what was found; neighbours told in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Any

KEPT = 1_000
"""How many damages of each sort are kept to be shown; more than that are only counted, so that memory stays bounded."""


class What(StrEnum):
    """What was done to a record. Ids that scripts may rely on."""

    ALTERED = "altered"
    COLUMNS = "columns-differ"
    MOVED = "reordered"
    REMOVED = "removed"
    INSERTED = "inserted"
    REWRITTEN = "rewritten"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"
    UNSIGNED = "signature"
    ANCHOR = "anchor"


@dataclass(frozen=True)
class Damage:
    """The records `seq` to `until` (the same number for one record), and what is wrong with them.

    `line` is the line of an exported file; `group` keeps apart what is of one sort and still no single deed.
    """

    seq: int
    until: int
    what: What
    expected: str
    found: str
    line: int | None = None
    group: str = ""

    @property
    def records(self) -> str:
        """Which records, in words."""
        return f"record {self.seq}" if self.seq == self.until else f"records {self.seq} to {self.until}"

    def as_json(self) -> dict[str, Any]:
        """For the JSON document."""
        place = {"seq": self.seq, "until": self.until, **({"line": self.line} if self.line is not None else {})}
        return {**place, "what": self.what.value, "expected": self.expected, "found": self.found}

    def joined(self, later: Damage) -> Damage | None:
        """Both as one, when `later` goes on where this one ends; None when they are two deeds."""
        same = (self.what, self.group) == (later.what, later.group)
        return replace(self, until=later.until) if same and later.seq == self.until + 1 else None


def one(seq: int, what: What, expected: str, found: str, *, group: str = "") -> Damage:
    """A damage of one record."""
    return Damage(seq, seq, what, expected, found, group=group)


class Damages:
    """Everything that was found, in bounded memory. Each sort has room of its own, so that none can hide another."""

    def __init__(self) -> None:
        self._kept: dict[What, list[Damage]] = {}
        self._more = 0

    def add(self, damage: Damage) -> None:
        """Note a damage; one that continues the last of its sort is told together with it."""
        kept = self._kept.setdefault(damage.what, [])
        joined = kept[-1].joined(damage) if kept else None
        if joined is not None:
            kept[-1] = joined
        elif len(kept) < KEPT:
            kept.append(damage)
        else:
            self._more += 1

    @property
    def more(self) -> int:
        """How many were counted and not kept."""
        return self._more

    def __len__(self) -> int:
        return sum(map(len, self._kept.values())) + self._more

    def __iter__(self) -> Iterator[Damage]:
        """By record."""
        return iter(sorted(chain.from_iterable(self._kept.values()), key=lambda damage: (damage.seq, damage.until)))
