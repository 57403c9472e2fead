"""A role that would see only a part of a database takes no backup of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from psycopg import conninfo

from pointsctl.errors import PermissionMissingError, PointsctlError, RefusedError
from pointsctl.model.configuration import LeftOut
from pointsctl.model.fingerprint import Fingerprints
from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster
from pointsctl.postgres.source import refuse_source
from tests.support.audits import execute
from tests.support.fingerprints import of_copy, of_source
from tests.support.other_servers import server_of


@pytest.fixture
def reader_url(admin_url: str) -> Iterator[str]:
    """The database as a role that may read everything, but only the rows that policies show it."""
    name = 'Reader; "of" everything'
    quoted = '"Reader; ""of"" everything"'
    execute(admin_url, f"CREATE ROLE {quoted} LOGIN", f"GRANT pg_read_all_data TO {quoted}")
    yield conninfo.make_conninfo(admin_url, user=name)
    execute(admin_url, f"DROP OWNED BY {quoted}", f"DROP ROLE {quoted}")


def test_the_owner_who_bypasses_and_the_superuser_may(database_url: str, admin_url: str) -> None:
    refuse_source(database_url, LeftOut())
    refuse_source(admin_url, LeftOut())


def test_a_role_under_row_level_security_is_refused_before_it_dumps_a_part(reader_url: str) -> None:
    """Without the guard: pg_dump --enable-row-security ends with 0 and holds the rows that policies show."""
    with pytest.raises(RefusedError, match="row level security hides rows from the role") as refused:
        refuse_source(reader_url, LeftOut())
    assert "public.coupons" in refused.value.message
    assert " more" in refused.value.message
    assert "BYPASSRLS" in refused.value.hint


@pytest.mark.parametrize("fingerprints_of", [of_source, of_copy])
def test_what_policies_hide_is_never_left_out_of_fingerprints(
    reader_url: str, fingerprints_of: Callable[[str], Fingerprints]
) -> None:
    """Row level security may be switched on after the first look; and what hides rows of both sides makes them look alike."""
    with pytest.raises(RefusedError, match="row level security hides rows from the role"):
        fingerprints_of(reader_url)


def test_an_owner_under_forced_row_level_security_is_refused(admin_url: str) -> None:
    execute(
        admin_url,
        "CREATE ROLE plain_owner LOGIN",
        "CREATE SCHEMA own AUTHORIZATION plain_owner",
        "CREATE TABLE own.t (a int)",
        "ALTER TABLE own.t OWNER TO plain_owner",
        "ALTER TABLE own.t ENABLE ROW LEVEL SECURITY",
    )
    url = conninfo.make_conninfo(admin_url, user="plain_owner")
    left_out = LeftOut(schemas=("public", "auth", "storage"))
    try:
        refuse_source(url, left_out)
        execute(admin_url, "ALTER TABLE own.t FORCE ROW LEVEL SECURITY")
        with pytest.raises(RefusedError, match=r"in table own\.t"):
            refuse_source(url, left_out)
    finally:
        execute(admin_url, "DROP SCHEMA own CASCADE", "DROP ROLE plain_owner")


def test_a_partition_that_is_read_directly_counts_by_itself(admin_url: str, reader_url: str) -> None:
    role = '"Reader; ""of"" everything"'
    execute(
        admin_url,
        f"ALTER ROLE {role} BYPASSRLS",
        "CREATE SCHEMA own",
        "CREATE TABLE own.p (a int) PARTITION BY LIST (a)",
        "CREATE TABLE own.p1 PARTITION OF own.p DEFAULT",
        "ALTER TABLE own.p1 ENABLE ROW LEVEL SECURITY",
    )
    refuse_source(reader_url, LeftOut(schemas=("public", "auth")))
    execute(admin_url, f"ALTER ROLE {role} NOBYPASSRLS")
    with pytest.raises(RefusedError, match=r"own\.p1"):
        refuse_source(reader_url, LeftOut(schemas=("public", "auth")))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE TABLE public.closed ()", "table public.closed"),
        ("CREATE SEQUENCE public.closed", "sequence public.closed"),
        ("CREATE SCHEMA closed; CREATE TABLE closed.t ()", "schema closed, table closed.t"),
        ("SELECT lo_from_bytea(4711, '')", "large object 4711"),
    ],
)
def test_what_may_not_be_read_is_named(admin_url: str, statement: str, named: str) -> None:
    execute(admin_url, "CREATE ROLE bypasser LOGIN BYPASSRLS", "GRANT USAGE ON SCHEMA public TO bypasser", statement)
    url = conninfo.make_conninfo(admin_url, user="bypasser")
    execute(
        admin_url,
        "GRANT SELECT ON ALL TABLES IN SCHEMA public, auth TO bypasser",
        "GRANT USAGE ON SCHEMA auth TO bypasser",
    )
    execute(admin_url, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public, auth TO bypasser")
    execute(
        admin_url,
        *([f"REVOKE ALL ON {named.split(maxsplit=1)[0]} public.closed FROM bypasser"] if "public" in named else []),
    )
    try:
        with pytest.raises(PermissionMissingError) as refused:
            refuse_source(url, LeftOut())
    finally:
        execute(admin_url, "DROP OWNED BY bypasser", "DROP ROLE bypasser")
    assert refused.value.message == f"the role 'bypasser' may not read {named}"
    # Large objects stay closed to pg_read_all_data.
    assert ("pg_read_all_data" in refused.value.hint) == ("large object" not in named)


def test_refusals_show_nothing_of_the_address(database_url: str) -> None:
    with pytest.raises(PointsctlError) as refused:
        refuse_source(conninfo.make_conninfo(database_url, user="nobody", password="hunter2-secret"), LeftOut())
    assert "hunter2" not in refused.value.message


def test_a_standby_may_be_dumped_but_has_no_rows_of_unlogged_tables() -> None:
    settings = {**THROW_AWAY_SETTINGS, "wal_level": "replica"}
    with server_of(18, settings=settings) as server:
        url = server.url("postgres")
        execute(url, "CREATE TABLE t AS SELECT generate_series(1, 100) AS a", "CREATE SEQUENCE s")
        before = of_source(url)
        _make_standby(server)
        refuse_source(url, LeftOut())
        assert of_source(url) == before
    with server_of(18, settings=settings) as server:
        execute(server.url("postgres"), "CREATE UNLOGGED TABLE loose ()")
        _make_standby(server)
        with pytest.raises(
            RefusedError, match=r"a standby has no rows of unlogged tables.*table public\.loose"
        ) as refused:
            refuse_source(server.url("postgres"), LeftOut())
        assert "primary" in refused.value.hint


def _make_standby(server: PrivateCluster) -> None:
    server.stop()
    (server.data_directory / "standby.signal").touch()
    server.start()
