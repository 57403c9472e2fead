"""The reference schema keeps its promises on a real server."""

from __future__ import annotations

from pointsctl.postgres.connection import connect


def test_a_test_database_has_the_schema(database_url: str) -> None:
    with connect(database_url) as connection:
        row = connection.execute("select count(*) from public.coupon_templates").fetchone()
    assert row == (3,)


def test_each_test_has_its_own(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("delete from public.coupon_templates")
        row = connection.execute("select count(*) from public.coupon_templates").fetchone()
    assert row == (0,)
