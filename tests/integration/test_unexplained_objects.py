"""Objects that no migration made are found by replaying the history; what the platform and the ledger made is none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pointsctl.postgres.administration import run_script
from pointsctl.sandbox.databases import OWNER, sql_text
from tests.support.histories import apply_migration, note_row, write_migration
from tests.support.ledgers import session
from tests.support.people import FLAG, People
from tests.support.servers import Server

TABLE = """
create table public.orders (id bigint primary key, owner uuid default auth.uid(), total numeric not null);
alter table public.orders enable row level security;
create policy own_orders on public.orders using (owner = auth.uid());
create index orders_owner on public.orders (owner);
revoke all on public.orders from anon;
"""
BY_HAND = [
    ("create table public.by_hand (id bigint)", "table public.by_hand", "extra"),
    ("alter table public.orders add column extra text", "column extra of public.orders", "extra"),
    ("drop policy own_orders on public.orders", "policy own_orders on public.orders", "missing"),
    ("grant select on public.orders to anon", "grants on table public.orders", "changed"),
    ("alter table public.orders disable row level security", "row security of public.orders", "missing"),
    ("create schema shadow; create view shadow.v as select 1 as one", "schema shadow", "extra"),
]


@pytest.fixture
def project_url(server: Server) -> Iterator[str]:
    """A database as a new Supabase project has it, as its owner."""
    with server.database("template0") as name:
        run_script(server.cluster.url(name), sql_text("sandbox/database.sql"), what="preparing the database")
        yield server.cluster.url(name, OWNER)


@pytest.fixture
def people(tmp_path: Path, open_path: Path, project_url: str) -> People:
    people = People(tmp_path, project_url, FLAG)
    text = (tmp_path / "checklist.yaml").read_text(encoding="utf-8")
    (tmp_path / "checklist.yaml").write_text(f"{text}backup: {{scratch: {open_path}}}\n", encoding="utf-8")
    apply_migration(people.url, write_migration(people.folder, "20250101000001_orders.sql", TABLE))
    concurrently = "create index concurrently orders_total on public.orders (total);"
    apply_migration(people.url, write_migration(people.folder, "20250101000002_index.sql", concurrently))
    return people


def objects(people: People) -> dict[str, Any]:
    found: dict[str, Any] = people.run("migrate", "status", "--objects", "--json").json["objects"]
    return found


def test_what_migrations_platform_and_ledger_made_is_explained(people: People) -> None:
    done = people.run("migrate", "status", "--objects")
    assert done.code == 0, done.out + done.err
    assert "what 2 migrations made: nothing else is there" in done.out


def test_everything_made_by_hand_is_named(people: People) -> None:
    with session(people.url) as connection:
        for statement, _, _ in BY_HAND:
            connection.execute(statement.encode())
    found = objects(people)
    named = {(one["what"], one["differs"]) for one in found["differences"]}
    assert {(what, differs) for _, what, differs in BY_HAND} <= named
    done = people.run("migrate", "status", "--objects")
    assert done.code == 1
    assert "table public.by_hand extra" in done.out


def test_a_history_that_cannot_be_replayed_is_no_pass(people: People) -> None:
    place = write_migration(people.folder, "20250101000003_seed.sql", "insert into public.nowhere values (1);")
    note_row(people.url, place, ["insert into public.nowhere values (1)"])
    done = people.run("migrate", "status", "--objects")
    assert done.code == 4
    assert "20250101000003_seed cannot be replayed: statement 1" in " ".join(done.out.split())


def test_what_nobody_knows_the_statements_of_is_no_pass(people: People) -> None:
    place = write_migration(people.folder, "20250101000003_gone.sql", "select 1;")
    note_row(people.url, place, None)
    place.unlink()
    done = people.run("migrate", "status", "--objects", "--json")
    assert done.code == 4
    assert "nobody knows the statements of 20250101000003" in done.json["objects"]["failure"]
