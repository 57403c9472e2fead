"""What could make an audit look past a defect: tables emptied behind its back, the database's own settings, hidden rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.checks.sql_audit import SqlAudit
from pointsctl.errors import ContextMissingError, CouldNotLookError
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.audits import is_empty, run_audit
from tests.support.audit_defects import COUPON, NO_CHECK, OTHER, USER, event
from tests.support.audits import audit, execute, keys, opened
from tests.support.servers import Server
from tests.support.world import Switch, make_world

DUPLICATES = (
    NO_CHECK,
    "ALTER TABLE public.coupons DROP CONSTRAINT coupons_code_hash_key",
    COUPON.format(id=USER, hash="'SUMMER-26'"),
    COUPON.format(id=OTHER, hash="'SUMMER-26'"),
)
REWRITES = [
    "ALTER TABLE public.coupons ADD COLUMN planted uuid DEFAULT gen_random_uuid()",
    "TRUNCATE public.coupons CASCADE",
]


@pytest.mark.parametrize("rewrite", REWRITES)
def test_table_that_is_rewritten_during_the_run_is_not_taken_for_an_empty_one(
    admin_url: str, database_url: str, rewrite: str
) -> None:
    """PostgreSQL shows an older snapshot nothing of it, so that the two equal coupons are not found."""
    execute(admin_url, *DUPLICATES)
    file = sqlfiles.load("audits", "coupon-duplicates")
    with opened(database_url) as database:
        database.identity()  # takes the run's snapshot
        execute(admin_url, rewrite)
        with (
            pytest.raises(CouldNotLookError, match=r"while the run was looking: public\.coupons"),
            database.reader(Switch()) as connection,
        ):
            run_audit(connection, file, file.arguments({}), 5)
        with pytest.raises(CouldNotLookError), database.reader(Switch()) as connection:
            is_empty(connection, "public.coupons")


def test_partition_that_is_emptied_during_the_run_is_noticed(admin_url: str, database_url: str) -> None:
    execute(
        admin_url,
        "CREATE TABLE public.parted (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES FROM (1) TO (9)",
        "INSERT INTO public.parted VALUES (1)",
        "GRANT SELECT ON public.parted TO postgres",
    )
    with opened(database_url) as database:
        with database.reader(Switch()) as connection:
            assert not is_empty(connection, "public.parted")
        execute(admin_url, "TRUNCATE public.parted_1")
        with pytest.raises(CouldNotLookError, match="parted_1"), database.reader(Switch()) as connection:
            is_empty(connection, "public.parted")


@pytest.mark.parametrize("setting", ["standard_conforming_strings = off", "quote_all_identifiers = on"])
def test_settings_of_the_database_do_not_hide_open_policies(
    admin_url: str, database_url: str, database: str, setting: str
) -> None:
    execute(
        admin_url,
        "CREATE POLICY same ON public.coupons FOR SELECT TO authenticated USING (user_id = user_id)",
        "CREATE POLICY anyone ON public.coupons FOR SELECT TO authenticated USING ((SELECT auth.uid()) IS NOT NULL)",
        f"ALTER DATABASE {database} SET {setting}",
    )
    assert keys(audit(database_url, "rls-policies")) == {"public.coupons.same:USING", "public.coupons.anyone:USING"}


@pytest.fixture
def filtered_url(server: Server, database: str, admin_url: str) -> Iterator[str]:
    """A role that may read every table and is bound by row level security."""
    execute(admin_url, "CREATE ROLE filtered LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO filtered")
    yield server.cluster.url(database, "filtered")
    execute(admin_url, "DROP OWNED BY filtered", "DROP ROLE filtered")


@pytest.mark.parametrize("condition", [{"when_used": "public.points_events"}, {"not_empty": ["public.points_events"]}])
def test_table_whose_rows_are_hidden_does_not_count_as_unused(
    tmp_path: Path, admin_url: str, filtered_url: str, condition: dict[str, object]
) -> None:
    execute(admin_url, event("nonce-0001"))
    check = SqlAudit.model_validate({"audits": ["expected-tables"], **condition})
    with (
        opened(filtered_url) as database,
        pytest.raises(ContextMissingError, match=r"hides rows of public\.points_events"),
    ):
        check.look(make_world(tmp_path, database=lambda: database))
