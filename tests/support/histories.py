"""Migrations in a project's folder, and their rows in a database, as the Supabase CLI writes both."""

from __future__ import annotations

from pathlib import Path

from pointsctl.model.sql_statements import split
from tests.support.ledgers import session

FOLDER = "supabase/migrations"
_SCHEMA = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""


def write_migration(project: Path, name: str, content: str, folder: str = FOLDER) -> Path:
    """Write `<folder>/<name>` with exactly this content."""
    place = project / folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode())
    return place


def make_history(url: str) -> None:
    """The CLI's table, empty."""
    with session(url) as connection:
        connection.execute(_SCHEMA.encode())


def apply_migration(url: str, place: Path) -> None:
    """Run a file's statements, and write its row."""
    statements = [one.text for one in split(place.read_bytes()).statements]
    with session(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    note_row(url, place, statements)


def note_row(url: str, place: Path, statements: list[str] | None) -> None:
    """Write a file's row with these statements, running nothing."""
    version, _, name = place.name.removesuffix(".sql").partition("_")
    make_history(url)
    with session(url) as connection:
        connection.execute(
            "INSERT INTO supabase_migrations.schema_migrations (version, name, statements) VALUES (%s, %s, %s)",
            (version, name, statements),
        )
