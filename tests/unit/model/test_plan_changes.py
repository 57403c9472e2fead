"""What differs from a plan: nothing that a plan fixes can differ without being named, and each is named alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.plan import Absent, Bundle, Content, Migration
from pointsctl.model.plan_changes import NOTHING, Found, changes_of
from tests.support.approvals import DATABASE, ENGINEERING, OPERATIONS, content

A, B, C = ("ab" * 32, "bc" * 32, "cd" * 32)
ONE = Migration(name="1_x.sql", sha256=A, reverse=B, verify=None)
TWO = Migration(name="2_y.sql", sha256=B, reverse=None, verify=C)
DIGESTS = st.sampled_from([A, B, C])
MIGRATIONS = st.lists(
    st.builds(
        Migration,
        name=st.sampled_from(["1_x.sql", "2_y.sql", "3_z.sql"]),
        sha256=DIGESTS,
        reverse=st.none() | DIGESTS,
        verify=st.none() | DIGESTS,
    ),
    unique_by=lambda one: one.name,
    max_size=3,
).map(tuple)
FUNCTIONS = st.lists(
    st.builds(Bundle, name=st.sampled_from(["a", "b"]), sha256=DIGESTS), unique_by=lambda one: one.name, max_size=2
).map(tuple) | st.builds(Absent, absent=st.sampled_from(["not there", "gone away"]))


def as_planned(planned: Content, **changed: Any) -> Found:
    found = Found(
        environment=planned.environment,
        database=planned.database,
        checklist=planned.checklist,
        checklist_read=planned.checklist,
        migrations=planned.migrations,
        functions=planned.functions,
        policy=planned.policy,
        folder=planned.policy,
        roles=planned.roles,
        security_because=(),
        without=planned.without,
    )
    return replace(found, **changed)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"environment": "other"}, "the target"),
        ({"database": DATABASE.model_copy(update={"database_oid": 1})}, "the target"),
        ({"database": DATABASE.model_copy(update={"system_identifier": None})}, "the target"),
        ({"checklist": C}, "the checklist"),
        ({"checklist_read": C}, "the checklist"),
        ({"policy": C}, "the approval policy in force"),
        ({"policy": None}, "the approval policy in force"),
        ({"folder": C}, "the trust folder"),
        ({"folder": "cannot be used: junk"}, "the trust folder"),
        ({"without": ("backup",)}, "what is done without"),
        ({"roles": (ENGINEERING, OPERATIONS, "security")}, "the roles that must sign"),
        ({"functions": ()}, "the functions"),
        ({"migrations": ()}, "migration 20250725000001_points.sql"),
    ],
)
def test_each_part_is_named(changed: dict[str, Any], what: str) -> None:
    planned = content()
    assert [one.what for one in changes_of(planned, as_planned(planned, **changed))] == [what]


def test_what_is_as_planned_is_no_change() -> None:
    planned = content(migrations=(ONE, TWO), functions=(Bundle(name="a", sha256=A),))
    assert changes_of(planned, as_planned(planned)) == ()
    assert changes_of(planned, as_planned(planned, folder=None)) == ()
    assert changes_of(planned, as_planned(planned, roles=(OPERATIONS,))) == ()
    absent = content(functions=Absent(absent="no folder"))
    assert changes_of(absent, as_planned(absent, functions=Absent(absent="another reason"))) == ()


def test_scripts_are_named_with_what_they_belong_to() -> None:
    planned = content(migrations=(ONE, TWO))
    found = as_planned(
        planned, migrations=(ONE.model_copy(update={"verify": A}), TWO.model_copy(update={"verify": None}))
    )
    named = [(one.what, one.planned, one.found) for one in changes_of(planned, found)]
    assert named == [("verify script of 1_x.sql", NOTHING, A), ("verify script of 2_y.sql", C, NOTHING)]


@given(MIGRATIONS, MIGRATIONS, FUNCTIONS, FUNCTIONS)
def test_no_difference_is_missed(before: tuple[Migration, ...], now: tuple[Migration, ...], had: Any, has: Any) -> None:
    planned = content(migrations=before, functions=had)
    changes = changes_of(planned, as_planned(planned, migrations=now, functions=has))
    both_absent = isinstance(had, Absent) and isinstance(has, Absent)
    same = set(before) == set(now) and (both_absent or (type(had) is type(has) and set(had) == set(has)))
    assert (changes == ()) == same
    assert len({one.what for one in changes}) == len(changes)
