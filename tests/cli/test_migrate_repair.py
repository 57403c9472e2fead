"""`pointsctl migrate repair`: one row, one reason, one signature, one transaction; refused wherever it would mean nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pointsctl.ledger.reading import read_history
from pointsctl.model.ledger import Kind, read_record
from pointsctl.model.statement import RepairStatement, read_statement
from pointsctl.postgres.connection import connect
from pointsctl.postgres.deployment_lock import procedure_lock, take_deployment_lock
from tests.support.histories import apply_migration, make_history, note_row, write_migration
from tests.support.ledgers import session
from tests.support.people import ADA, FLAG, VARIABLES, People

VERSION = "20250101000001"
REASON = "run by hand in the incident"


@pytest.fixture
def people(tmp_path: Path, database_url: str) -> People:
    return People(tmp_path, database_url, FLAG)


@pytest.fixture
def first(people: People) -> Path:
    return write_migration(
        people.folder, f"{VERSION}_first.sql", "create table public.one (id bigint);\nselect 'ü\\\"';"
    )


def repair(people: People, *arguments: str, person: str = "ada") -> Any:
    return people.signed(person, "migrate", "repair", "--reason", REASON, *arguments)


def rows(people: People) -> list[tuple[str, str, list[str]]]:
    with session(people.url) as connection:
        query = "select version, name, statements from supabase_migrations.schema_migrations order by version"
        return connection.execute(query.encode()).fetchall()


def state(people: People) -> str:
    (one,) = people.run("migrate", "status", "--json").json["migrations"]
    return str(one["state"])


def repairs(people: People) -> list[RepairStatement]:
    with people.ledger() as ledger:
        records = [read_record(row) for row in ledger.rows(kinds=[Kind.MIGRATION_REPAIRED])]
        assert read_history(ledger, VARIABLES).unreadable == ()
    found = [read_statement(record.data["statement"]) for record in records]
    assert all(record.applied_by == ADA and record.notes == REASON for record in records)
    return [one for one in found if isinstance(one, RepairStatement)]


@pytest.mark.parametrize("history_is_there", [True, False])
def test_applied_writes_the_row_that_the_cli_would_have_written(
    people: People, first: Path, history_is_there: bool
) -> None:
    if history_is_there:
        make_history(people.url)
    done = repair(people, "--applied", VERSION)
    assert done.code == 0, done.err
    assert f"  {VERSION} first: pending" in done.err
    assert "  row before: none\n" in done.err
    assert rows(people) == [(VERSION, "first", ["create table public.one (id bigint)", "select 'ü\\\"'"])]
    assert state(people) == "applied"
    (statement,) = repairs(people)
    assert (statement.action, statement.version, statement.before) == ("applied", VERSION, None)


def test_reverted_takes_the_row_out(people: People, first: Path) -> None:
    apply_migration(people.url, first)
    assert repair(people, "--reverted", VERSION).code == 0
    assert rows(people) == []
    (statement,) = repairs(people)
    assert (statement.action, statement.after) == ("reverted", None)
    assert state(people) == "pending"
    entry = people.run("migrate", "status", "--json").json["migrations"][0]
    assert entry["recorded"] is None


def test_accepted_drift_is_none_any_more(people: People, first: Path) -> None:
    apply_migration(people.url, first)
    first.write_text("select 2;", encoding="utf-8")
    assert state(people) == "drifted"
    done = repair(people, "--accept-drift", VERSION, "--json")
    assert done.code == 0, done.err
    assert done.json["schema"] == "pointsctl/repaired/v1"
    assert done.json["before"]["statements_sha256"] != done.json["after"]["statements_sha256"]
    assert rows(people) == [(VERSION, "first", ["select 2"])]
    assert state(people) == "applied"


def test_a_row_without_statements_gets_those_of_the_file(people: People, first: Path) -> None:
    note_row(people.url, first, None)
    assert repair(people, "--accept-drift", VERSION).code == 0
    assert state(people) == "applied"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "0 repairs were asked for"),
        (("--applied", VERSION, "--reverted", VERSION), 2, "2 repairs were asked for"),
        (("--applied", " "), 2, "expected one, with the version"),
        (("--applied", "20300101000000"), 2, "no migration '20300101000000'"),
        (("--applied", VERSION), 5, "is applied, so `--applied` has nothing to repair"),
        (("--accept-drift", VERSION), 5, "expected drifted or unknown"),
        (("--reverted", VERSION, "--confirm", "elsewhere"), 5, "--confirm names 'elsewhere'"),
    ],
)
def test_what_means_nothing_is_refused_and_changes_nothing(
    people: People, first: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    apply_migration(people.url, first)
    before = rows(people)
    done = repair(people, *arguments)
    assert (done.code, told in done.err) == (code, True), done.err
    assert rows(people) == before
    assert repairs(people) == []


def test_without_a_say_or_a_reason_nothing_is_changed(people: People, first: Path) -> None:
    apply_migration(people.url, first)
    done = repair(people, "--reverted", VERSION, person="eve")
    assert (done.code, "holds no role that signs for repairs" in done.err) == (5, True)
    done = people.signed("ada", "migrate", "repair", "--reverted", VERSION, "--reason", "x")
    assert (done.code, "the reason has 1 characters" in done.err) == (2, True)
    assert people.signed("ada", "migrate", "repair", "--reverted", VERSION).code == 2
    assert len(rows(people)) == 1


@pytest.mark.parametrize("whose", ["procedure", "migration"])
def test_somebody_else_at_work_is_named(people: People, first: Path, whose: str) -> None:
    apply_migration(people.url, first)
    with closing(connect(people.url, application_name="pointsctl of linus")) as other:
        if whose == "migration":
            take_deployment_lock(other)
            done = repair(people, "--reverted", VERSION)
        else:
            with procedure_lock(people.url, "pointsctl of linus"):
                done = repair(people, "--reverted", VERSION)
    assert done.code == 5
    assert "pointsctl of linus" in done.err
    assert len(rows(people)) == 1
    assert repairs(people) == []


def test_a_row_that_cannot_be_recorded_is_not_changed(people: People, first: Path, admin_url: str) -> None:
    """Both are one transaction: where the ledger refuses the record, the row stays."""
    apply_migration(people.url, first)
    with session(admin_url) as connection:
        connection.execute(
            "create function public.refuse() returns trigger language plpgsql as $$begin raise 'no'; end$$"
        )
        connection.execute(
            "create trigger a_refuse before insert on public.migration_audit for each row execute function public.refuse()"
        )
    done = repair(people, "--reverted", VERSION)
    assert done.code in (4, 5)
    assert len(rows(people)) == 1


def test_another_kind_of_history_is_repaired_by_its_own_tool(people: People, first: Path) -> None:
    text = (people.folder / "checklist.yaml").read_text(encoding="utf-8")
    (people.folder / "checklist.yaml").write_text(f"{text}migrations: {{history: plain}}\n", encoding="utf-8")
    done = repair(people, "--applied", VERSION)
    assert (done.code, "writes only the history of the Supabase CLI" in done.err) == (5, True)
