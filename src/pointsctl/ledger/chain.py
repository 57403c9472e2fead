"""Follows a chain record by record and names what was altered, removed, reordered or inserted; every link is judged by itself."""

from __future__ import annotations

import re
from dataclasses import replace

from pointsctl.ledger.damage import KEPT, Damage, Damages, What, one
from pointsctl.model.ledger import EMPTY, Head, Row, chain_hash

# The keys of a body are sorted, so the number that it was given is the last thing in it.
_SEQ = re.compile(r'"seq":([1-9][0-9]{0,18})\}$')


class Chain:
    """The walk over a chain, fed with one row after the other in the order in which they are stored.

    A record is named once: when something is wrong with it, the links to its neighbours say nothing new. What comes after
    is judged by its own links, so that one altered row is one damage however long the chain is.
    """

    def __init__(self, damages: Damages, since: Head = EMPTY) -> None:
        self._damages = damages
        self._start = since.seq
        self._last = since.seq
        # What the next record may be chained to: the stored hash, and the true one where the stored one was altered.
        self._hash, self._true_hash = since.hash, since.hash
        self._previous_hash = ""
        self._named = False
        self._missing: list[Damage] = []
        self._line: int | None = None

    @property
    def head(self) -> Head:
        """The last record that was seen."""
        return Head(self._last, self._hash)

    def check(self, row: Row, line: int | None = None) -> bool:
        """Look at the next row; `line` is where it stands in a file. False when its body is not to be believed."""
        own = chain_hash(row.previous_hash, row.body)
        fits = row.seq == self._last + 1 and row.previous_hash == self._hash
        if not (fits and own == row.hash and row.consistent):
            self._line = line
            return self._examine(row, own)
        self._last, self._hash, self._true_hash = row.seq, own, own
        self._previous_hash, self._named = row.previous_hash, False
        return True

    def finish(self) -> None:
        """Name the records that never came."""
        for gap in self._missing:
            self._damages.add(gap)
        self._missing = []

    def _examine(self, row: Row, own: str) -> bool:
        if row.seq <= self._last:
            self._too_late(row)
            return False
        gap = row.seq > self._last + 1
        if gap:
            self._miss(_removed(self._last + 1, row.seq - 1, self._line))
        damage = self._of_itself(row, own)
        if damage is not None:
            self._note(damage)
        elif not gap and not self._named and row.previous_hash not in (self._hash, self._true_hash):
            self._note(self._broken_link(row))
        # A plain column that differs explains no link; everything else that is wrong with a record may.
        self._named = damage is not None and damage.what is not What.COLUMNS
        self._last, self._hash, self._true_hash = row.seq, row.hash, own
        self._previous_hash = row.previous_hash
        return not self._named

    def _note(self, damage: Damage) -> None:
        self._damages.add(replace(damage, line=self._line))

    def _too_late(self, row: Row) -> None:
        """A number that was passed already: it stands in the wrong place, or it is there twice."""
        place, gap = next(
            ((n, gap) for n, gap in enumerate(self._missing) if gap.seq <= row.seq <= gap.until), (0, None)
        )
        found = f"it comes after record {self._last}"
        if gap is None:
            self._note(one(row.seq, What.INSERTED, "one record of this number", f"another one, {found}"))
            return
        parts = ((gap.seq, row.seq - 1), (row.seq + 1, gap.until))
        self._missing[place : place + 1] = [_removed(*part, gap.line) for part in parts if part[0] <= part[1]]
        expected = f"it comes after record {row.seq - 1}"
        self._note(one(row.seq, What.MOVED, expected, found, group=f"after {self._last}"))

    def _miss(self, gap: Damage) -> None:
        # Kept back because in a file the missing records may still come; a table with a thousand gaps is told as it goes.
        if len(self._missing) < KEPT:
            self._missing.append(gap)
        else:
            self._damages.add(gap)

    def _of_itself(self, row: Row, own: str) -> Damage | None:
        """What is wrong with the row, whatever its neighbours say."""
        if own != row.hash:
            return self._altered(row, own)
        if row.consistent:
            return None
        written = _SEQ.search(row.body)
        number = int(written[1]) if written else row.seq
        if number == row.seq:
            return one(row.seq, What.COLUMNS, "its columns say what its body says", "they differ")
        if number == self._last and row.previous_hash == self._previous_hash and not self._named:
            # Two records claim the same place in the chain, and this one has been there first.
            expected = f"record {row.seq} in its place, which is chained to the same record"
            self._note(one(self._last, What.INSERTED, expected, "a record that nothing is chained to"))
        found = f"its body is the one of record {number}"
        return one(row.seq, What.MOVED, f"the body of record {row.seq}", found, group=str(number - row.seq))

    def _altered(self, row: Row, own: str) -> Damage:
        if row.hash in (chain_hash(self._hash, row.body), chain_hash(self._true_hash, row.body)):
            found = f"its previous_hash was altered to {row.previous_hash}"
            return one(row.seq, What.ALTERED, f"previous_hash {self._hash}", found)
        return one(row.seq, What.ALTERED, f"hash {row.hash}, which is stored", f"hash {own}, computed from its body")

    def _broken_link(self, row: Row) -> Damage:
        """Both records are whole and do not belong together: the earlier one is not the one that the later was chained to."""
        if self._last == self._start:
            return one(row.seq, What.REWRITTEN, f"chained to {self._hash}", f"chained to {row.previous_hash}")
        expected = f"hash {row.previous_hash}, to which record {row.seq} was chained"
        return one(self._last, What.REWRITTEN, expected, f"hash {self._hash}")


def _removed(first: int, last: int, line: int | None) -> Damage:
    number = "a record of this number" if first == last else f"{last - first + 1:,} records"
    return Damage(first, last, What.REMOVED, number, "none", line)
