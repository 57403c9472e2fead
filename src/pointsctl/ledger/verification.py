"""Verifies a ledger from a database or a file in one pass: the chain, every signature, and every head that was noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain as one_after_another
from pathlib import Path
from typing import Protocol

from pointsctl.ledger.chain import Chain
from pointsctl.ledger.damage import Damage, Damages, What
from pointsctl.ledger.export import ExportedFile
from pointsctl.ledger.hash_index import HashIndex
from pointsctl.ledger.heads import NotedHead, compare
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signed_records import WATCHED, Noticed, SignedRecords
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import EMPTY, GENESIS, Head, Row

Progress = Callable[[int], None]
"""Told now and then how many records were looked at."""

_STEP = 5_000


class Source(Protocol):
    """Where rows come from."""

    @property
    def line(self) -> int | None:
        """The line of the row that came last, where rows are lines."""

    def rows(self, since: int, damages: Damages) -> Iterator[Row]:
        """The rows in order: all of those after `since`, and of those before it at least the ones that are watched."""

    def hash_at(self, seq: int) -> str | None:
        """The hash of a record that came already, or that is before all that come."""


class DatabaseSource:
    """The rows of a ledger in its database."""

    line = None

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def rows(self, since: int, damages: Damages) -> Iterator[Row]:  # noqa: ARG002  (a database has no broken lines)
        """In two streams when something is left out, each in a snapshot of its own: what is stored already cannot change."""
        if since == EMPTY.seq:
            return self._ledger.rows()
        watched = self._ledger.rows(until=since, kinds=sorted(WATCHED))
        return one_after_another(watched, self._ledger.rows(Head(since, "")))

    def hash_at(self, seq: int) -> str | None:
        """As it is stored."""
        return self._ledger.hash_at(seq)


class FileSource:
    """The rows of an exported file."""

    def __init__(self, path: Path, index: HashIndex) -> None:
        self._file = ExportedFile(path)
        self._index = index

    @property
    def line(self) -> int:
        """The number of the line that was read last."""
        return self._file.line

    def rows(self, since: int, damages: Damages) -> Iterator[Row]:  # noqa: ARG002  (a file is read from its beginning)
        """Every line; those that are none are damage."""
        for row in self._file.rows(damages.add):
            self._index.add(row.seq, row.hash)
            yield row

    def hash_at(self, seq: int) -> str | None:
        """As it stands in the file."""
        return self._index.find(seq)


class Verification:
    """One pass over a source. `since` is a head that was verified before: what comes up to it is believed.

    `noticed` is told of the records of the kinds `watched`.
    """

    def __init__(
        self,
        source: Source,
        checker: SignatureChecker,
        since: Head = EMPTY,
        *,
        watched: frozenset[str] = WATCHED,
        noticed: Noticed = lambda _record, _objection: None,
    ) -> None:
        self._source = source
        self._since = since
        self._watched = watched
        self.damages = Damages()
        self.signed = SignedRecords(self.damages, checker, source.hash_at, noticed)
        self.records = 0
        self.head = since

    def walk(self, progress: Progress) -> None:
        """Follow the chain to its end. Memory does not grow with it, but for what was signed."""
        chain = None
        for row in self._source.rows(self._since.seq, self.damages):
            if row.seq > self._since.seq or self._since == EMPTY:
                if chain is None:
                    chain = self._chain()
                whole = chain.check(row, self._source.line)
                self.records += 1
                if self.records % _STEP == 0:
                    progress(self.records)
                if whole and (row.kind in self._watched or row.signature is not None):
                    self.signed.look(row, told=True, line=self._source.line)
            elif row.kind in self._watched or row.signature is not None:
                self.signed.look(row, told=False)
        progress(self.records)
        chain = chain or self._chain()
        chain.finish()
        self.head = chain.head
        self.signed.finish()
        self._refuse_nothing()

    def compare(self, noted: Iterable[NotedHead]) -> None:
        """Hold the chain against heads that are known: signed ones, the one to begin with, and those given here."""
        known = [*self.signed.noted, *noted]
        if self._since != EMPTY:
            known.append(NotedHead(self._since, "the head that was verified before"))
        for damage in compare(known, self.head.seq, self._source.hash_at):
            self.damages.add(damage)

    def _chain(self) -> Chain:
        """Begins after what is stored for `since`; that this is another hash is told once, by comparing the heads."""
        if self._since == EMPTY:
            return Chain(self.damages)
        return Chain(self.damages, Head(self._since.seq, self._source.hash_at(self._since.seq) or self._since.hash))

    def _refuse_nothing(self) -> None:
        # Every ledger begins with the record of its installation, so nothing at all is what is left after a deletion.
        if self.head == EMPTY and self.head.hash == GENESIS and not self.damages:
            self.damages.add(
                Damage(1, 1, What.REMOVED, "the record with which every ledger begins", "no record at all")
            )
