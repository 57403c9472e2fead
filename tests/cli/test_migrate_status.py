"""`pointsctl migrate status` as people and scripts meet it: states, exit codes, narrow and piped, with and without a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.histories import apply_migration, make_history, note_row, write_migration
from tests.support.ledgers import session
from tests.support.people import FLAG, People
from tests.support.servers import Server

FIRST, SECOND = "20250101000001_first.sql", "20250101000002_second.sql"
NOTED = "INSERT INTO migration_audit (migration_name, applied_by, environment) VALUES (%s, 'ada@example.test', 'here')"


@pytest.fixture
def people(tmp_path: Path, database_url: str) -> People:
    return People(tmp_path, database_url, FLAG)


@pytest.fixture
def first(people: People) -> Path:
    return write_migration(people.folder, FIRST, "-- one\ncreate table public.one (id bigint);\n\nselect 'ü\t\\\"';")


def states(people: People, *arguments: str) -> dict[str, str]:
    done = people.run("migrate", "status", "--json", *arguments)
    assert done.json["schema"] == "pointsctl/migrations/v1"
    return {one["file"] or one["version"]: one["state"] for one in done.json["migrations"]}


def entry(people: People, version: str, *arguments: str) -> dict[str, Any]:
    (found,) = [
        one
        for one in people.run("migrate", "status", "--json", *arguments).json["migrations"]
        if one["version"] == version
    ]
    return dict(found)


def test_nothing_at_all_is_said(people: People) -> None:
    done = people.run("migrate", "status")
    assert (done.code, done.out) == (0, "no migrations: neither files nor rows (supabase)\n")


def test_pending_and_applied_are_nothing_bad(people: People, first: Path) -> None:
    apply_migration(people.url, first)
    write_migration(people.folder, SECOND, "select 2;")
    done = people.run("migrate", "status")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["version", "name", "state", "recorded"]
    assert lines[1].split() == ["20250101000001", "first", "applied"]
    assert lines[2].split() == ["20250101000002", "second", "pending"]
    assert lines[3:] == ["1 applied, 1 pending", "next: pointsctl migrate plan --env here"]


def test_who_applied_it_comes_from_the_ledger(people: People, first: Path) -> None:
    apply_migration(people.url, first)
    with session(people.url) as connection:
        connection.execute(NOTED.encode(), (FIRST.removesuffix(".sql"),))
    recorded = entry(people, "20250101000001")["recorded"]
    assert (recorded["by"], recorded["kind"]) == ("ada@example.test", "migration.noted")
    assert "ada@example.test" in people.run("migrate", "status").out


def test_without_a_ledger_it_works_and_says_so(tmp_path: Path, empty_database_url: str) -> None:
    people = People(tmp_path, empty_database_url, FLAG, ledger=False)
    place = write_migration(people.folder, FIRST, "select 1;")
    apply_migration(people.url, place)
    done = people.run("migrate", "status")
    assert done.code == 0
    assert "who applied what is not known: environment 'here' has no ledger" in done.out


@pytest.mark.parametrize(
    "changed",
    [
        "-- one\ncreate table public.one (id bigint);\n\nselect 'ü\t\\\" ';",
        "-- two\ncreate table public.one (id bigint);\n\nselect 'ü\t\\\"';",
        "create table public.one (id bigint);\n\nselect 'ü\t\\\"';",
        "-- one\r\ncreate table public.one (id bigint);\n\nselect 'ü\t\\\"';",
        "",
    ],
)
def test_an_edited_file_has_drifted(people: People, first: Path, changed: str) -> None:
    apply_migration(people.url, first)
    assert states(people) == {f"supabase/migrations/{FIRST}": "applied"}
    first.write_bytes(changed.encode())
    done = people.run("migrate", "status", "--diff")
    assert done.code == 1
    assert "drifted" in done.out
    assert "\n  -" in done.out
    diff = entry(people, "20250101000001", "--diff")["diff"]
    assert any(line.startswith("-") for line in diff)


def test_everything_bad_at_once_is_told_and_nothing_ends_it(people: People, first: Path) -> None:
    apply_migration(people.url, first)
    gone = write_migration(people.folder, "20250101000009_gone.sql", "select 9;")
    apply_migration(people.url, gone)
    gone.unlink()
    for name in (SECOND, "20250101000003_a.sql", "20250101000003_b.sql", "20250101000001_first.down.sql", "notes.md"):
        write_migration(people.folder, name, "select 1;")
    found = {place.rpartition("/")[2]: state for place, state in states(people).items()}
    assert found == {
        FIRST: "applied",
        SECOND: "out-of-order",
        "20250101000003_a.sql": "duplicate",
        "20250101000003_b.sql": "duplicate",
        "20250101000001_first.down.sql": "reverse-script",
        "20250101000009": "missing",
        "notes.md": "no-migration",
    }
    done = people.run("migrate", "status")
    assert done.code == 1
    assert "a push would apply it forwards" in done.out
    assert done.out.splitlines()[-1].startswith("next: move reverse scripts")


def test_rows_without_statements_are_unknown_and_never_unchanged(people: People, first: Path) -> None:
    note_row(people.url, first, None)
    done = people.run("migrate", "status")
    assert done.code == 0
    assert "unknown" in done.out
    assert "the history does not say with which content" in done.out


def test_the_table_of_an_early_cli_has_versions_alone(people: People, first: Path) -> None:
    with session(people.url) as connection:
        connection.execute("create schema supabase_migrations")
        connection.execute("create table supabase_migrations.schema_migrations (version text primary key)")
        connection.execute("insert into supabase_migrations.schema_migrations values ('20250101000001')")
    assert states(people) == {f"supabase/migrations/{FIRST}": "unknown"}


def test_a_history_that_may_not_be_read_is_no_empty_one(
    tmp_path: Path, server: Server, database: str, database_url: str
) -> None:
    people = People(tmp_path, server.cluster.url(database, "authenticator"), FLAG, ledger=False)
    make_history(database_url)
    done = people.run("migrate", "status")
    assert done.code == 4
    assert "may not read supabase_migrations.schema_migrations" in done.err


def test_narrow_and_with_names_that_attack_the_terminal(people: People) -> None:
    place = write_migration(people.folder, "20250101000001_\x1b[31mred\u202e.sql", "select 1;")
    note_row(people.url, place, ["select '\x1b]0;owned\x07'"])
    done = people.run("migrate", "status", "--diff", COLUMNS="40")
    assert done.code == 1
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out
    assert max(map(len, done.out.splitlines())) <= 40


def test_a_link_and_an_unknown_kind_of_history_are_refused(people: People, first: Path, tmp_path: Path) -> None:
    (people.folder / "supabase/migrations/20250101000005_link.sql").symlink_to(first)
    done = people.run("migrate", "status")
    assert done.code == 5
    assert "is a link" in done.err
    text = (people.folder / "checklist.yaml").read_text(encoding="utf-8")
    (people.folder / "checklist.yaml").write_text(f"{text}migrations: {{history: flyway}}\n", encoding="utf-8")
    done = people.run("migrate", "status")
    assert done.code == 2
    assert "no kind 'flyway' in migration_histories" in done.err


def test_an_unreachable_server_is_no_answer(people: People, first: Path) -> None:
    done = people.run("migrate", "status", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.code == 4
