"""Use case: every record of a ledger as a line of text, in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from pointsctl.ledger.export import line_of
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import EMPTY, Head


class Export:
    """An export that goes on; `records` and `head` say what was written so far."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.records = 0
        self.head: Head = EMPTY

    def lines(self) -> Iterator[str]:
        """One line for each record, by seq; nothing is checked."""
        for row in self._ledger.rows():
            yield line_of(row)
            self.records += 1
            self.head = Head(row.seq, row.hash)
