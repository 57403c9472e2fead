"""The audit rls-policies tells a policy that is always true from one that is not, however it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import connect
from tests.support.servers import Server

ALWAYS_TRUE = """
true | (true) | 1=1 | 1 = 1 and true | 2 > 1 | 1 <> 2 | user_id = user_id | points_events.user_id = user_id
user_id::text = user_id::text | auth.role() = auth.role() | (auth.uid() is not null) or true | user_id = auth.uid() or true
true or user_id = auth.uid() | not false | not (not true) | null is null | coalesce(true, false)
coalesce(user_id = auth.uid(), true) | (select true) | user_id = (select user_id) | exists (select 1) | user_id in (user_id)
user_id = any (array[id, user_id]) | user_id is not null | not (user_id is null) | id is not distinct from id
case when true then true else false end | case when user_id = auth.uid() then true else true end
user_id = auth.uid() or not (user_id = auth.uid()) | nonce like '%' | validated_at is null or validated_at is not null
'x (y' = 'x (y' | (user_id = auth.uid() and false) or (1=1 and not false) | user_id = auth.uid() or points_delta >= points_delta
current_user = current_user | lower(nonce) = lower(nonce) | true is true | user_id between user_id and user_id | true = true
(select auth.uid()) = (select auth.uid()) | (metadata->>'a') = (metadata->>'a') | 1 in (1,2) | (user_id, id) = (user_id, id)
user_id = auth.uid() or 1 < 2 or trust_score > 5 | current_setting('a.b', true) = current_setting('a.b', true)
"""
SUSPICIOUS = """
auth.uid() is not null | (select auth.uid()) is not null | auth.role() = 'authenticated'
exists (select 1 from public.user_points_cache c where c.user_id = c.user_id and c.available_points > 0)
exists (select 1 from public.user_points_cache c where c.user_id = user_id)
user_id = auth.uid() and points_delta = points_delta and trust_score > 3
"""
SOUND = """
user_id = auth.uid() | user_id = (select auth.uid()) | (select auth.uid()) = user_id | user_id = auth.uid() and true
user_id = auth.uid() and 1=1 | validation_status = 'validated' | validation_status in ('validated','review') | false
user_id = auth.uid() or validation_status = 'review' | auth.uid() is not null and user_id = auth.uid() | not true | 1 = 2
exists (select 1 from public.user_points_cache c where c.user_id = points_events.user_id) | false or user_id = auth.uid()
coalesce(user_id = auth.uid(), false) | case when trust_score > 5 then true else false end | validated_at is not null
rejection_reason = 'x or true' | rejection_reason = '(true)' | rejection_reason = ') or (true' | rejection_reason like 'a%'
not (user_id <> auth.uid()) | points_delta > 0 | trust_score = 1 or trust_score = 2 | auth.jwt() ->> 'role' = 'admin'
(auth.jwt() -> 'app_metadata' ->> 'tenant') = (metadata ->> 'tenant') | user_id = auth.uid() and (select true)
case when validation_status = 'review' then user_id = auth.uid() else true end and user_id = auth.uid() | 'a' = 'b'
exists (select 1 from public.coupons c where c.event_id = id and c.user_id = auth.uid()) | user_id = auth.uid() and not false
(user_id = auth.uid()) is true | true and (false or user_id = auth.uid()) | current_setting('request.x', true) = 'y'
"""


def _expressions(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split(" | ")]


@pytest.fixture(scope="module")
def policies(server: Server) -> Iterator[Any]:
    """A connection in which each test makes a policy and rolls it back."""
    with server.database() as name:
        connection = connect(server.cluster.url(name), autocommit=False)
        connection.execute("SET search_path = pg_catalog, pg_temp")
        connection.commit()
        yield connection
        connection.close()


def _judge(connection: Any, expression: str, clause: str = "FOR SELECT TO authenticated USING") -> list[str]:
    file = sqlfiles.load("audits", "rls-policies")
    connection.execute(f"CREATE POLICY judged ON public.points_events {clause} ({expression})")
    rows = connection.execute(file.statement.encode(), file.arguments({})).fetchall()
    connection.rollback()
    return [row[1] for row in rows]


@pytest.mark.parametrize("expression", _expressions(ALWAYS_TRUE))
def test_policy_that_is_always_true_is_critical(policies: Any, expression: str) -> None:
    assert _judge(policies, expression) == ["critical"]
    assert _judge(policies, expression, "FOR INSERT TO authenticated WITH CHECK") == ["critical"]


@pytest.mark.parametrize("expression", _expressions(SUSPICIOUS))
def test_policy_that_is_nearly_always_true_is_reported(policies: Any, expression: str) -> None:
    assert _judge(policies, expression) == ["major"]


@pytest.mark.parametrize("expression", _expressions(SOUND))
def test_sound_policy_is_left_alone(policies: Any, expression: str) -> None:
    assert _judge(policies, expression) == []


@pytest.mark.parametrize(
    "clause", ["FOR SELECT TO service_role USING", "AS RESTRICTIVE FOR SELECT TO authenticated USING"]
)
def test_policy_that_opens_nothing_to_clients_is_left_alone(policies: Any, clause: str) -> None:
    assert _judge(policies, "true", clause) == []


def test_policy_nested_deeper_than_the_audit_looks_is_reported_not_passed(policies: Any) -> None:
    deep = "user_id = auth.uid()"
    for number in range(90):
        deep = f"(({deep} and trust_score = {number}) or points_delta > {number})"
    assert _judge(policies, deep) == ["major"]
