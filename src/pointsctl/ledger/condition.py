"""Whether a database has a ledger, and whether it still is what was installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from pointsctl.ledger.table_shape import expected_parts
from pointsctl.model.escape import plain
from pointsctl.model.ledger import FORMAT
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.ledger_catalogue import comment, parts

_COMMENT = re.compile(r"pointsctl ledger, format ([0-9]{1,6})")
# What belongs to roles and is lost where a copy arrives without them; protect.sql makes it again.
_OF_ROLES = ("policy ", "privilege ")


class Condition(StrEnum):
    """What stands under the ledger's name."""

    NONE = "none"
    READY = "ready"
    DAMAGED = "damaged"
    FOREIGN = "foreign"
    NEWER = "newer"


@dataclass(frozen=True)
class Difference:
    """A part that is not as it was installed; None for what is missing, or should not be there."""

    part: str
    found: str | None
    expected: str | None

    @property
    def of_roles(self) -> bool:
        """Whether it is a policy or privilege, which a copy loses when its roles are not there."""
        return self.part.startswith(_OF_ROLES)

    def __str__(self) -> str:
        if self.found is None:
            return f"{plain(self.part)} is missing"
        if self.expected is None:
            return f"{plain(self.part)} is unexpected: {plain(self.found, 200)}"
        return f"{plain(self.part)}: found {plain(self.found, 200)}, expected {self.expected}"


@dataclass(frozen=True)
class State:
    """`format` is the installed one (None when it is not ours); `differences` say what is not as it should be."""

    condition: Condition
    format: int | None = None
    differences: tuple[Difference, ...] = ()

    def describe(self) -> str:
        """The differences in one line."""
        return "; ".join(map(str, self.differences))


def state_of(connection: Connection) -> State:
    """Look at the catalogue. A table without our comment is foreign, even if it is made like ours."""
    exists, text = comment(connection)
    if not exists:
        # Functions of our names without a table are not to be trusted with one.
        left = tuple(Difference(name, found, None) for name, found in sorted(parts(connection).items()))
        return State(Condition.FOREIGN if left else Condition.NONE, None, left)
    found = _COMMENT.fullmatch(text or "")
    if found and int(found[1]) > FORMAT:
        return State(Condition.NEWER, int(found[1]))
    differences = _differences(parts(connection))
    if not found:
        missing = Difference("comment", text, f"pointsctl ledger, format {FORMAT}")
        return State(Condition.FOREIGN, None, (missing, *differences))
    return State(Condition.DAMAGED if differences else Condition.READY, int(found[1]), differences)


def _differences(found: dict[str, str]) -> tuple[Difference, ...]:
    expected = expected_parts()
    names = [*expected, *sorted(found.keys() - expected.keys())]
    return tuple(
        Difference(name, found.get(name), expected.get(name)) for name in names if found.get(name) != expected.get(name)
    )
