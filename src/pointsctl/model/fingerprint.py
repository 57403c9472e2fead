"""Fingerprints of a database's content, and what a copy must show to be the same content. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import pydantic
from pydantic import BeforeValidator, ConfigDict, PlainSerializer, StringConstraints

from pointsctl.errors import PointsctlError
from pointsctl.model.proof import Difference, Differs

METHOD: Final = "row-hash/1"
"""How rows become digests (postgres/row_hash.py). Digests of two methods, or of two major versions, say nothing of each other."""

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*")


class FingerprintError(PointsctlError):
    """Fingerprints that cannot be read, or that cannot be compared with each other: nothing is known about the copy."""

    code = "fingerprint"


def _from_text(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"0|-?[1-9][0-9]{0,18}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("no whole number as text")


# As text in JSON: a bigint has more digits than most readers keep.
_Long = Annotated[int, BeforeValidator(_from_text), PlainSerializer(str, return_type=str, when_used="json")]
_Digest = Annotated[str, StringConstraints(pattern=r"^(0|-?[1-9][0-9]{0,59})$")]
_Identifier = Annotated[str, StringConstraints(min_length=1, max_length=63)]
_Line = Annotated[str, StringConstraints(max_length=400)]
_Count = Annotated[int, pydantic.Field(ge=0)]


class _Strict(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Named(_Strict):
    in_schema: _Identifier
    name: _Identifier

    @property
    def shown(self) -> str:
        """`public.coupons`, for people."""
        return shown_name(self.in_schema, self.name)


class TableFingerprint(_Named):
    """The rows of a table: how many, and the sum of their 64-bit hashes, which no order of the rows changes."""

    rows: _Count
    digest: _Digest


class SequenceFingerprint(_Named):
    """Where a sequence stands: a lower bound, since sequences move on in every snapshot.

    `data_end` is the last value (in the sequence's direction) that its owning column holds, None where there is no such
    column or no row.
    """

    last_value: _Long
    is_called: bool
    increment: _Long
    cycles: bool
    data_end: _Long | None = None

    @property
    def next_value(self) -> int:
        """What the sequence gives next."""
        return self.last_value + self.increment if self.is_called else self.last_value

    @property
    def used_again(self) -> bool:
        """Whether it would give a value that its column holds already."""
        if self.data_end is None or self.cycles:
            return False
        return self.next_value <= self.data_end if self.increment > 0 else self.next_value >= self.data_end


class MaterializedView(_Named):
    """A materialised view. Its rows are computed anew by a restore, from tables that are compared row by row."""

    populated: bool


class LargeObjects(_Strict):
    """All large objects: their number, their bytes, a digest of their content and one of their owners and privileges."""

    count: _Count = 0
    bytes: _Count = 0
    content: _Digest = "0"
    access: _Digest = "0"


class Fingerprints(_Strict):
    """What a database held at one moment. `left_out` names what a backup of it does not hold, one line each."""

    method: Literal["row-hash/1"] = METHOD
    server_major: int
    tables: tuple[TableFingerprint, ...]
    sequences: tuple[SequenceFingerprint, ...]
    materialized_views: tuple[MaterializedView, ...] = ()
    large_objects: LargeObjects = LargeObjects()
    left_out: tuple[_Line, ...] = ()

    @pydantic.model_validator(mode="after")
    def _names_are_unique(self) -> Fingerprints:
        for named in (self.tables, self.sequences, self.materialized_views):
            if len({(one.in_schema, one.name) for one in named}) != len(named):
                raise ValueError("two of one name")
        return self

    @property
    def rows(self) -> int:
        """Rows in all tables."""
        return sum(one.rows for one in self.tables)

    def as_json(self) -> dict[str, Any]:
        """For the manifest; `read_fingerprints` reads it back."""
        return self.model_dump(mode="json")


def read_fingerprints(value: Any) -> Fingerprints:
    """Fingerprints from JSON, of which nothing is believed. Raises FingerprintError."""
    try:
        return Fingerprints.model_validate_json(json.dumps(value, allow_nan=False))
    except pydantic.ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "their form"
    except (TypeError, ValueError):
        where = "their form"
    message = f"the fingerprints of the backup cannot be read: {where[:120]} is not as expected"
    raise FingerprintError(message, hint="it was made by another version of pointsctl, or changed; use another backup")


def compare(source: Fingerprints, copy: Fingerprints) -> tuple[Difference, ...]:
    """Every way in which the copy's content is not the source's. Raises FingerprintError when nothing can be said."""
    if source.server_major != copy.server_major:
        message = f"fingerprints of PostgreSQL {source.server_major} and {copy.server_major} cannot be compared"
        raise FingerprintError(message, hint=f"restore into a server of version {source.server_major}")
    return (
        *_named("table", source.tables, copy.tables, _table),
        *_named("sequence", source.sequences, copy.sequences, _sequence),
        *_named("materialized view", source.materialized_views, copy.materialized_views, _view),
        *_large_objects(source.large_objects, copy.large_objects),
    )


def shown_name(in_schema: str, name: str) -> str:
    """A qualified name, quoted only where PostgreSQL would need it."""
    return ".".join(
        part if _PLAIN_NAME.fullmatch(part) else '"{}"'.format(part.replace('"', '""')) for part in (in_schema, name)
    )


_Some = TypeVar("_Some", bound=_Named)


def _named(
    kind: str,
    source: Iterable[_Some],
    copy: Iterable[_Some],
    judge: Callable[[str, _Some, _Some], Iterator[Difference]],
) -> Iterator[Difference]:
    expected, found = _by_name(source), _by_name(copy)
    for key in sorted({*expected, *found}):
        what = f"{kind} {shown_name(*key)}"
        if key not in found:
            yield Difference(Differs.MISSING, what, _told(expected[key]), "nothing")
        elif key not in expected:
            yield Difference(Differs.EXTRA, what, "nothing", _told(found[key]))
        else:
            yield from judge(what, expected[key], found[key])


def _by_name(named: Iterable[_Some]) -> Mapping[tuple[str, str], _Some]:
    return {(one.in_schema, one.name): one for one in named}


def _told(one: _Named) -> str:
    return _rows(one.rows) if isinstance(one, TableFingerprint) else "there"


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _table(what: str, source: TableFingerprint, copy: TableFingerprint) -> Iterator[Difference]:
    if source.rows != copy.rows:
        yield Difference(Differs.ROWS, what, _rows(source.rows), _rows(copy.rows))
    elif source.digest != copy.digest:
        yield Difference(
            Differs.CONTENT,
            what,
            f"{_rows(source.rows)} with digest {source.digest}",
            f"{_rows(copy.rows)} with digest {copy.digest}",
        )


def _sequence(what: str, source: SequenceFingerprint, copy: SequenceFingerprint) -> Iterator[Difference]:
    if (source.increment, source.cycles) != (copy.increment, copy.cycles):
        yield Difference(Differs.CHANGED, what, _steps(source), _steps(copy))
        return
    rising = source.increment > 0
    behind = copy.next_value < source.next_value if rising else copy.next_value > source.next_value
    if behind and not source.cycles:
        side = "at least" if rising else "at most"
        yield Difference(Differs.BEHIND, what, f"next value {side} {source.next_value}", f"{copy.next_value}")
    # A source whose sequence was behind its own data is restored as it was.
    elif copy.used_again and not source.used_again:
        side = "above" if rising else "below"
        yield Difference(Differs.BEHIND, what, f"next value {side} {copy.data_end}", f"{copy.next_value}")


def _steps(one: SequenceFingerprint) -> str:
    return f"steps of {one.increment}{', cycling' if one.cycles else ''}"


def _view(what: str, source: MaterializedView, copy: MaterializedView) -> Iterator[Difference]:
    if source.populated != copy.populated:
        told = {True: "populated", False: "not populated"}
        yield Difference(Differs.CHANGED, what, told[source.populated], told[copy.populated])


def _large_objects(source: LargeObjects, copy: LargeObjects) -> Iterator[Difference]:
    if source.count != copy.count:
        yield Difference(Differs.ROWS, "large objects", f"{source.count:,}", f"{copy.count:,}")
    elif (source.bytes, source.content) != (copy.bytes, copy.content):
        told = [f"{one.count:,} with {one.bytes:,} bytes, digest {one.content}" for one in (source, copy)]
        yield Difference(Differs.CONTENT, "large objects", *told)
    elif source.access != copy.access:
        told = [f"digest {one.access}" for one in (source, copy)]
        yield Difference(Differs.CHANGED, "owners and privileges of large objects", *told)
