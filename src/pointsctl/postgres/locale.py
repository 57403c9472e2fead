"""How a database sorts and encodes text: read from the source, asked for where a copy is made, compared afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

import psycopg
import pydantic
from psycopg import sql
from pydantic import ConfigDict, StringConstraints

from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection
from pointsctl.postgres.failures import translated

_Short = Annotated[str, StringConstraints(max_length=200)]
_BY_CODE_POINT = frozenset({"c", "posix", "c.utf8", "pg_c_utf8"})
_PROVIDERS: dict[str, Literal["libc", "icu", "builtin"]] = {"c": "libc", "i": "icu", "b": "builtin"}
_LOCALE_OF: dict[str, str] = {"icu": "icu_locale", "builtin": "builtin_locale"}
# What a server says to a locale that its machine or its build does not have.
_UNKNOWN = (
    psycopg.errors.WrongObjectType,
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.InvalidObjectDefinition,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.SyntaxError,
)


class DatabaseLocale(pydantic.BaseModel):
    """A database's locale. `locale` is the provider's own name for it, None for libc, which has `collate` and `ctype`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoding: _Short
    provider: Literal["libc", "icu", "builtin"]
    collate: _Short
    ctype: _Short
    locale: _Short | None

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """That of the database of the connection."""
        with translated("reading the database's locale"):
            row = connection.execute(sqlfiles.load("backup", "locale").statement.encode()).fetchone()
        if row is None:
            raise AssertionError("pg_database has a row for the current database")
        return cls(encoding=row[0], provider=_PROVIDERS[row[1]], collate=row[2], ctype=row[3], locale=row[4])

    @property
    def by_code_point(self) -> bool:
        """Whether it sorts by code point, which every name of the C locale does, in UTF-8 and in ASCII alike."""
        name = self.locale if self.provider == "builtin" else self.collate
        return self.provider != "icu" and (name or "").lower().replace("-", "") in _BY_CODE_POINT

    def sorts_as(self, other: DatabaseLocale) -> bool:
        """Whether both encode and sort text in the same way."""
        if self.encoding != other.encoding:
            return False
        if self.by_code_point and other.by_code_point:
            return True
        return (self.provider, self.collate, self.locale) == (other.provider, other.collate, other.locale)

    def __str__(self) -> str:
        """As people name it: `en_US.UTF-8 (libc, UTF8)`."""
        return f"{self.locale or self.collate} ({self.provider}, {self.encoding})"


def create_like(connection: Connection, name: str, like: DatabaseLocale | None, clauses: sql.Composable) -> None:
    """Make the empty database `name`, which sorts and encodes text as `like` does where the server can; else by code point.

    `clauses` are further ones of CREATE DATABASE. Whoever makes a copy compares the locales afterwards.
    """
    for form in (*([] if like is None else _forms(like)), sql.SQL("")):
        command = sql.SQL("create database {} template template0 {} {}")
        with translated(f"making the database {name}"):
            try:
                connection.execute(command.format(sql.Identifier(name), form, clauses))
            except _UNKNOWN:
                if not form.as_string(connection):
                    raise
            else:
                return


def _forms(like: DatabaseLocale) -> Iterator[sql.Composable]:
    """The locale in the words of CREATE DATABASE, the closest first."""
    encoding = sql.SQL("encoding {}").format(sql.Literal(like.encoding))
    if like.by_code_point:
        # One order under many names; under this one it is compared as bytes, several times as fast.
        yield sql.SQL("{} lc_collate 'C' lc_ctype {}").format(encoding, sql.Literal(like.ctype))
    of_libc = sql.SQL("{} lc_collate {} lc_ctype {}").format(
        encoding, sql.Literal(like.collate), sql.Literal(like.ctype)
    )
    if like.provider == "libc":
        yield sql.SQL("{} locale_provider libc").format(of_libc)
        yield of_libc  # before 15 there was no other provider
    else:
        own = sql.SQL("locale_provider {} {} {}").format(
            sql.SQL(like.provider), sql.SQL(_LOCALE_OF[like.provider]), sql.Literal(like.locale)
        )
        yield sql.SQL("{} {}").format(of_libc, own)
        # The names of libc belong to the source's machine; what sorts is the provider's.
        yield sql.SQL("{} lc_collate 'C' lc_ctype 'C' {}").format(encoding, own)
    yield sql.SQL("{} lc_collate 'C' lc_ctype 'C'").format(encoding)


def differing(source: DatabaseLocale, copy: DatabaseLocale) -> Iterator[str]:
    """What a copy that sorts in another way does not show, in a line; nothing when both agree."""
    if not source.sorts_as(copy):
        yield f"the order of text: the source sorts by {source}, the copy by {copy}"
