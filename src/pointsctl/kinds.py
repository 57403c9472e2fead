"""Open sets: `kind: x` in a checklist is the file `x.py` of a folder, or an entry point; imported only when asked for."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from functools import cache
from typing import Any

from pointsctl.errors import UsageError
from pointsctl.model.problems import nearest


@cache
def names(open_set: str) -> tuple[str, ...]:
    """Every kind of `open_set` (`checks`, `reports`, ...), sorted; third parties' kinds included."""
    return tuple(sorted({*_built_in(open_set), *_entry_points(open_set)}))


def exists(open_set: str, kind: str) -> bool:
    """Whether there is such a kind. What is installed beside the program is looked through only for those that it lacks."""
    return kind in _built_in(open_set) or kind in _entry_points(open_set)


def load(open_set: str, kind: str) -> Any:
    """The class of a kind: `sql_audit` is `SqlAudit` in `sql_audit.py`.

    Raises UsageError with the nearest valid name for an unknown kind. An ImportError inside a kind is never swallowed.
    """
    if not exists(open_set, kind):
        close = nearest(kind, names(open_set))
        hint = f"did you mean {close!r}?" if close else f"kinds: {', '.join(names(open_set))}"
        raise UsageError(f"no kind {kind!r} in {open_set}", hint=hint)
    if kind not in _built_in(open_set):
        return _load_foreign(open_set, _entry_points(open_set)[kind])
    module = importlib.import_module(f"pointsctl.{open_set}.{kind}")
    return getattr(module, class_name(kind))


def _load_foreign(open_set: str, entry: importlib.metadata.EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as error:
        origin = entry.dist.name if entry.dist else entry.value
        reason = f"{type(error).__name__}: {error}"
        hint = f"mend or uninstall {origin}; a kind that cannot be loaded is never left out quietly"
        raise UsageError(f"kind {entry.name!r} of {open_set} cannot be imported: {reason}", hint=hint) from error


def class_name(kind: str) -> str:
    """The class that the file of a kind defines."""
    return "".join(part.capitalize() for part in kind.split("_"))


@cache
def _built_in(open_set: str) -> frozenset[str]:
    package = importlib.import_module(f"pointsctl.{open_set}")
    return frozenset(module.name for module in pkgutil.iter_modules(package.__path__)) - {"interface"}


@cache
def _entry_points(open_set: str) -> dict[str, importlib.metadata.EntryPoint]:
    # A third party adds kinds under the group `pointsctl.checks`; a built-in name cannot be taken over.
    built_in = _built_in(open_set) | {"interface"}
    found = importlib.metadata.entry_points(group=f"pointsctl.{open_set}")
    return {entry.name: entry for entry in found if entry.name not in built_in}
