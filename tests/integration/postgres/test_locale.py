"""A copy sorts and encodes text as its source does where the server can, and says so where it cannot."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

from pointsctl.postgres.administration import drop_database
from pointsctl.postgres.connection import connect
from pointsctl.postgres.locale import DatabaseLocale, create_like, differing
from tests.support.servers import Server

LATIN = DatabaseLocale(encoding="LATIN1", provider="libc", collate="C", ctype="C", locale=None)
CODE_POINT = DatabaseLocale(encoding="UTF8", provider="libc", collate="C.UTF-8", ctype="C.UTF-8", locale=None)
BUILTIN = DatabaseLocale(
    encoding="UTF8", provider="builtin", collate="C.UTF-8", ctype="C.UTF-8", locale="PG_UNICODE_FAST"
)
ELSEWHERE = DatabaseLocale(encoding="UTF8", provider="libc", collate="xx_XX.UTF-8", ctype="xx_XX.UTF-8", locale=None)
NO_ICU = DatabaseLocale(encoding="UTF8", provider="icu", collate="C", ctype="C", locale="not a locale")


@contextmanager
def made(server: Server, like: DatabaseLocale | None) -> Iterator[DatabaseLocale]:
    """The locale of a new database that was made like another one."""
    name, admin = f"locale_{uuid.uuid4().hex[:8]}", server.cluster.url("postgres")
    try:
        with connect(admin) as connection:
            create_like(connection, name, like, sql.SQL("connection limit 5"))
        with connect(server.cluster.url(name)) as connection:
            yield DatabaseLocale.of(connection)
    finally:
        drop_database(admin, name)


@pytest.mark.parametrize("like", [LATIN, CODE_POINT, BUILTIN])
def test_a_locale_that_the_server_has_is_taken_over(server: Server, like: DatabaseLocale) -> None:
    with made(server, like) as found:
        assert found.sorts_as(like)
        assert list(differing(like, found)) == []
        assert (found.encoding, found.ctype) == (like.encoding, like.ctype)


def test_code_points_are_compared_as_bytes(server: Server) -> None:
    with made(server, CODE_POINT) as found:
        assert (found.collate, found.ctype) == ("C", "C.UTF-8")


@pytest.mark.parametrize("like", [ELSEWHERE, NO_ICU])
def test_a_locale_that_the_server_lacks_is_replaced_and_named(server: Server, like: DatabaseLocale) -> None:
    with made(server, like) as found:
        assert found.by_code_point
        assert not found.sorts_as(like)
        (line,) = differing(like, found)
    assert str(like) in line


def test_without_a_wish_it_is_the_servers_own(server: Server) -> None:
    with made(server, None) as found:
        assert found.sorts_as(CODE_POINT)


def test_an_encoding_is_part_of_the_order() -> None:
    assert not LATIN.sorts_as(CODE_POINT)
