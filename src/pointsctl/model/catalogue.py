"""What a database is made of, object by object under the names that people use, and how a copy of it differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pointsctl.model.proof import Difference, Differs
from pointsctl.model.redaction import redact
from pointsctl.model.table_definition import read_table

_LONGEST_SHOWN = 300
_NOTHING = "nothing"

# These the server writes out from what it has understood, and what it reads may come back in other words: from
# `(ARRAY['a'::varchar])::text[]` becomes `ARRAY[('a'::varchar)::text]`.
_IN_THE_SERVERS_WORDS = frozenset(
    {
        "CHECK CONSTRAINT",
        "CONSTRAINT",
        "DEFAULT",
        "DOMAIN",
        "FUNCTION",
        "INDEX",
        "MATERIALIZED VIEW",
        "POLICY",
        "PROCEDURE",
        "PUBLICATION TABLE",
        "RULE",
        "STATISTICS",
        "TABLE",
        "TABLE ATTACH",
        "TRIGGER",
        "VIEW",
    }
)
CONFIDENTIAL = frozenset({"FOREIGN DATA WRAPPER", "SERVER", "SUBSCRIPTION", "USER MAPPING"})
"""The kinds whose definitions may hold passwords."""


@dataclass(frozen=True)
class CatalogueObject:
    """One object, or one property that matters by itself: an owner, grants, a comment, row security.

    `kind` is PostgreSQL's word (`FK CONSTRAINT`), `name` the people's (`foreign key x on public.t`), unique in a catalogue;
    `text` is the whole definition. `part_of` names the object that it comes and goes with, if there is one.
    """

    kind: str
    name: str
    text: str
    part_of: str = ""


Catalogue = Mapping[str, CatalogueObject]
"""The objects of a database by their names."""


def differences(expected: Catalogue, found: Catalogue, read_again: Catalogue | None = None) -> tuple[Difference, ...]:
    """Every object that is missing, extra or defined otherwise, sorted by name.

    `read_again` is the catalogue of a database that was made from `expected` once more: where the server writes a definition
    in other words than it was given, exactly these words are accepted, and no others.
    """
    missing = [Difference(Differs.MISSING, one.name, _shown(one), _NOTHING) for one in _only_in(expected, found)]
    extra = [Difference(Differs.EXTRA, one.name, _NOTHING, _shown(one)) for one in _only_in(found, expected)]
    changed = [
        difference
        for name in changed_names(expected, found)
        for difference in _changes(expected[name], found[name], (read_again or {}).get(name))
    ]
    return tuple(sorted((*missing, *extra, *changed), key=lambda one: (one.what, one.differs.value)))


def changed_names(expected: Catalogue, found: Catalogue) -> tuple[str, ...]:
    """The names of the objects that both have, with different definitions."""
    return tuple(name for name, one in expected.items() if name in found and found[name] != one)


def may_be_reworded(expected: Catalogue, found: Catalogue) -> bool:
    """Whether reading `expected` again could show that a definition only has other words."""
    return any(expected[name].kind in _IN_THE_SERVERS_WORDS for name in changed_names(expected, found))


def _only_in(one: Catalogue, other: Catalogue) -> Iterator[CatalogueObject]:
    """What the other one lacks, without the properties of what it lacks as a whole."""
    for name, item in one.items():
        with_it = item.part_of in one and item.part_of not in other
        if name not in other and not with_it:
            yield item


def _changes(
    expected: CatalogueObject, found: CatalogueObject, read_again: CatalogueObject | None
) -> Iterator[Difference]:
    """What has changed: of a table, by its columns and constraints where that says everything."""
    accepted = read_again if expected.kind == found.kind and found.kind in _IN_THE_SERVERS_WORDS else None
    if found == accepted:
        return
    if expected.kind == "TABLE" == found.kind:
        before, after = read_table(expected.text).lines, read_table(found.text).lines
        reworded = read_table(accepted.text).lines if accepted else before
        keys = [key for key in {**before, **after} if after.get(key) not in (before.get(key), reworded.get(key))]
        for key in keys:
            yield _element_difference(f"{key} {expected.name.removeprefix('table ')}", before.get(key), after.get(key))
        if keys:
            return
    yield Difference(Differs.CHANGED, expected.name, *_both_shown(expected, found))


def _element_difference(what: str, before: str | None, after: str | None) -> Difference:
    if before is None:
        return Difference(Differs.EXTRA, what, _NOTHING, _bounded(after or ""))
    if after is None:
        return Difference(Differs.MISSING, what, _bounded(before), _NOTHING)
    return Difference(Differs.CHANGED, what, _bounded(before), _bounded(after))


def _both_shown(expected: CatalogueObject, found: CatalogueObject) -> tuple[str, str]:
    """The lines of each that the other one has not; all of it where that leaves nothing to see."""
    if expected.kind in CONFIDENTIAL:
        return _shown(expected), "another definition"
    before, after = expected.text.split("\n"), found.text.split("\n")
    only_before = [line for line in before if line not in set(after)]
    only_after = [line for line in after if line not in set(before)]
    return _bounded(" ".join(only_before or before)), _bounded(" ".join(only_after or after))


def _shown(one: CatalogueObject) -> str:
    return "a definition that may hold a password" if one.kind in CONFIDENTIAL else _bounded(one.text)


def _bounded(text: str) -> str:
    line = redact(" ".join(text.split()))
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"
