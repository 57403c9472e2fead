"""The reference schema keeps its promises on a real server."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial

import psycopg
import pytest

from pointsctl.postgres.connection import Connection, connect
from tests.support.servers import Server

TABLES = ["points_events", "user_points_cache", "coupon_templates", "coupons", "fraud_insights", "feature_flags"]
COFFEE = "00000000-0000-4000-8000-000000000001"
A, B = (f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in (1, 2))


@contextmanager
def acting_as(url: str, role: str, user_id: str = "") -> Iterator[Connection]:
    """A connection that the API gateway would hand on: another role, and the claims of the token."""
    with connect(url) as connection:
        connection.execute("select set_config('request.jwt.claims', %s, false)", (f'{{"sub": "{user_id}"}}',))
        connection.execute(f"set role {role}".encode())
        yield connection


def submit(connection: Connection, user_id: str, points: int = 10) -> str:
    row = connection.execute(
        "insert into public.points_events (user_id, event_type, points_delta, nonce, payload_hash)"
        " values (%s, 'habit_completed', %s, %s, encode(sha256(%s), 'hex')) returning id::text",
        (user_id, points, uuid.uuid4().hex, uuid.uuid4().bytes),
    ).fetchone()
    assert row
    return str(row[0])


def validate(connection: Connection, event_id: str, status: str = "validated", reason: str | None = None) -> int:
    row = connection.execute(
        "select public.validate_points_event(%s, %s, 80, %s)", (event_id, status, reason)
    ).fetchone()
    assert row
    return int(row[0])


def redeem(connection: Connection, user_id: str, template: str = COFFEE) -> None:
    digest = "encode(sha256(gen_random_uuid()::text::bytea), 'hex')"
    connection.execute(
        f"select public.redeem_coupon(%s, %s, {digest}, %s, {digest})".encode(), (user_id, template, uuid.uuid4().hex)
    )


def discrepancies(connection: Connection) -> int:
    row = connection.execute(
        "select count(*) from public.user_points_cache as c full join"
        " (select user_id, sum(points_delta) as points from public.points_events"
        "  where validation_status = 'validated' group by user_id) as e using (user_id)"
        " where coalesce(c.available_points, 0) <> coalesce(e.points, 0)"
    ).fetchone()
    assert row
    return int(row[0])


def test_every_table_and_partition_is_closed(database_url: str) -> None:
    with connect(database_url) as connection:
        rows = connection.execute(
            "select relname, relrowsecurity and relforcerowsecurity from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        ).fetchall()
    assert {name for name, _ in rows} >= set(TABLES)
    assert sum(name.startswith("fraud_insights_") for name, _ in rows) == 4
    assert [name for name, closed in rows if not closed] == []


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    ["select from {}", "insert into {} default values", "update {} set ctid = ctid", "delete from {}", "truncate {}"],
)
def test_anon_can_do_nothing(database_url: str, table: str, statement: str) -> None:
    with acting_as(database_url, "anon") as connection, pytest.raises(psycopg.Error) as refusal:
        connection.execute(statement.format(f"public.{table}").encode())
    assert refusal.value.sqlstate in {"42501", "0A000"} if "ctid" in statement else refusal.value.sqlstate == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "insert into public.user_points_cache values (auth.uid(), 1000000)",
        "update public.user_points_cache set available_points = 1000000",
        "delete from public.points_events",
        "select code_hash from public.coupons",
        "select * from public.fraud_insights",
        "select public.validate_points_event(gen_random_uuid(), 'validated', 100)",
        "select public.create_fraud_insights_partition('2030-01-01')",
    ],
)
def test_a_user_can_write_nothing_and_see_no_digest(database_url: str, statement: str) -> None:
    with (
        acting_as(database_url, "authenticated", A) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_a_user_sees_own_rows_only(database_url: str) -> None:
    with connect(database_url) as owner:
        for user in (A, B):
            validate(owner, submit(owner, user, 100))
            redeem(owner, user)
    for table, columns in (("points_events", "user_id"), ("user_points_cache", "user_id"), ("coupons", "user_id")):
        with acting_as(database_url, "authenticated", A) as connection:
            rows = connection.execute(f"select distinct {columns}::text from public.{table}".encode()).fetchall()
        assert rows == [(A,)]


@pytest.mark.parametrize("claims", ["", "{}", '{"sub": ""}', '{"sub": null}'])
def test_nobody_is_no_user(database_url: str, claims: str) -> None:
    with connect(database_url) as connection:
        validate(connection, submit(connection, A))
        connection.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
        connection.execute("set role authenticated")
        assert connection.execute("select auth.uid(), auth.role()").fetchone() == (None, None)
        assert connection.execute("select count(*) from public.points_events").fetchone() == (0,)


def test_the_service_role_cannot_rewrite_history(database_url: str) -> None:
    with acting_as(database_url, "service_role") as connection:
        submit(connection, A)
        for statement in ("update public.points_events set points_delta = 1", "delete from public.points_events"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_validation_books_the_points_once(database_url: str) -> None:
    with acting_as(database_url, "service_role") as connection:
        event = submit(connection, A, 30)
        assert validate(connection, event) == 30
        with pytest.raises(psycopg.Error, match="is already validated") as refusal:
            validate(connection, event)
        assert refusal.value.sqlstate == "PT409"
        assert connection.execute(
            "select available_points, lifetime_points from public.user_points_cache"
        ).fetchall() == [(30, 30)]


def test_review_and_rejection_book_nothing(database_url: str) -> None:
    with acting_as(database_url, "service_role") as connection:
        event = submit(connection, A)
        assert validate(connection, event, "review") == 0
        assert validate(connection, event, "rejected", "too_many_events") == 0
        row = connection.execute(
            "select validation_status, rejection_reason, validated_at is not null from public.points_events"
        )
        assert row.fetchone() == ("rejected", "too_many_events", True)


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        ("gen_random_uuid(), 'validated', 50", "PT404"),
        ("null, 'validated', 50", "PT404"),
        ("gen_random_uuid(), 'pending', 50", "PT400"),
        ("gen_random_uuid(), null, 50", "PT400"),
        ("gen_random_uuid(), 'rejected', 50", "PT400"),
        ("gen_random_uuid(), 'validated', 101", "PT400"),
        ("gen_random_uuid(), 'validated', null", "PT400"),
    ],
)
def test_validation_refuses_what_makes_no_sense(database_url: str, arguments: str, sqlstate: str) -> None:
    with acting_as(database_url, "service_role") as connection, pytest.raises(psycopg.Error) as refusal:
        connection.execute(f"select public.validate_points_event({arguments})".encode())
    assert refusal.value.sqlstate == sqlstate


def test_a_coupon_is_not_sold_on_credit_and_nothing_stays_behind(database_url: str) -> None:
    with acting_as(database_url, "service_role") as connection:
        validate(connection, submit(connection, A, 49))
        with pytest.raises(psycopg.Error, match="49 available, 50 needed") as refusal:
            redeem(connection, A)
        assert refusal.value.sqlstate == "PT402"
        assert connection.execute("select count(*) from public.points_events").fetchone() == (1,)
        assert discrepancies(connection) == 0


@pytest.mark.parametrize(
    "change",
    [
        "active = false",
        "valid_from = now() + interval '1 day'",
        "valid_from = '2020-01-01', valid_until = '2020-01-02'",
    ],
)
def test_a_coupon_that_is_not_on_offer_is_not_sold(database_url: str, change: str) -> None:
    with connect(database_url) as owner:
        owner.execute(f"update public.coupon_templates set {change}".encode())
        validate(owner, submit(owner, A, 100))
        with pytest.raises(psycopg.Error) as refusal:
            redeem(owner, A)
    assert refusal.value.sqlstate == "PT404"


def test_a_limited_coupon_sells_out_under_concurrency(database_url: str) -> None:
    with connect(database_url) as owner:
        owner.execute("update public.coupon_templates set max_redemptions = 3")
        users = [str(uuid.uuid4()) for _ in range(8)]
        for user in users:
            validate(owner, submit(owner, user, 100))
    outcomes = in_parallel([partial(_try_to_redeem, database_url, user) for user in users])
    assert sorted(outcomes) == ["PT409"] * 5 + ["sold"] * 3


def test_one_balance_is_not_spent_twice_under_concurrency(database_url: str) -> None:
    with connect(database_url) as owner:
        validate(owner, submit(owner, A, 120))
    outcomes = in_parallel([partial(_try_to_redeem, database_url, A)] * 6)
    assert sorted(outcomes) == ["PT402"] * 4 + ["sold"] * 2
    with connect(database_url) as owner:
        assert discrepancies(owner) == 0


def test_validation_and_redemption_of_one_user_do_not_deadlock(database_url: str) -> None:
    with connect(database_url) as owner:
        validate(owner, submit(owner, A, 1000))
        events = [submit(owner, A, 5) for _ in range(12)]
    work: list[Callable[[], str]] = [partial(_validated, database_url, event) for event in events]
    work += [partial(_try_to_redeem, database_url, A)] * 12
    assert sorted(in_parallel(work)) == ["sold"] * 12 + ["validated"] * 12
    with connect(database_url) as owner:
        assert discrepancies(owner) == 0


@pytest.mark.parametrize("column", ["nonce", "payload_hash"])
def test_a_second_use_is_refused(database_url: str, column: str) -> None:
    with connect(database_url) as connection:
        submit(connection, A)
        with pytest.raises(psycopg.errors.UniqueViolation) as refusal:
            connection.execute(
                "insert into public.points_events (user_id, event_type, points_delta, nonce, payload_hash)"
                f" select user_id, event_type, points_delta, {'nonce' if column == 'nonce' else 'nonce || 1'},"
                f" {'payload_hash' if column == 'payload_hash' else 'reverse(payload_hash)'} from public.points_events".encode()
            )
    assert refusal.value.diag.constraint_name == f"points_events_{column}_key"


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ("'CODE-1234', null", "coupons_code_hash_check"),
        ("repeat('G', 64), null", "coupons_code_hash_check"),
        ("repeat('a', 64) || E'\\n', null", "coupons_code_hash_check"),
        ("repeat('a', 64), 'CODE-1234'", "coupons_plaintext_code_check"),
    ],
)
def test_no_code_is_stored(database_url: str, values: str, constraint: str) -> None:
    with connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation) as refusal:
        connection.execute(
            "insert into public.coupons (template_id, user_id, code_hash, plaintext_code)"
            f" values ('{COFFEE}', gen_random_uuid(), {values})".encode()
        )
    assert refusal.value.diag.constraint_name == constraint


def test_every_change_moves_updated_at(database_url: str) -> None:
    with connect(database_url) as connection:
        event = submit(connection, A)
        connection.execute("update public.points_events set updated_at = '2000-01-01'")
        validate(connection, event)
        row = connection.execute("select updated_at > now() - interval '1 minute' from public.points_events").fetchone()
    assert row == (True,)


def test_a_new_partition_is_closed_and_takes_the_rows_of_its_month(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute(
            "insert into public.fraud_insights (user_id, signal, score, created_at)"
            " values (gen_random_uuid(), 'late', 1, '2031-02-28 23:59:59Z'), (gen_random_uuid(), 'late', 1, '2031-03-01Z')"
        )
        connection.execute("set role service_role")
        make = "select public.create_fraud_insights_partition(%s)"
        assert connection.execute(make, (date(2031, 2, 11),)).fetchone() == ("fraud_insights_2031_02",)
        assert connection.execute(make, (date(2031, 2, 1),)).fetchone() == ("fraud_insights_2031_02",)
        connection.execute("reset role")
        rows = connection.execute(
            "select tableoid::regclass::text from public.fraud_insights order by created_at"
        ).fetchall()
        closed = connection.execute(
            "select relrowsecurity, relforcerowsecurity, relacl::text ~ 'anon|authenticated|service_role' from pg_class"
            " where relname = 'fraud_insights_2031_02'"
        ).fetchone()
    assert [name.removeprefix("public.") for (name,) in rows] == ["fraud_insights_2031_02", "fraud_insights_default"]
    assert closed == (True, True, False)


def test_offenders_are_found_through_empty_indexes(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("set enable_seqscan = off")
        for condition, index in (
            ("plaintext_code is not null", "coupons_plaintext_code_idx"),
            ("octet_length(code_hash) <> 64 or code_hash !~ '^[0-9a-f]+$'", "coupons_code_hash_not_digest_idx"),
        ):
            plan = connection.execute(
                f"explain select count(*) from public.coupons where {condition}".encode()
            ).fetchall()
            assert any(index in line for (line,) in plan)


def test_the_owner_is_no_superuser(database_url: str) -> None:
    with connect(database_url) as connection:
        row = connection.execute("select rolsuper, rolbypassrls from pg_roles where rolname = current_user").fetchone()
    assert row == (False, True)


def test_each_test_has_a_database_of_its_own(server: Server, database: str) -> None:
    with server.database() as other:
        assert other != database
        with connect(server.cluster.url(other)) as connection:
            connection.execute("delete from public.coupon_templates")
        with connect(server.cluster.url(database)) as connection:
            assert connection.execute("select count(*) from public.coupon_templates").fetchone() == (3,)


def in_parallel(work: list[Callable[[], str]]) -> list[str]:
    """Run all at once and return what they returned; a failure is returned as its text."""
    outcomes: list[str] = []
    start = threading.Barrier(len(work))

    def run(each: Callable[[], str]) -> None:
        start.wait(timeout=30)
        outcomes.append(each())

    threads = [threading.Thread(target=run, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return outcomes


def _try_to_redeem(url: str, user_id: str) -> str:
    try:
        with acting_as(url, "service_role") as connection:
            redeem(connection, user_id)
    except psycopg.Error as error:
        return str(error.sqlstate)
    return "sold"


def _validated(url: str, event_id: str) -> str:
    try:
        with acting_as(url, "service_role") as connection:
            validate(connection, event_id)
    except psycopg.Error as error:
        return str(error.sqlstate)
    return "validated"
