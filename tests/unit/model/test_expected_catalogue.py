"""What a rehearsal expects of the real database: the archive's words, with what changed on the copy, and nothing else."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.catalogue import Catalogue, CatalogueObject
from pointsctl.model.configuration import LeftOut
from pointsctl.model.expected_catalogue import (
    ExpectedCatalogue,
    ExpectedCatalogueError,
    Observed,
    Reading,
    catalogue_name,
    expected_catalogue,
    read_expected,
)
from pointsctl.model.proof import Differs
from pointsctl.model.table_definition import changed_from, read_table

BACKUP = "20260131T080000Z-000001"
READING = Reading(program_major=18, encoding="UTF8", without=LeftOut())
CHECK_WRITTEN = "CONSTRAINT share_c CHECK ((kind = ANY ((ARRAY['a'::varchar])::text[])))"
CHECK_REWORDED = "CONSTRAINT share_c CHECK ((kind = ANY (ARRAY[('a'::varchar)::text])))"


def catalogue(*objects: tuple[str, str, str]) -> Catalogue:
    return {name: CatalogueObject(kind, name, text) for kind, name, text in objects}


def table(*elements: str, name: str = "t") -> tuple[str, str, str]:
    body = ",\n".join(f"    {one}" for one in elements)
    return ("TABLE", f"table public.{name}", f"CREATE TABLE public.{name} (\n{body}\n);")


def view(text: str, name: str = "v") -> tuple[str, str, str]:
    return ("VIEW", f"view public.{name}", text)


def expected(archived: Catalogue, before: Catalogue, after: Catalogue, reading: Reading = READING) -> ExpectedCatalogue:
    return expected_catalogue(Observed(archived, before, after), reading, "here", BACKUP, "01" * 32)


def test_what_the_migrations_leave_alone_keeps_the_words_of_the_archive() -> None:
    written, reworded = catalogue(view("SELECT 1 AS a")), catalogue(view("SELECT (1) AS a"))
    new = {**reworded, **catalogue(table("a integer"))}
    found = expected(written, reworded, new)
    production = {**written, **catalogue(table("a integer"))}
    assert found.differs_from_after(production) == ()
    assert found.differs_from_before(written) == ()
    # What the copy's server wrote is the same definition, and accepted where it is met.
    assert found.differs_from_after(new) == ()
    (difference,) = found.differs_from_after({**production, **catalogue(view("SELECT 2 AS a"))})
    assert (difference.differs, difference.what) == (Differs.CHANGED, "view public.v")


def test_missing_extra_and_changed_objects_are_named() -> None:
    before = catalogue(table("a integer"))
    after = catalogue(table("a integer", "b text"), view("SELECT 1"))
    found = expected(before, before, after)
    assert {(one.differs, one.what) for one in found.differs_from_after(before)} == {
        (Differs.MISSING, "view public.v"),
        (Differs.MISSING, "column b of public.t"),
    }
    stranger = {**after, **catalogue(view("SELECT 2", "stranger"))}
    assert [(one.differs, one.what) for one in found.differs_from_after(stranger)] == [
        (Differs.EXTRA, "view public.stranger")
    ]


def test_a_changed_table_is_put_together_column_by_column() -> None:
    archived = catalogue(table("kind character varying", CHECK_WRITTEN))
    before = catalogue(table("kind character varying", CHECK_REWORDED))
    after = catalogue(table("kind character varying", "more text DEFAULT 'x'::text", CHECK_REWORDED))
    found = expected(archived, before, after)
    production = catalogue(table("kind character varying", "more text DEFAULT 'x'::text", CHECK_WRITTEN))
    assert found.differs_from_after(production) == ()
    assert found.differs_from_after(after) == ()
    (difference,) = found.differs_from_after(archived)
    assert difference.what == "column more of public.t"


def test_what_was_dropped_must_be_gone() -> None:
    before = catalogue(table("a integer"), view("SELECT 1"))
    found = expected(before, before, catalogue(table("a integer")))
    assert [one.differs for one in found.differs_from_after(before)] == [Differs.EXTRA]


def test_half_way_only_what_is_left_alone_is_compared() -> None:
    before = catalogue(table("a integer"), view("SELECT 1"))
    found = expected(before, before, catalogue(table("a integer", "b text"), view("SELECT 1")))
    half = catalogue(table("a integer", "b text"), view("SELECT 1"))
    assert found.differs_from_before(half)
    assert found.differs_from_before(half, untouched=True) == ()
    other = catalogue(table("a integer", "b text"), view("SELECT 2"))
    assert [one.what for one in found.differs_from_before(other, untouched=True)] == ["view public.v"]


def test_passwords_are_never_stored_and_still_compared() -> None:
    secret = ("SUBSCRIPTION", "subscription s", "CREATE SUBSCRIPTION s CONNECTION 'password=hunter2'")
    found = expected(catalogue(secret), catalogue(secret), catalogue(secret))
    assert "hunter2" not in found.text()
    assert found.differs_from_after(catalogue(secret)) == ()
    other = (*secret[:2], "CREATE SUBSCRIPTION s CONNECTION 'password=hunter3'")
    (difference,) = found.differs_from_after(catalogue(other))
    assert "hunter" not in f"{difference.expected}{difference.found}"


def test_beside_encrypted_backups_no_definition_can_be_read() -> None:
    seen = catalogue(table("a_column_of_ours integer"))
    found = expected(seen, seen, seen, READING.model_copy(update={"sealed": True}))
    assert "a_column_of_ours" not in found.text()
    assert found.differs_from_after(seen) == ()
    assert found.differs_from_after(catalogue(table("another integer")))


def test_the_document_is_read_again_by_its_digest_alone() -> None:
    seen = catalogue(table("a integer"))
    found = expected(seen, seen, seen)
    assert read_expected(found.text().encode(), found.digest) == found
    assert catalogue_name("here", found.digest) == f"rehearsals/here/catalogue-{found.digest}.json"
    changed = found.text().replace("a integer", "b integer").encode()
    with pytest.raises(ExpectedCatalogueError, match="its bytes have the digest"):
        read_expected(changed, found.digest)


@pytest.mark.parametrize("data", [b"\xff", b"[]", b"{}", b'{"schema":"pointsctl/expected-catalogue/v1"}'])
def test_what_is_no_such_document_is_refused_whatever_its_digest(data: bytes) -> None:
    with pytest.raises(ExpectedCatalogueError):
        read_expected(data, hashlib.sha256(data).hexdigest())


_ELEMENTS = st.lists(
    st.sampled_from(["a integer", "b text", "c numeric(10,2)", '"d, e" text', "f text DEFAULT 'x\n    y'::text"]),
    unique=True,
    max_size=5,
)


@given(_ELEMENTS)
def test_a_definition_is_put_together_as_it_was(elements: list[str]) -> None:
    text = table(*elements)[2]
    assert read_table(text).text() == text
    assert changed_from(text, text, text) == text


@given(_ELEMENTS, _ELEMENTS)
def test_without_rewording_the_later_definition_is_what_is_expected(before: list[str], after: list[str]) -> None:
    earlier, later = table(*before)[2], table(*after)[2]
    assert changed_from(earlier, earlier, later) == later
