"""What a manifest says of a dump: by what a copy of it is made and proven."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.model.archive import ArchiveEntry
from pointsctl.model.backup import ManifestError
from pointsctl.model.configuration import LeftOut
from pointsctl.model.escape import plain
from pointsctl.model.fingerprint import Fingerprints
from pointsctl.postgres.locale import DatabaseLocale
from pointsctl.postgres.roles import Role

_SETTING = re.compile(r' SET "?([A-Za-z_][A-Za-z0-9_.]*)"? TO ')
_LINE = 400
_Line = Annotated[str, StringConstraints(max_length=_LINE)]


class DumpContents(pydantic.BaseModel):
    """A dump. `program` is the pg_dump that wrote it, as it says its version; `objects` how many the catalogue has.

    The catalogue itself is the archive's own table of contents, an object of the backup like the rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["pg_dump/1"] = "pg_dump/1"
    server_version: int
    program: Annotated[str, StringConstraints(pattern=r"^[0-9]+[^\s]{0,60}$")]
    objects: int = pydantic.Field(ge=0)
    fingerprints: Fingerprints
    roles: tuple[Role, ...]
    locale: DatabaseLocale
    without: LeftOut
    left_out: tuple[_Line, ...] = ()

    @property
    def server_major(self) -> int:
        """The major version of the server that was dumped."""
        return self.server_version // 10_000

    @property
    def program_major(self) -> int:
        """The major version of the pg_dump that wrote it."""
        return int(re.split(r"\D", self.program)[0])

    def as_json(self) -> dict[str, Any]:
        """For the manifest; `read` reads it back."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, contents: Mapping[str, Any]) -> Self:
        """From a manifest, of which nothing is believed. Raises ManifestError."""
        try:
            return cls.model_validate_json(json.dumps(contents, allow_nan=False))
        except pydantic.ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "their form"
        except (TypeError, ValueError):
            where = "their form"
        message = f"the contents of the backup cannot be read: {plain(where, 120)} is not as expected"
        hint = "it was made by another version of pointsctl, or changed; use another backup"
        raise ManifestError(message, hint=hint)


def left_out_of_copies(entries: Iterable[ArchiveEntry]) -> Iterator[str]:
    """What the archive holds and a copy under another name, on another machine, is made without: one line for each.

    `pg_restore --create` would apply the database's own properties, to a database of the source's name.
    """
    found = list(entries)
    settings = sorted(
        {name for one in found if one.kind == "DATABASE PROPERTIES" for name in _SETTING.findall(one.definition)}
    )
    if settings:
        yield plain(f"settings of the database itself: {', '.join(settings)}", _LINE - 100)
    own = [one for one in found if one.kind in ("ACL", "COMMENT", "SECURITY LABEL") and one.tag.startswith("DATABASE ")]
    if own:
        yield "grants and comments on the database itself"
    placed = sum(1 for one in found if one.tablespace)
    if placed:
        yield f"the tablespaces of {placed} objects"
