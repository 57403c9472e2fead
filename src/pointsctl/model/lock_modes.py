"""PostgreSQL's locks on tables: which mode keeps whom waiting (PostgreSQL's manual, "Explicit Locking", table 13.2). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

Blocked = Literal["reads and writes", "writes", "schema changes", "nobody"]
"""Whom a lock keeps waiting: SELECT as well, INSERT, UPDATE and DELETE, or only statements that change or maintain the table."""

_ACCESS_SHARE: Final = "AccessShareLock"
_ROW_SHARE: Final = "RowShareLock"
_ROW_EXCLUSIVE: Final = "RowExclusiveLock"
_SHARE_UPDATE_EXCLUSIVE: Final = "ShareUpdateExclusiveLock"
_SHARE: Final = "ShareLock"
_SHARE_ROW_EXCLUSIVE: Final = "ShareRowExclusiveLock"
_EXCLUSIVE: Final = "ExclusiveLock"
_ACCESS_EXCLUSIVE: Final = "AccessExclusiveLock"

MODES: Final = (
    _ACCESS_SHARE,
    _ROW_SHARE,
    _ROW_EXCLUSIVE,
    _SHARE_UPDATE_EXCLUSIVE,
    _SHARE,
    _SHARE_ROW_EXCLUSIVE,
    _EXCLUSIVE,
    _ACCESS_EXCLUSIVE,
)
"""Every mode, as `pg_locks` names it, the weakest first."""

_HINDERS: Final[dict[str, frozenset[str]]] = {
    _ACCESS_SHARE: frozenset(MODES[7:]),
    _ROW_SHARE: frozenset(MODES[6:]),
    _ROW_EXCLUSIVE: frozenset(MODES[4:]),
    _SHARE_UPDATE_EXCLUSIVE: frozenset(MODES[3:]),
    _SHARE: frozenset({_ROW_EXCLUSIVE, _SHARE_UPDATE_EXCLUSIVE, *MODES[5:]}),
    _SHARE_ROW_EXCLUSIVE: frozenset(MODES[2:]),
    _EXCLUSIVE: frozenset(MODES[1:]),
    _ACCESS_EXCLUSIVE: frozenset(MODES),
}


def conflict(one: str, other: str) -> bool:
    """Whether two sessions cannot hold these modes on one table at a time; a mode that is not known conflicts with all."""
    return one not in _HINDERS or other not in _HINDERS or other in _HINDERS[one]


def blocks(mode: str) -> Blocked:
    """Whom a lock of this mode keeps waiting. The weakest ones still keep ALTER TABLE and DROP TABLE waiting."""
    if conflict(mode, _ACCESS_SHARE):
        return "reads and writes"
    return "writes" if conflict(mode, _ROW_EXCLUSIVE) else "schema changes"


def adds(mode: str, held: Iterable[str]) -> bool:
    """Whether a lock of this mode keeps anybody waiting whom those `held` on the same table do not."""
    hindered = frozenset[str]().union(*(_HINDERS.get(one, frozenset(MODES)) for one in held))
    return not _HINDERS.get(mode, frozenset(MODES)) <= hindered


def decisive(modes: Iterable[str], held: Iterable[str] = ()) -> tuple[str, ...]:
    """Of new locks on one table, the strongest first, those that keep somebody waiting whom no other one and none `held` does."""
    rest = set(modes)
    known = [mode for mode in MODES if mode in rest]
    counted, found = list(held), list[str]()
    for mode in (*sorted(rest - set(MODES)), *reversed(known)):
        if adds(mode, counted):
            counted.append(mode)
            found.append(mode)
    return tuple(found)
