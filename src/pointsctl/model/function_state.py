"""What the ledger and the platform say together about each function: deployed by pointsctl, by somebody else, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pointsctl.model.deployed_function import ACTIVE, DeployedFunction
from pointsctl.model.function_records import DeletedData, DeployedData, RecordedFunction, WatchedData
from pointsctl.model.ledger import Record


class FunctionState(StrEnum):
    """What is known about a function; ids that scripts may rely on."""

    DEPLOYED = "deployed"  # the platform runs what pointsctl recorded
    FOREIGN = "foreign"  # it runs something that pointsctl did not deploy
    INACTIVE = "inactive"  # what pointsctl deployed does not answer
    MISSING = "missing"  # the checklist names it, the platform does not have it
    UNLISTED = "unlisted"  # the platform has it, the checklist does not name it


@dataclass(frozen=True)
class LastDeployment:
    """The newest deployment of a function by pointsctl that nobody deleted since."""

    data: DeployedData
    record: Record


@dataclass(frozen=True)
class KnownFunction:
    """A function by its name: what the platform lists (None when it has none), and what the ledger knows of it."""

    name: str
    state: FunctionState
    listed: DeployedFunction | None
    last: LastDeployment | None


def last_deployment(recorded: Sequence[RecordedFunction], project: str, name: str) -> LastDeployment | None:
    """The newest deployment of `name` in `project`; None when it was deleted since, or never deployed."""
    for one in reversed(recorded):
        data = one.data
        if isinstance(data, WatchedData) or data.project != project or data.name != name:
            continue
        return None if isinstance(data, DeletedData) else LastDeployment(data, one.record)
    return None


def is_known_project(recorded: Sequence[RecordedFunction], project: str) -> bool:
    """Whether pointsctl has deployed to the project before, into this very ledger."""
    return any(isinstance(one.data, DeployedData) and one.data.project == project for one in recorded)


def unchanged(last: LastDeployment | None, listed: DeployedFunction | None) -> bool:
    """Whether the platform still runs what the record says: the same version, and the same digest where it tells one."""
    if last is None or listed is None:
        return False
    return (listed.version, listed.sha256) == (last.data.version_after, last.data.sha256)


def known_functions(
    names: Sequence[str], listed: Sequence[DeployedFunction], recorded: Sequence[RecordedFunction], project: str
) -> tuple[KnownFunction, ...]:
    """Every function of the checklist in its order, then what else the platform has, by name."""
    there = {one.name: one for one in listed}
    others = sorted(there.keys() - set(names))
    return tuple(
        _known(name, there.get(name), last_deployment(recorded, project, name), wanted=name in names)
        for name in (*names, *others)
    )


def _known(name: str, listed: DeployedFunction | None, last: LastDeployment | None, *, wanted: bool) -> KnownFunction:
    if listed is None:
        state = FunctionState.MISSING
    elif not wanted:
        state = FunctionState.UNLISTED
    elif not unchanged(last, listed):
        state = FunctionState.FOREIGN
    elif listed.status != ACTIVE:
        state = FunctionState.INACTIVE
    else:
        state = FunctionState.DEPLOYED
    return KnownFunction(name, state, listed, last)
