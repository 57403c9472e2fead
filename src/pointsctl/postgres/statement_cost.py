"""What one statement has cost, and the locks that it took, by table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pointsctl.model.lock_modes import blocks, decisive
from pointsctl.model.migration_segments import Step
from pointsctl.model.rehearsal import HeldLock, MeasuredStatement
from pointsctl.model.statement_outline import outline
from pointsctl.postgres.lock_sampling import Held
from pointsctl.postgres.relation_look import Locks, Look, rewrites

_NAME = 200


@dataclass(frozen=True)
class Taken:
    """A lock that a statement took: on which table, for whom it is in the way, and since when."""

    table: str
    mode: str
    blocks: str
    since: float


@dataclass(frozen=True)
class Cost:
    """What a statement took: seconds, rows as the server says, bytes of log, and how it was before and after."""

    step: Step
    seconds: float
    rows: int | None
    wal: int
    before: Look
    after: Look

    def measured(self, held: tuple[HeldLock, ...] = ()) -> MeasuredStatement:
        """The statement, with locks that were given back at its end."""
        return MeasuredStatement(
            line=self.step.statement.line,
            text=outline(self.step.statement.text),
            duration_ms=_ms(self.seconds),
            rows=self.rows,
            locks=held,
            rewrites=tuple(map(_short, rewrites(self.before, self.after, emptied=self._empties))),
            wal_bytes=self.wal,
            growth_bytes=self.after.bytes - self.before.bytes,
        )

    @property
    def _empties(self) -> bool:
        return self.step.kind.words.startswith("TRUNCATE")

    @property
    def maintained(self) -> Iterable[int]:
        """The tables whose indexes a statement has made, replaced or dropped."""
        old, new = self.before.relations, self.after.relations
        changed = [old.get(oid) or new[oid] for oid in old.keys() ^ new.keys()]
        return {one.table for one in changed if one.kind in ("i", "I") and one.table in old}


def sampled_locks(found: Mapping[tuple[int, str], Held], cost: Cost) -> tuple[HeldLock, ...]:
    """The locks of a statement that ran alone; one that builds or drops an index has a lock on the table all along, which is
    known also where it was too quick to be seen.
    """
    tables = dict[int, dict[str, float]]()
    for (oid, mode), held in found.items():
        for table, _ in locks_of_tables({(oid, mode)}, cost.before, cost.after, cost.before):
            known = tables.setdefault(table, {})
            known[mode] = max(known.get(mode, 0.0), held.last - held.first)
    if cost.step.kind.words.endswith("CONCURRENTLY"):
        for table in cost.maintained:
            tables.setdefault(table, {})["ShareUpdateExclusiveLock"] = cost.seconds
    return tuple(
        held_lock(
            Taken(shown_table(table, cost.before, cost.after), mode, blocks(mode), 0.0), min(seconds, cost.seconds)
        )
        for table, modes in sorted(tables.items())
        for mode, seconds in modes.items()
        if mode in decisive(modes)
    )


def locks_of_tables(
    locks: Locks | set[tuple[int, str]], before: Look, now: Look, start: Look
) -> Iterable[tuple[int, str]]:
    """The locks by table. What the transaction has made itself is told of tables only: nobody else can meet its indexes."""
    for oid, mode in sorted(locks):
        seen = now.relations.get(oid) or before.relations.get(oid)
        if seen is not None and (oid in start.relations or seen.table == oid):
            yield seen.table, mode


def shown_table(oid: int, before: Look, now: Look) -> str:
    """The table's name, also when it is gone."""
    seen = now.relations.get(oid) or before.relations[oid]
    return seen.shown


def held_lock(one: Taken, seconds: float) -> HeldLock:
    """The lock `one`, held for so long."""
    return HeldLock(table=_short(one.table), mode=one.mode, held_ms=_ms(seconds), blocks=one.blocks)


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
