"""The pin: which environment a ledger belongs to, and in which database it was when it was pinned."""

from __future__ import annotations

import pydantic
from pydantic import ConfigDict

from pointsctl.errors import PointsctlError
from pointsctl.model.configuration import Name
from pointsctl.model.ledger import Record
from pointsctl.model.statement import DatabaseName


class PinError(PointsctlError):
    """A recorded pin cannot be read, so nobody knows which environment the ledger belongs to."""

    code = "pin"


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Origin(_Strict):
    """What a copied ledger was pinned to before it was adopted."""

    name: Name
    database: DatabaseName


class Pin(_Strict):
    """`data` of a record `environment.pinned`. With `copied_from`, everything before it happened somewhere else, or under
    another name.
    """

    name: Name
    database: DatabaseName
    protected: bool
    tool: str
    copied_from: Origin | None = None

    @property
    def of_a_copy(self) -> bool:
        """Whether it took over the ledger of another database, and not only another name."""
        return self.copied_from is not None and not self.copied_from.database.same_as(self.database)

    def names(self, name: str, database: DatabaseName) -> bool:
        """Whether it is the pin of this environment in this database; what a role could not read must be unread again."""
        return self.name == name and self.database == database

    def way_on(self, name: str, database: DatabaseName) -> str:
        """What to do when `name` in `database` was asked for, and this is the pin that is there."""
        adopt = f"`pointsctl init --env {name} --adopt`"
        if self.database.same_as(database):
            return (
                f"this is the database of {self.name!r} itself and no copy: correct database_url; to rename it: {adopt}"
            )
        return f"correct database_url; if this is a copy that is to become {name!r}: {adopt}"


def identity_text(name: str, database: DatabaseName) -> str:
    """An environment and its database in full, for messages."""
    system = database.system_identifier or "unknown"
    return f"{name!r} (database {database.database!r}, oid {database.database_oid}, system identifier {system})"


def read_pin(record: Record) -> Pin:
    """The pin that a record holds. Raises PinError."""
    try:
        return Pin.model_validate(record.data)
    except pydantic.ValidationError:
        message = f"record {record.seq} pins the environment and cannot be read"
        raise PinError(message, hint="run `pointsctl ledger verify`") from None
