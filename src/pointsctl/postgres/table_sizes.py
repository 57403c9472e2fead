"""How large the tables of a database are, so that a statement can be judged by the table that it locks."""

from __future__ import annotations

from pointsctl.model.table_facts import TableFacts
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.connection import Connection


def table_sizes(connection: Connection) -> tuple[TableFacts, ...]:
    """Every table and materialized view, by schema and name; what is partitioned counts with its partitions.

    Raises psycopg.Error, also when somebody holds a lock on a table that keeps its size from being read.
    """
    rows = connection.execute(sqlfiles.load("lint", "table-sizes").statement.encode(), {}).fetchall()
    return tuple(
        TableFacts(schema, name, estimate, size, total, frozenset(proven))
        for schema, name, estimate, size, total, proven in rows
    )
