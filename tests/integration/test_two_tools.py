"""One history, two tools: `supabase db push` and our own engine by turns, after which both say the same."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import LiteralString

import pytest

from pointsctl.migration_engines.interface import Engine
from pointsctl.migration_engines.native import Native
from pointsctl.sandbox.databases import OWNER
from tests.support.ledgers import install
from tests.support.migrations import NAME, apply, query, records
from tests.support.servers import Server
from tests.support.supabase_cli import OLDER_VERSION, VERSION, Project, address, project

# More of them: for `make campaign`.
SEEDS = range(int(os.environ.get("TWO_TOOLS_SEEDS", "3")))
FILES = 5
ROWS: LiteralString = "select version, name, statements from supabase_migrations.schema_migrations order by 1"
CONTENTS = [
    "create table t{n} (id int);\ninsert into t{n} values (1), (2);\n",
    "-- about t{n}\ncreate table t{n} (t text default 'x;y');\r\n/* the end; */",
    "\ufeffcreate function f{n}() returns int language sql begin atomic select 1; select 2; end;\n\n;",
    "do $$ begin execute 'create table t{n} (id int)'; end $$",
    "begin;\ncreate table t{n} (id int);\ncommit;\n",
    "create index concurrently i{n} on base (id);\n",
    "alter table base add column c{n} int;\ncreate index concurrently if not exists i{n} on base (c{n});\nselect 1;\n",
    "-- nothing here\n",
    "",
    "set search_path = pg_catalog; create table public.t{n} (id int);",
]


def _pushed(made: Project, url: str) -> list[str]:
    names = made.push(url)["migrations"]
    assert isinstance(names, list)
    return names


def _applied(engine: Engine, made: Project, url: str, done: set[str]) -> None:
    """What is pending, by our engine."""
    for path in sorted(made.migrations.iterdir()):
        if path.name not in done:
            apply(engine, url, path.name, path.read_bytes())


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_order_both_agree(
    seed: int, tmp_path: Path, server: Server, empty_database_url: str, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(seed)  # noqa: S311
    url = empty_database_url
    install(url, NAME)
    query(url, "create table base (id int)")
    (tmp_path / "both").mkdir()
    made = project(tmp_path / "both", OLDER_VERSION if seed % 3 == 2 else VERSION)
    engine = Native()
    request.addfinalizer(engine.close)
    for number in range(FILES):
        made.write(f"{20250101000000 + number}_step_{number}.sql", chance.choice(CONTENTS).format(n=number))
        turn = chance.choice(["push", "apply", "wait"])
        if turn == "push":
            _pushed(made, url)
        elif turn == "apply":
            _applied(engine, made, url, _versions_with_names(url))
    _applied(engine, made, url, _versions_with_names(url))
    assert _pushed(made, url) == []
    assert _told(made, url) == []
    with server.database("template0") as other:
        assert query(url, ROWS) == _rows_of_a_push(made, tmp_path / "alone", server.cluster.url(other, OWNER))
    ours = [record.data["version"] for record in records(url)]
    assert len(ours) == len(set(ours))


def _versions_with_names(url: str) -> set[str]:
    if query(url, "select to_regclass('supabase_migrations.schema_migrations')") == [(None,)]:
        return set()
    rows = query(url, "select version || '_' || name || '.sql' from supabase_migrations.schema_migrations")
    return {row[0] for row in rows}


def _told(made: Project, url: str) -> list[str]:
    """The migrations that `supabase migration list` holds for pending or missing."""
    done = made.run("migration", "list", made.target, variables=address(url))
    rows = json.loads(done.stdout)["migrations"]
    assert rows
    return [str(one) for one in rows if one["local"] != one["remote"]]


def _rows_of_a_push(made: Project, folder: Path, url: str) -> list[tuple[object, ...]]:
    """The rows that the CLI alone writes for these files, into another database."""
    folder.mkdir()
    alone = project(folder, made.version)
    for path in made.migrations.iterdir():
        alone.write(path.name, path.read_bytes())
    query(url, "create table base (id int)")
    alone.push(url)
    return query(url, ROWS)
