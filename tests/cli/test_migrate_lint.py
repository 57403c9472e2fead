"""`migrate lint` as an operator and a CI job see it, on a real database and with the real squawk."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from tests.support.cli import Result, pointsctl, write_checklist

ITEMS = "- id: a.note\n  title: Something\n  kind: attestation\n"
DELETE = "-- all of them\ndelete from public.big;\n"
TYPE = "alter table public.big alter column a type bigint;\n"
CLEAN = "select 1;\n"


class Project:
    """A folder with a checklist and migrations."""

    def __init__(self, folder: Path, url: str = "postgresql://nobody@127.0.0.1:1/none") -> None:
        self.folder, self.url = folder, url
        write_checklist(folder, ITEMS)

    def write(self, name: str, text: str, below: str = "supabase/migrations") -> None:
        place = self.folder / below / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())

    def waive(self, key: str, until: str) -> None:
        path = self.folder / "checklist.yaml"
        waived = f"migrations: {{lint: {{waived: {{{key}: {{reason: accepted by the lead, until: {until}}}}}}}}}\n"
        path.write_text(path.read_text("utf-8").replace("phases:", f"{waived}phases:", 1), "utf-8")

    def lint(self, *arguments: str, columns: int = 100, **variables: str) -> Result:
        given = {"DATABASE_URL": self.url, "COLUMNS": str(columns), **variables}
        return pointsctl("migrate", "lint", *arguments, cwd=self.folder, variables=given)

    def found(self, *arguments: str) -> list[tuple[str, str, int]]:
        told = self.lint(*arguments, "--json")
        return [(Path(one["file"]).name, one["rule"], one["line"]) for one in told.json["findings"]]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_findings_with_line_reason_and_remedy_and_what_was_not_judged(project: Project) -> None:
    project.write("1_a.sql", DELETE)
    told = project.lint()
    assert told.code == 1
    for part in (
        "supabase/migrations/1_a.sql:2",
        "DELETE without WHERE",
        "instead:",
        "key: unfiltered-delete-",
        "sizes of tables",
    ):
        assert part in told.out
    narrow = project.lint(columns=40)
    assert all(len(line) <= 40 for line in narrow.out.splitlines())


def test_nothing_found_and_nothing_there(project: Project) -> None:
    assert project.lint().code == 2
    project.write("1_a.sql", CLEAN)
    clean = project.lint()
    assert (clean.code, "no findings in 1 file" in clean.out) == (0, True)
    assert project.lint("missing.sql").code == 2
    assert project.lint("--format", "sarfi").code == 2


def test_a_waived_finding_passes_until_its_day_is_over(project: Project) -> None:
    project.write("1_a.sql", DELETE)
    key = project.lint("--json").json["findings"][0]["key"]
    project.waive(key, "2999-01-01")
    told = project.lint()
    assert (told.code, "waived until 2999-01-01" in told.out) == (0, True)
    project.write("1_a.sql", DELETE.replace("big", "other"))
    changed = project.lint()
    assert (changed.code, "nothing was found that the waived key" in changed.out) == (1, True)


def test_an_expired_waiver_is_told(project: Project) -> None:
    project.write("1_a.sql", DELETE)
    project.waive(project.lint("--json").json["findings"][0]["key"], "2001-01-01")
    told = project.lint()
    assert (told.code, "ended on 2001-01-01" in told.out) == (1, True)


def test_formats_and_a_file(project: Project) -> None:
    project.write("1_a.sql", DELETE)
    assert project.lint("--format", "github").out.startswith("::error file=supabase/migrations/1_a.sql,line=2,")
    written = project.lint("--format", "sarif", "--output", "found.sarif")
    assert (written.code, written.out) == (1, "")
    document = json.loads((project.folder / "found.sarif").read_text("utf-8"))
    assert document["runs"][0]["results"][0]["ruleId"] == "unfiltered-delete"


def test_what_silences_squawk_is_told_and_not_obeyed(project: Project) -> None:
    project.write("1_a.sql", "-- squawk-ignore-file\ndrop table public.t;\n")
    assert project.found() == [("1_a.sql", "blanket-suppression", 1), ("1_a.sql", "ban-drop-table", 2)]


def test_reverse_and_verify_scripts_and_one_beside_the_migrations(project: Project) -> None:
    project.write("1_a.sql", CLEAN)
    project.write("1_a.sql", "drop table public.t;\n", "supabase/reverse")
    project.write("1_a.verify.sql", "insert into t values (1);\n", "supabase/reverse")
    project.write("2_b.down.sql", CLEAN)
    assert project.found() == [("2_b.down.sql", "reverse-beside", 1), ("1_a.verify.sql", "verify-writes", 1)]


def test_bytes_that_nobody_can_read(project: Project) -> None:
    (project.folder / "bad.sql").write_bytes(b"drop table \xff;\n")
    project.write("odd.sql", "selec 1;\n", ".")
    assert ("bad.sql", "unusable", 1) in project.found("bad.sql")
    assert ("odd.sql", "syntax-error", 1) in project.found("odd.sql")


def test_names_from_files_do_not_act_on_a_terminal(project: Project) -> None:
    project.write("1_a.sql", 'delete from "\x1b[2J::error::x";\n')
    told = project.lint()
    assert (told.code, "\x1b" in told.out) == (1, False)


def test_a_database_that_does_not_answer_is_no_pass(project: Project) -> None:
    project.write("1_a.sql", CLEAN)
    assert project.lint("--env", "here").code == 4


def test_sizes_of_the_database_decide_and_applied_files_are_left_out(tmp_path: Path, empty_database_url: str) -> None:
    project = Project(tmp_path, empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("create table public.big (a int) ")
        connection.execute("insert into public.big select generate_series(1, 120000)")
        connection.execute("create table public.few (a int check (a is not null))")
        connection.execute("create schema supabase_migrations")
        connection.execute(
            "create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text)"
        )
        connection.execute("insert into supabase_migrations.schema_migrations values ('1', '{select 1}', 'a')")
    project.write("1_a.sql", DELETE)
    project.write("2_b.sql", TYPE)
    project.write("3_c.sql", TYPE.replace("big", "few"))
    project.write("4_d.sql", "alter table public.few alter column a set not null;\n")
    ours = {"large-table-rewrite", "large-table-scan", "unfiltered-delete"}

    def own(*arguments: str) -> list[tuple[str, str, int]]:
        return [one for one in project.found(*arguments) if one[1] in ours]

    never_analysed = own("--env", "here")
    assert never_analysed == [("2_b.sql", "large-table-rewrite", 1)]
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("analyze public.big")
    told = project.lint("--env", "here")
    assert "120,000 rows" in told.out
    assert "not looked at because they are applied: 1" in told.out
    assert own("--env", "here", "--all") == [("1_a.sql", "unfiltered-delete", 2), ("2_b.sql", "large-table-rewrite", 1)]
    assert own() == [("1_a.sql", "unfiltered-delete", 2)]
