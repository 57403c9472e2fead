"""A table's definition as pg_dump writes it, cut into its columns and constraints, so that each is compared by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_ELEMENT = re.compile(r' {4}(?P<constraint>CONSTRAINT )?(?P<name>"(?:[^"]|"")+"|[^\s",]+)')


@dataclass(frozen=True)
class TableDefinition:
    """`head` ends with the bracket that opens, `tail` begins with the one that closes; `elements` are columns and constraints
    in their order, as written with their commas, by names that people use (`column share of`).
    """

    head: str
    elements: dict[str, str]
    tail: str

    @property
    def lines(self) -> dict[str, str]:
        """The elements, each in one line, without a comma."""
        return {key: " ".join(map(str.strip, _bare(text).split("\n"))) for key, text in self.elements.items()}

    def text(self) -> str:
        """As pg_dump writes it."""
        return self.head + "\n".join(self.elements.values()) + self.tail


def read_table(text: str) -> TableDefinition:
    """The parts of a definition; one without a list of columns is a head alone."""
    opened, opens, rest = text.partition("(\n")
    body, closes, tail = rest.partition("\n)")
    found: dict[str, str] = {}
    key = ""
    for line in body.split("\n"):
        begins = _ELEMENT.match(line)
        if not begins and not found:
            continue  # no element at all, as of a table that has its columns from another one
        if begins:
            name = _unquoted(begins["name"])
            key = f"constraint {name} on" if begins["constraint"] else f"column {name} of"
        # A line that begins otherwise goes on with the last element.
        found[key] = line if begins else f"{found.get(key, '')}\n{line}"
    return TableDefinition(f"{opened}{opens}", found, f"{closes}{tail}") if found else TableDefinition(text, {}, "")


def changed_from(archived: str, before: str, after: str) -> str:
    """`after`, with everything that is the same in `before` in the words of `archived`: another server's words for `before`."""
    old, earlier, later = read_table(archived), read_table(before), read_table(after)
    elements = {
        key: _worded(text, earlier.elements.get(key), old.elements.get(key)) for key, text in later.elements.items()
    }
    head = old.head if earlier.head == later.head else later.head
    tail = old.tail if earlier.tail == later.tail else later.tail
    return replace(later, head=head, elements=elements, tail=tail).text()


def _worded(later: str, earlier: str | None, archived: str | None) -> str:
    """The archive's words for what has not changed, with the comma that belongs where it stands now."""
    if earlier is None or archived is None or _bare(earlier) != _bare(later):
        return later
    return _bare(archived) + later[len(_bare(later)) :]


def _bare(element: str) -> str:
    return element.removesuffix(",")


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
