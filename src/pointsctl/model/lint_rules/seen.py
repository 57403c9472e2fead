"""What is known when a statement is looked at: the tables made before it, and the sizes of those of the database."""

from __future__ import annotations

from pointsctl.model.sizes import size
from pointsctl.model.sql_clauses import Clause, Name
from pointsctl.model.table_facts import Tables


class Seen:
    """What the statements before have made. Without `tables` nobody knows any size."""

    def __init__(self, tables: Tables | None = None) -> None:
        self.tables = tables
        self._made: set[Name] = set()
        self._new: set[Name] = set()

    def next_file(self) -> None:
        """Another file begins: what was made before is in the database by then, but has had no time to grow."""
        self._made.clear()

    def made_here(self, name: Name) -> bool:
        """Whether the table was made in this very file, so that nothing in it is anybody's yet."""
        return name in self._made

    def size_told(self, name: Name) -> str:
        """How large a table is, for people, when it is large or nobody knows; empty when it is not, or sizes are not judged."""
        if self.tables is None or name in self._new:
            return ""
        facts = self.tables.find(name)
        if facts is None:
            return "is not in the database, so nobody knows its size"
        if not self.tables.large(facts):
            return ""
        rows = "never analysed" if facts.rows is None else f"about {facts.rows:,} rows"
        return f"has {size(facts.total_bytes)}, {rows}"

    def note(self, clause: Clause) -> None:
        """Remember what a statement of the file itself makes or takes away."""
        if clause.begins("create"):
            self._note_made(clause)
        elif clause.has("search_path") or clause.begins("discard|reset|rollback") or clause.has("rename"):
            self._made.clear()
            self._new.clear()
        elif clause.begins("drop"):
            dropped = {token.value for token in clause.tokens}
            self._made = {name for name in self._made if name[1] not in dropped}
            self._new = {name for name in self._new if name[1] not in dropped}

    def _note_made(self, clause: Clause) -> None:
        for start in (1, 2, 3):
            if not clause.has_at(start, "table"):
                continue
            # IF NOT EXISTS makes nothing when the table was there; AS fills it with as much as its query gives. Inside the
            # parentheses, AS is a column's (GENERATED ALWAYS AS IDENTITY).
            named = clause.name_at(start + 1)
            behind = (clause.has_at(number, "as|of") for number in clause.top(start, len(clause.tokens)))
            if named and not clause.has_at(start + 1, "if") and not any(behind):
                self._made.add(named[0])
                self._new.add(named[0])
            return
