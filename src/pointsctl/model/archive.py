"""The entries of an archive that pg_dump wrote, and the catalogue that they describe."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from pointsctl.model.catalogue import CatalogueObject
from pointsctl.model.fingerprint import shown_name

DATA_SECTION = 3

# What belongs to a session, to the database as a whole or to its rows. The database's own properties go with its name, and a
# copy has another one; large objects and their owners are rows to pg_dump.
_NOT_OBJECTS = frozenset(
    {
        "BLOB",
        "BLOB COMMENTS",
        "BLOB METADATA",
        "BLOBS",
        "DATABASE",
        "DATABASE PROPERTIES",
        "ENCODING",
        "MATERIALIZED VIEW DATA",
        "SEARCHPATH",
        "STATISTICS DATA",
        "STDSTRINGS",
    }
)
_PROPERTIES = {"ACL": "grants on", "COMMENT": "comment on", "SECURITY LABEL": "security label on"}
_PROPERTIES_OF_NO_OBJECT = ("DATABASE ", "LARGE OBJECT ", "LARGE OBJECTS ")
_ON_A_TABLE = {
    "CHECK CONSTRAINT": "check constraint",
    "CONSTRAINT": "constraint",
    "FK CONSTRAINT": "foreign key",
    "POLICY": "policy",
    "RULE": "rule",
    "TRIGGER": "trigger",
}
_OF_A_TABLE = {
    "INDEX ATTACH": "attachment of index",
    "ROW SECURITY": "row security of",
    "SEQUENCE OWNED BY": "owning column of sequence",
    "TABLE ATTACH": "attachment of partition",
}
# They belong to whoever owns what they are part of, or to nobody.
_WITHOUT_OWNER = frozenset(
    {*_PROPERTIES, *_ON_A_TABLE, *_OF_A_TABLE, "CAST", "DEFAULT", "DEFAULT ACL", "EXTENSION", "INDEX", "TRANSFORM"}
    | {"PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA", "USER MAPPING"}
)
_RELATIONS = frozenset({"FOREIGN TABLE", "MATERIALIZED VIEW", "SEQUENCE", "TABLE", "VIEW"})
_TYPES_OF_SEVERAL_WORDS = (
    "ACCESS METHOD",
    "EVENT TRIGGER",
    "FOREIGN DATA WRAPPER",
    "FOREIGN SERVER",
    "FOREIGN TABLE",
    "MATERIALIZED VIEW",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "USER MAPPING",
)
_FORCED = " FORCE ROW LEVEL SECURITY;"
_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\s".,;]+)'
_POLICY = re.compile(
    rf"(CREATE POLICY {_IDENTIFIER} ON {_IDENTIFIER}(?:\.{_IDENTIFIER})?(?: AS \w+)?(?: FOR \w+)? TO )"
    rf"({_IDENTIFIER}(?:, {_IDENTIFIER})+)(?= USING | WITH CHECK |;)"
)


@dataclass(frozen=True)
class ArchiveEntry:
    """One entry as pg_dump wrote it. `kind` is its word for it (`FK CONSTRAINT`); `tag` is the name without the schema, and
    for what is on a table both names with a blank between them; `section` is 1 to 4, of which 3 is rows.
    """

    kind: str
    namespace: str
    tag: str
    owner: str
    definition: str
    section: int
    tablespace: str
    access_method: str

    @property
    def extension(self) -> str:
        """The extension that it is or comments on; an empty text for everything else."""
        if self.kind == "EXTENSION":
            return self.tag
        return (
            self.tag.removeprefix("EXTENSION ") if self.kind == "COMMENT" and self.tag.startswith("EXTENSION ") else ""
        )


def catalogue_of(
    entries: Iterable[ArchiveEntry], without_extensions: Collection[str] = ()
) -> dict[str, CatalogueObject]:
    """The catalogue that the entries describe, as far as it belongs to the database and not to its rows or its name."""
    kept = [one for one in entries if _is_object(one) and one.extension not in without_extensions]
    relations = frozenset((one.namespace, one.tag) for one in kept if one.kind in _RELATIONS)
    found: dict[str, CatalogueObject] = {}
    for entry in kept:
        for one in _objects(entry, relations):
            there = found.get(one.name)
            # Tags are not quoted, so two objects may have one name; they are then compared together.
            text = "\n".join(sorted((there.text, one.text))) if there else one.text
            found[one.name] = CatalogueObject(one.kind, one.name, text, one.part_of)
    return found


def _is_object(entry: ArchiveEntry) -> bool:
    nothing = entry.kind in _PROPERTIES and not entry.namespace and entry.tag.startswith(_PROPERTIES_OF_NO_OBJECT)
    return entry.section != DATA_SECTION and entry.kind not in _NOT_OBJECTS and not nothing


def _objects(entry: ArchiveEntry, relations: frozenset[tuple[str, str]]) -> Iterator[CatalogueObject]:
    name, part_of = _name_of(entry, relations)
    text = entry.definition.strip()
    forced = [line for line in text.split("\n") if line.endswith(_FORCED)] if entry.kind == "TABLE" else []
    if forced:
        text = "\n".join(line for line in text.split("\n") if line not in forced).strip()
        table = name.removeprefix("table ")
        yield CatalogueObject("ROW SECURITY", f"forced row security of {table}", "\n".join(forced), name)
    if entry.kind in ("ACL", "DEFAULT ACL"):
        text = _sorted_statements(text)
    if entry.kind == "POLICY":
        text = _POLICY.sub(_sorted_roles, text, count=1)
    if entry.access_method not in ("", "heap"):
        text = f"{text}\nUSING {entry.access_method}"
    yield CatalogueObject(entry.kind, name, text, part_of)
    if entry.owner and entry.kind not in _WITHOUT_OWNER:
        yield CatalogueObject("OWNER", f"owner of {name}", entry.owner, name)


def _sorted_roles(policy: re.Match[str]) -> str:
    """pg_dump names the roles in the order in which the server happens to keep them, which every ALTER ROLE changes."""
    return policy[1] + ", ".join(sorted(re.findall(_IDENTIFIER, policy[2])))


def _sorted_statements(text: str) -> str:
    """Grants in an order of their own, since they come in the one in which they were given; what a grantor gave stays with it."""
    units: list[str] = []
    together = False
    for line in text.split("\n"):
        if together and units:
            units[-1] += f"\n{line}"
        else:
            units.append(line)
        together = (together or line.startswith("SET SESSION AUTHORIZATION ")) and not line.startswith("RESET SESSION ")
    return "\n".join(sorted(unit for unit in units if unit))


def _name_of(entry: ArchiveEntry, relations: frozenset[tuple[str, str]]) -> tuple[str, str]:
    """The name that people use, and the name of what it is a part of."""
    if entry.kind in _PROPERTIES:
        target = _target_of(entry)
        return f"{_PROPERTIES[entry.kind]} {target}", target
    if entry.kind in _ON_A_TABLE or entry.kind == "DEFAULT":
        table, name = _table_and_name(entry, relations)
        if entry.kind == "DEFAULT":
            return f"default of {table}.{name}", f"table {table}"
        return f"{_ON_A_TABLE[entry.kind]} {name} on {table}", f"table {table}"
    if entry.kind == "PUBLICATION TABLE":
        publication, table = _publication_and_table(entry, relations)
        return f"table {table} of publication {publication}", f"table {table}"
    if entry.kind in _OF_A_TABLE:
        table = _qualified(entry.namespace, entry.tag)
        return f"{_OF_A_TABLE[entry.kind]} {table}", f"table {table}"
    if entry.kind == "DEFAULT ACL":
        of, what = entry.owner, entry.tag.removeprefix("DEFAULT PRIVILEGES FOR ").lower()
        return f"default privileges of {of} for {what}{f' in {entry.namespace}' if entry.namespace else ''}", ""
    return f"{entry.kind.lower()} {_qualified(entry.namespace, entry.tag)}", ""


def _table_and_name(entry: ArchiveEntry, relations: frozenset[tuple[str, str]]) -> tuple[str, str]:
    """Both names in a tag: names may hold blanks, so the table is one that is there."""
    words = entry.tag.split(" ")
    for count in range(1, len(words)):
        table = " ".join(words[:count])
        if (entry.namespace, table) in relations:
            return shown_name(entry.namespace, table), " ".join(words[count:])
    return shown_name(entry.namespace, words[0]), " ".join(words[1:])


def _publication_and_table(entry: ArchiveEntry, relations: frozenset[tuple[str, str]]) -> tuple[str, str]:
    words = entry.tag.split(" ")
    for count in range(1, len(words)):
        table = " ".join(words[count:])
        if (entry.namespace, table) in relations:
            return " ".join(words[:count]), shown_name(entry.namespace, table)
    return words[0], shown_name(entry.namespace, " ".join(words[1:]))


def _target_of(entry: ArchiveEntry) -> str:
    several = next((one for one in _TYPES_OF_SEVERAL_WORDS if entry.tag.startswith(f"{one} ")), "")
    kind = several or entry.tag.partition(" ")[0]
    name = entry.tag[len(kind) + 1 :]
    if " ON " in name and kind in ("CONSTRAINT", "POLICY", "RULE", "TRIGGER"):
        part, _, table = name.rpartition(" ON ")
        return f"{kind.lower()} {part} on {_qualified(entry.namespace, table)}"
    return f"{kind.lower()} {_qualified(entry.namespace, name)}"


def _qualified(namespace: str, name: str) -> str:
    """A name with its schema, quoted only where it must be and is nothing more than a name: `f(integer)` stays."""
    if not namespace:
        return name
    return f"{namespace}.{name}" if set(name) & {"(", "."} else shown_name(namespace, name)
