"""Catalogues and their differences: everything that differs is named, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.archive import ArchiveEntry, catalogue_of
from pointsctl.model.catalogue import Catalogue, CatalogueObject, changed_names, differences, may_be_reworded
from pointsctl.model.proof import Differs

_KINDS = st.sampled_from(["TABLE", "VIEW", "POLICY", "ACL", "OWNER", "SERVER", "ROW SECURITY"])
_CATALOGUES = st.dictionaries(st.sampled_from("abcdef"), st.tuples(_KINDS, st.text(max_size=8)), max_size=6).map(
    lambda found: {name: CatalogueObject(kind, name, text) for name, (kind, text) in found.items()}
)


@given(_CATALOGUES)
def test_a_catalogue_is_the_same_as_itself(one: Catalogue) -> None:
    assert differences(one, dict(reversed(list(one.items())))) == ()


@given(_CATALOGUES, _CATALOGUES)
def test_everything_that_differs_is_named(one: Catalogue, other: Catalogue) -> None:
    found = differences(one, other)
    assert {d.what for d in found if d.differs is Differs.MISSING} == set(one) - set(other)
    assert {d.what for d in found if d.differs is Differs.EXTRA} == set(other) - set(one)
    assert {d.what for d in found if d.differs is Differs.CHANGED} == set(changed_names(one, other))


@given(_CATALOGUES, _CATALOGUES, _CATALOGUES)
def test_only_the_very_words_that_come_out_of_the_source_are_accepted(
    one: Catalogue, other: Catalogue, again: Catalogue
) -> None:
    accepted = {d.what for d in differences(one, other)} - {d.what for d in differences(one, other, again)}
    for name in accepted:
        assert other[name] == again[name]
        assert other[name].kind in ("TABLE", "VIEW", "POLICY")
    if accepted:
        assert may_be_reworded(one, other)


def entry(
    kind: str, tag: str, text: str = "", *, owner: str = "", namespace: str = "public", section: int = 2
) -> ArchiveEntry:
    return ArchiveEntry(kind, namespace, tag, owner, text, section, "", "")


def names(*entries: ArchiveEntry) -> set[str]:
    return set(catalogue_of(entries))


@pytest.mark.parametrize(
    ("given_entry", "name"),
    [
        (entry("INDEX", "i"), "index public.i"),
        (entry("FUNCTION", "f(integer, text)"), "function public.f(integer, text)"),
        (entry("FK CONSTRAINT", "a b c"), "foreign key c on public.\"a b\""),
        (entry("POLICY", "t own rows"), "policy own rows on public.t"),
        (entry("TRIGGER", "gone x"), "trigger x on public.gone"),
        (entry("DEFAULT", "t id"), "default of public.t.id"),
        (entry("ROW SECURITY", "t"), "row security of public.t"),
        (entry("SEQUENCE OWNED BY", "s"), "owning column of sequence public.s"),
        (entry("ACL", "COLUMN t.id"), "grants on column public.t.id"),
        (entry("ACL", "SCHEMA app", namespace=""), "grants on schema app"),
        (entry("COMMENT", "POLICY p ON t"), "comment on policy p on public.t"),
        (entry("COMMENT", "MATERIALIZED VIEW m"), "comment on materialized view public.m"),
        (entry("COMMENT", "EXTENSION citext", namespace=""), "comment on extension citext"),
        (entry("EXTENSION", "citext", namespace=""), "extension citext"),
        (entry("EVENT TRIGGER", "e", namespace=""), "event trigger e"),
        (entry("PUBLICATION TABLE", "all of it t"), "table public.t of publication all of it"),
        (entry("DEFAULT ACL", "DEFAULT PRIVILEGES FOR TABLES", owner="ada"), "default privileges of ada for tables in public"),
        (entry("DEFAULT ACL", "DEFAULT PRIVILEGES FOR TABLES", owner="a", namespace=""), "default privileges of a for tables"),
        (entry("SOMETHING NEW", "x"), "something new public.x"),
    ],
)  # fmt: skip
def test_names_are_those_that_people_use(given_entry: ArchiveEntry, name: str) -> None:
    tables = (entry("TABLE", "t"), entry("TABLE", "a b"))
    assert names(*tables, given_entry) - names(*tables) == {name}


@pytest.mark.parametrize("kind", ["ENCODING", "DATABASE", "DATABASE PROPERTIES", "BLOB", "TABLE DATA", "SEQUENCE SET"])
def test_what_belongs_to_the_rows_or_to_the_name_of_the_database_is_no_object(kind: str) -> None:
    section = 3 if kind in ("TABLE DATA", "SEQUENCE SET") else 2
    assert names(entry(kind, "x", section=section)) == set()
    assert (
        names(entry("ACL", "DATABASE points", namespace=""), entry("COMMENT", "LARGE OBJECT 1", namespace="")) == set()
    )


def test_owners_are_properties_of_their_own_where_somebody_can_own() -> None:
    assert "owner of table public.t" in names(entry("TABLE", "t", owner="ada"))
    assert "owner of something new public.x" in names(entry("SOMETHING NEW", "x", owner="ada"))
    assert names(entry("INDEX", "i", owner="ada")) == {"index public.i"}


def test_extensions_that_are_left_out_are_left_out_with_their_comments() -> None:
    entries = [entry("EXTENSION", "a"), entry("COMMENT", "EXTENSION a"), entry("EXTENSION", "ab")]
    assert set(catalogue_of(entries, ["a"])) == {"extension public.ab"}


def test_two_objects_of_one_name_are_compared_together() -> None:
    one, other = entry("POLICY", "a b c", "1"), entry("POLICY", "a b c", "2")
    assert catalogue_of([one, other]) == catalogue_of([other, one])
    assert len(differences(catalogue_of([one, other]), catalogue_of([one]))) == 1


def test_the_order_in_which_grants_were_given_says_nothing_and_their_grantor_does() -> None:
    def grants(*lines: str) -> Mapping[str, CatalogueObject]:
        return catalogue_of([entry("ACL", "TABLE t", "\n".join(lines))])

    by_ada = ("SET SESSION AUTHORIZATION ada;", "GRANT SELECT ON t TO b;", "RESET SESSION AUTHORIZATION;")
    assert grants("GRANT A;", "GRANT B;") == grants("GRANT B;", "GRANT A;")
    assert grants("GRANT A;", *by_ada) == grants(*by_ada, "GRANT A;")
    assert grants("GRANT A;", *by_ada) != grants("GRANT SELECT ON t TO b;", *by_ada[:1], "GRANT A;", *by_ada[2:])


def test_what_goes_with_a_missing_object_is_not_told_again() -> None:
    table = entry("TABLE", "t", "CREATE TABLE", owner="ada")
    whole = catalogue_of([table, entry("POLICY", "t p"), entry("ROW SECURITY", "t"), entry("ACL", "TABLE t")])
    assert [one.what for one in differences(whole, {})] == ["table public.t"]


def test_definitions_that_may_hold_a_password_are_never_shown() -> None:
    secret = "OPTIONS (password 'hunter2')"
    before = catalogue_of([entry("USER MAPPING", "USER MAPPING ada SERVER s", secret)])
    after = catalogue_of([entry("USER MAPPING", "USER MAPPING ada SERVER s", secret + " ")])
    changed = catalogue_of([entry("USER MAPPING", "USER MAPPING ada SERVER s", secret + "x")])
    assert differences(before, after) == ()
    for found in (differences(before, {}), differences({}, before), differences(before, changed)):
        assert len(found) == 1
        assert "hunter2" not in str(found)


def test_a_table_without_columns_of_its_own_is_named_as_a_whole() -> None:
    name = "table public.child"
    of_a, of_b = ({name: CatalogueObject("TABLE", name, f"CREATE TABLE x (\n)\nINHERITS ({one});")} for one in "ab")
    assert [(one.differs, one.what) for one in differences(of_a, of_b)] == [(Differs.CHANGED, name)]
    own = {name: CatalogueObject("TABLE", name, "CREATE TABLE x (\n    a integer\n);")}
    assert [(one.differs, one.what) for one in differences(of_a, own)] == [(Differs.EXTRA, "column a of public.child")]
