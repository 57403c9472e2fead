"""Files of tricky pieces, cut by the real Supabase CLI as it stores them, and by us."""

from __future__ import annotations

import os
import random
from pathlib import Path

from pointsctl.model.sql_statements import split
from tests.support.migrations import query
from tests.support.supabase_cli import project

# More files, other seeds: for `make campaign`.
FILES = int(os.environ.get("SPLIT_FILES", "60"))
SEED = int(os.environ.get("SPLIT_SEED", "1"))
STATEMENTS = [
    "select 'a;b', 'it''s;'",
    "select E'a\\';b', e'\\\\', 'c\\'",
    "select E'a'\n  '\\';b'",
    "select E'a' -- c;\n '\\';b'",
    "select $x$;$y$;$$;$x$, $$'$$, $é$;$é$",
    "do $$ begin perform 1; perform ';'; end $$",
    "do $a$ begin execute $b$ select $c$;$c$; $b$; end $a$",
    "create or replace function pg_temp.f() returns int language sql begin atomic select 1; select 2; end",
    "CREATE OR REPLACE FUNCTION pg_temp.g() RETURNS int BEGIN  ATOMIC SELECT CASE WHEN true THEN 1 ELSE 2 END;; /* ; */ END",
    'select 1 as "a;b", 2 as "c""d;", U&\'d\\0061;\', 3 as a$b$',
    "select ((1)), (select max(x) from (values (1), (2)) as t(x)) -- ; )\n",
    "select 1 - 1, 4 / 2, 2 */* ; /* ; */ ; */ 3, 5--;\r",
    'select 1 as atomic, 2 as begin_atomic, 3 as "begin atomic"',
    "create temp table if not exists endx(id int, note text default ';')",
    "select '/*', '--', '$$', '\"', $$ /* $$ -- '\n",
    "",
    "-- only; a comment\n",
    "/* only; */",
]
GAPS = ["\n", " ", "\r\n", "\n\n-- between; them\n", "\t/* ; */ ", "", "\v\f", "\u00a0"]


def _file(chance: random.Random) -> str:
    pieces = [f"{chance.choice(GAPS[:6])}{chance.choice(STATEMENTS)}{chance.choice(GAPS[:4])}" for _ in range(6)]
    begins = "\ufeff" if chance.random() < 0.1 else ""
    ends = chance.choice([";", "", ";;\n", ";\n-- the end; of it"])
    # Not in the middle: for PostgreSQL these are part of a word.
    return f"{begins}{';'.join(pieces)}{ends}{chance.choice(GAPS)}"


def test_both_cut_alike(tmp_path: Path, empty_database_url: str) -> None:
    chance = random.Random(SEED)  # noqa: S311
    files = {f"{20250101000000 + number}": _file(chance) for number in range(FILES)}
    made = project(tmp_path)
    for version, text in files.items():
        made.write(f"{version}_tricky.sql", text)
    made.push(empty_database_url)
    stored = dict(query(empty_database_url, "select version, statements from supabase_migrations.schema_migrations"))
    assert {version: [one.text for one in split(text.encode()).statements] for version, text in files.items()} == stored
    assert all(split(text.encode()).unusable == () for text in files.values())
