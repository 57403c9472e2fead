"""What a database knows of a table's size, and whether the table is large. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pointsctl.model.sql_clauses import Name

_MOST_ROWS_OF_A_PAGE = 226
"""Rows of the least width that a page of 8 KiB holds; what is never analysed may have as many."""
_PAGE_BYTES = 8192


@dataclass(frozen=True)
class TableFacts:
    """A table, materialized view or partitioned table with all its partitions.

    `rows` is the server's estimate for its present size, None where it was never analysed; `bytes` are those of the rows,
    without indexes; `total_bytes` are all. `not_null` are the columns that a validated constraint proves to hold no null.
    """

    in_schema: str
    name: str
    rows: int | None
    bytes: int
    total_bytes: int
    not_null: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Limits:
    """From which number of rows or bytes a table is large."""

    rows: int
    bytes: int

    def large(self, facts: TableFacts) -> bool:
        """Whether it is large, or may be: a table that was never analysed has as many rows as its pages could hold."""
        rows = facts.rows
        if rows is None:
            rows = facts.bytes // _PAGE_BYTES * _MOST_ROWS_OF_A_PAGE
        return rows >= self.rows or facts.total_bytes >= self.bytes


class Tables:
    """The tables of a database, looked up by the name that a statement writes."""

    def __init__(self, tables: Iterable[TableFacts], limits: Limits) -> None:
        self._tables = tuple(tables)
        self._limits = limits

    def find(self, name: Name) -> TableFacts | None:
        """The table; without a schema the largest of that name, since only the server knows the search_path."""
        schema, table = name
        found = [one for one in self._tables if one.name == table and schema in (None, one.in_schema)]
        return max(found, key=lambda one: (one.total_bytes, one.rows or 0), default=None)

    def large(self, facts: TableFacts) -> bool:
        """Whether the table is large, or may be."""
        return self._limits.large(facts)
