"""What the ledger records of edge functions: deployed, deleted, their logs watched; written and read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.configuration import Name
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.statement import Digest, Moment

Count = Annotated[int, pydantic.Field(strict=True, ge=0)]
Short = Annotated[str, StringConstraints(max_length=200)]
StoreName = Annotated[str, StringConstraints(max_length=512)]


class FunctionRecordError(PointsctlError):
    """A record of a function cannot be read."""

    code = "function-record"


class _OfAProject(pydantic.BaseModel):
    """Where it happened: the project as its platform names it; `tool` is the version of pointsctl."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: Short
    project: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    tool: Short


class DeployedData(_OfAProject):
    """`data` of `function.deployed`. `bundle` is the digest of the files that it was deployed from, as plans have it.

    Versions and `sha256` are the platform's. `saved` is the folder of the store that holds what was deployed before, None
    when there was nothing or the platform gives nothing back. `compared` says whether what was deployed was fetched again and
    is what was sent. `identified` says how the project was known to be the environment's: its own database was asked, the
    ledger knew it, or a person said so. `procedure` is the run of the deployment that it belongs to.
    """

    name: Name
    bundle: Digest
    version_before: Short | None
    version_after: Short
    sha256: Short | None
    saved: StoreName | None
    compared: Annotated[bool, pydantic.Field(strict=True)]
    identified: Literal["database", "ledger", "person"]
    procedure: Short | None


class DeletedData(_OfAProject):
    """`data` of `function.deleted`; `version` is the one that was deleted, `saved` where it is kept."""

    name: Name
    version: Short
    saved: StoreName | None


class WatchedData(_OfAProject):
    """`data` of `function.watched`: the logs of `functions` from `since` until `until`, with so many lines and errors."""

    functions: tuple[Name, ...]
    since: Moment
    until: Moment
    lines: Count
    errors: Count
    errors_by_function: dict[Short, Count]


FunctionData = DeployedData | DeletedData | WatchedData
D = TypeVar("D", bound=FunctionData)

_DATA: dict[str, type[FunctionData]] = {
    Kind.FUNCTION_DEPLOYED.value: DeployedData,
    Kind.FUNCTION_DELETED.value: DeletedData,
    Kind.FUNCTION_WATCHED.value: WatchedData,
}
FUNCTION_KINDS = frozenset(_DATA)
_KINDS = {data: Kind(kind) for kind, data in _DATA.items()}


@dataclass(frozen=True)
class RecordedFunction:
    """What was done with functions, as the ledger has it."""

    data: FunctionData
    record: Record


def recorded_function(record: Record) -> RecordedFunction:
    """What a record of FUNCTION_KINDS says. Raises FunctionRecordError."""
    try:
        return RecordedFunction(_DATA[record.kind].model_validate(record.data), record)
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        message = f"record {record.seq} ({record.kind}) cannot be read: {where} is not as expected"
        raise FunctionRecordError(message, hint=f"see it with `pointsctl ledger show {record.seq}`") from None


def function_draft(data: FunctionData, environment: str, operator: str, *, plan: str | None, run: str | None) -> Draft:
    """The record to append; `plan` is the digest of the plan in force, `run` the procedure that it belongs to."""
    return Draft(_KINDS[type(data)], environment, operator, data.model_dump(mode="json"), plan=plan, run=run)
