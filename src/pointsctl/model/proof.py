"""What a restored copy proves of a backup: how much was compared, and every difference, named."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Differs(StrEnum):
    """How the copy differs; ids that scripts may rely on."""

    MISSING = "missing"  # an object of the source is not in the copy
    EXTRA = "extra"  # the copy holds an object that the source did not have
    CHANGED = "changed"  # the object's definition is another one
    ROWS = "rows"  # a table has another number of rows
    CONTENT = "content"  # as many rows, but not the same ones
    BEHIND = "behind"  # a sequence would give numbers that are used already
    CORRUPT = "corrupt"  # a heap and its indexes disagree


@dataclass(frozen=True)
class Difference:
    """One difference. `what` is the object as people name it (`policy own_rows on public.coupons`)."""

    differs: Differs
    what: str
    expected: str
    found: str

    def as_json(self) -> dict[str, Any]:
        """The difference as evidence."""
        return {"differs": self.differs.value, "what": self.what, "expected": self.expected, "found": self.found}


@dataclass(frozen=True)
class Proof:
    """The outcome of a comparison; all counts are of what was compared, and nothing compared proves nothing.

    `indexes_checked` is the number of indexes whose entries were compared with their tables, None where no program could do
    that; `left_out` names what the backup does not hold on purpose.
    """

    tables: int
    rows: int
    objects: int
    sequences: int
    large_objects: int
    differences: tuple[Difference, ...] = ()
    indexes_checked: int | None = None
    left_out: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether the copy is the source as it was backed up. Closed by default: nothing compared is no proof."""
        return not self.differences and self.objects > 0

    def as_json(self) -> dict[str, Any]:
        """The proof as evidence, with at most 100 differences."""
        return {
            "holds": self.holds,
            "tables": self.tables,
            "rows": self.rows,
            "objects": self.objects,
            "sequences": self.sequences,
            "large_objects": self.large_objects,
            "indexes_checked": self.indexes_checked,
            "left_out": list(self.left_out),
            "differences": [one.as_json() for one in self.differences[:100]],
            "differences_total": len(self.differences),
        }
