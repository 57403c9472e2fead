"""What hostile and unlucky migrations try: to be applied twice, in half, unseen, or under the eyes of nobody."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import LiteralString

import pytest

from pointsctl.errors import ConnectionLostError, ExitCode, PermissionMissingError, PointsctlError, RefusedError
from pointsctl.ledger.migration_marks import applied_seq, committed_statements
from pointsctl.ledger.store import Ledger
from pointsctl.migration_engines.native import Native
from pointsctl.migration_engines.supabase import Supabase
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.progress import NoProgress
from pointsctl.model.rehearsal import RehearsalData, RehearsedMigration, rehearsal_draft
from pointsctl.postgres import migration_lock, work_lock
from pointsctl.postgres.connection import connect
from pointsctl.postgres.history_contents import supabase_rows
from pointsctl.postgres.migrating_settings import become_ourselves
from pointsctl.postgres.work_lock import WORK_KEY
from pointsctl.workflow.apply_migrations import apply_pending
from pointsctl.workflow.migration_status import migration_status
from tests.support import supabase_cli
from tests.support.ledgers import ADA
from tests.support.migrations import NAME, MigrationProject, apply, order, query, records, versions
from tests.support.stores import NEVER

FIRST, SECOND = "20250101000001_a.sql", "20250101000002_b.sql"
HALF = "create table a (x int);\ncreate index concurrently i on a (x);\ninsert into a values (1 / 0);\n"


@pytest.fixture
def project(tmp_path: Path, empty_database_url: str) -> MigrationProject:
    return MigrationProject(tmp_path, empty_database_url)


@pytest.fixture
def half(project: MigrationProject) -> MigrationProject:
    """Two of three statements of the first file are committed."""
    project.write(FIRST, HALF)
    with pytest.raises(PointsctlError) as caught:
        project.apply()
    assert "its first 2 of 3 statements are committed" in caught.value.message
    return project


def test_a_half_applied_file_that_was_edited_into_one_transaction_is_refused(half: MigrationProject) -> None:
    half.write(FIRST, "create table if not exists a (y int);\n")
    with pytest.raises(RefusedError, match=rf"the first 2 statements of {FIRST} are committed .* was changed since"):
        half.apply()
    half.write(FIRST, HALF.replace("1 / 0", "1"))
    with pytest.raises(RefusedError, match="was changed since"):
        half.apply()
    assert versions(half.url) == []


def test_status_tells_what_is_half_applied(half: MigrationProject) -> None:
    request = half.request()
    status = migration_status(request.work.loaded, NAME, request.work.environment)
    assert status.exit_code is ExitCode.BAD
    assert f"the first 2 statements of {FIRST} are committed" in status.remarks[0]
    _repaired(half, "20250101000001_a")
    assert migration_status(request.work.loaded, NAME, request.work.environment).remarks == ()


def test_a_half_applied_file_that_is_gone_keeps_the_others_back(half: MigrationProject) -> None:
    (half.migrations / FIRST).rename(half.migrations / SECOND)
    with pytest.raises(RefusedError, match="is not among what is pending"):
        half.apply()
    with pytest.raises(RefusedError, match="is not among what is pending"):
        apply_pending(half.request(), None, NEVER, NoProgress())
    (half.migrations / SECOND).unlink()
    with pytest.raises(RefusedError, match="is not among what is pending"):
        half.apply()
    assert versions(half.url) == []


def test_what_one_engine_began_the_other_does_not_begin_again(half: MigrationProject) -> None:
    text = half.checklist.read_text("utf-8").replace("tries: 3", "tries: 3\n  engine: supabase")
    half.checklist.write_text(text, "utf-8")
    half.write(FIRST, HALF)
    with pytest.raises(RefusedError, match=r"would begin it again|runs in no transaction"):
        half.apply()
    assert versions(half.url) == []


def test_what_the_ledger_says_to_be_applied_is_not_applied_again(project: MigrationProject) -> None:
    project.write(FIRST, "create table if not exists a (x int); insert into a values (1);\n")
    project.apply()
    query(project.url, "truncate supabase_migrations.schema_migrations")
    with pytest.raises(RefusedError, match=f"says that {FIRST} is applied") as caught:
        project.apply()
    assert "repair --applied 20250101000001" in caught.value.hint
    assert query(project.url, "select count(*) from a") == [(1,)]
    _repaired(project, "20250101000001_a")
    project.apply()
    assert query(project.url, "select count(*) from a") == [(2,)]


def test_after_a_repair_an_older_record_counts_for_nothing(project: MigrationProject) -> None:
    text = "create table if not exists a (x int);\n"
    project.write(FIRST, text)
    project.apply()
    sha256 = order(FIRST, text).pending.migration.sha256
    assert applied_seq(project.url, "20250101000001", sha256) is not None
    _repaired(project, "20250101000001_a")
    assert applied_seq(project.url, "20250101000001", sha256) is None
    # The CLI has applied it again; the record of that is new.
    with closing(Native()) as engine:
        done = apply(engine, project.url, FIRST, text)
    with closing(Supabase({"PATH": os.environ["PATH"]}, supabase_cli.installed())) as engine:
        again = apply(engine, project.url, FIRST, text)
    found = [one.seq for one in records(project.url)]
    assert (len(found), done.record, again.record) == (2, found[1], found[1])


def test_after_a_repair_nothing_of_a_file_counts_as_committed(half: MigrationProject) -> None:
    sha256 = order(FIRST, HALF).pending.migration.sha256
    assert committed_statements(half.url, "20250101000001", sha256) == 2
    _repaired(half, "20250101000001_a")
    assert committed_statements(half.url, "20250101000001", sha256) is None


def _repaired(project: MigrationProject, name: str) -> None:
    with Ledger(project.url) as ledger:
        ledger.append(Draft(Kind.MIGRATION_REPAIRED, NAME, ADA, {"statement": "{}"}, migration_name=name))


def test_an_index_that_never_was_is_not_taken_for_dropped(project: MigrationProject) -> None:
    project.write(FIRST, "create table a (x int);\ndrop index concurrently mistyped;\n")
    with pytest.raises(PointsctlError, match="mistyped"):
        project.apply()
    assert versions(project.url) == []


def test_what_ran_alone_is_not_run_again_when_what_follows_fails(project: MigrationProject) -> None:
    parts = (
        "create table p (x int) partition by list (x);\ncreate table q partition of p for values in (1);\n",
        "alter table p detach partition q concurrently;\n",
        "insert into r values (1);\n",
    )
    project.write(FIRST, "".join(parts))
    with pytest.raises(PointsctlError) as caught:
        project.apply()
    assert "its first 3 of 4 statements are committed" in caught.value.message
    query(project.url, "create table r (x int)")
    project.apply()
    assert versions(project.url) == ["20250101000001"]


@pytest.mark.parametrize(
    "text",
    [
        (
            "create function no() returns trigger language plpgsql as $$ begin return null; end $$;"
            "create trigger no before insert on supabase_migrations.schema_migrations for each row execute function no();"
        ),
        (
            "create function no() returns trigger language plpgsql as $$ begin new.version := '1'; return new; end $$;"
            "create trigger no before insert on supabase_migrations.schema_migrations for each row execute function no();"
        ),
        "create rule no as on insert to supabase_migrations.schema_migrations do instead nothing;",
    ],
)
def test_a_history_that_does_not_keep_rows_is_noticed(project: MigrationProject, text: str) -> None:
    project.write(FIRST, "select 1;")
    project.apply()
    project.write(SECOND, text)
    with pytest.raises(PointsctlError, match=r"did not keep the row|INSERT RETURNING"):
        project.apply()
    assert (versions(project.url), len(records(project.url))) == (["20250101000001"], 1)


@pytest.mark.parametrize(
    "trick",
    [
        (
            "alter table supabase_migrations.schema_migrations enable row level security;"
            "alter table supabase_migrations.schema_migrations force row level security;"
        ),
        (
            "alter table supabase_migrations.schema_migrations rename to kept;"
            "create view supabase_migrations.schema_migrations as select * from supabase_migrations.kept where false;"
        ),
    ],
)
def test_a_history_that_hides_rows_is_not_believed(project: MigrationProject, trick: LiteralString) -> None:
    project.write(FIRST, "select 1;")
    project.apply()
    query(project.url, trick)
    query(project.url, "grant usage on schema supabase_migrations to authenticated")
    query(project.url, "grant select on supabase_migrations.schema_migrations to authenticated")
    with closing(connect(project.url)) as connection:
        connection.execute("SET ROLE authenticated")
        with pytest.raises(PermissionMissingError, match="in full"):
            supabase_rows(connection)


def test_a_file_that_gives_up_every_lock_does_not_give_up_ours(project: MigrationProject) -> None:
    project.write(FIRST, "select pg_advisory_unlock_all();")
    project.write(
        SECOND, "create table held as select 1 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid();"
    )
    project.apply()
    assert query(project.url, "select count(*) >= 1 from held") == [(True,)]


def test_a_lock_that_somebody_else_took_meanwhile_ends_the_file(project: MigrationProject) -> None:
    with closing(connect(project.url)) as session, closing(connect(project.url)) as other:
        session.execute("BEGIN")
        become_ourselves(session)
        session.execute("SELECT pg_advisory_unlock_all()")
        other.execute("SELECT pg_advisory_lock(%s)", (WORK_KEY,))
        with pytest.raises(RefusedError, match="another session holds it now"):
            become_ourselves(session)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("do $$ begin commit; end $$", "invalid transaction termination"),
        (
            "create procedure p() language plpgsql as $$ begin commit; end $$; call p();",
            "invalid transaction termination",
        ),
        ("set transaction read only;", "read-only transaction"),
        ("create table d (x int unique deferrable initially deferred); insert into d values (1), (1);", "d_x_key"),
        ("drop table public.migration_audit;", "migration_audit"),
        ("delete from public.migration_audit;", "migration_audit"),
        ("truncate public.migration_audit;", "migration_audit"),
        ("create table x (y int); copy x to stdout;", "cannot be applied: line 1: COPY"),
    ],
)
def test_what_ends_the_transaction_or_the_ledger_from_inside_leaves_nothing(
    project: MigrationProject, text: str, said: str
) -> None:
    project.write(FIRST, text)
    with pytest.raises(PointsctlError, match=said):
        project.apply()
    assert (versions(project.url), records(project.url)) == ([], [])


def test_a_file_that_ends_its_own_session_leaves_nothing(project: MigrationProject) -> None:
    project.write(FIRST, "create table a (x int); select pg_terminate_backend(pg_backend_pid());")
    with pytest.raises(ConnectionLostError) as caught:
        project.apply()
    assert "nothing of this file is applied" in caught.value.message
    assert query(project.url, "select to_regclass('public.a')") == [(None,)]


def test_an_edited_file_is_not_rehearsed_because_its_version_was_in_the_backup(project: MigrationProject) -> None:
    project.write(FIRST, "create table a (edited int);\n")
    project.write(SECOND, "create table b (x int);\n")
    second = order(SECOND, "create table b (x int);\n").pending.migration
    one = RehearsedMigration(migration=second, duration_ms=1, statements=(), verified=None, reversible=None)
    with Ledger(project.url) as ledger:
        data = RehearsalData(
            database=ledger.database(),
            backup="20250101T000000Z-abcdef",
            manifest="0" * 64,
            server_version=180000,
            before=("20250101000001",),
            migrations=(one,),
            catalogue="0" * 64,
            audits=(),
            applied_again=False,
            traffic=None,
            duration_ms=1,
            problems=(),
            tool="0",
        )
        ledger.append(rehearsal_draft(data, NAME, ADA))
    with pytest.raises(RefusedError, match=f"{FIRST} was not rehearsed"):
        project.apply()
    assert versions(project.url) == []


def test_a_password_in_what_the_server_says_is_shown_to_nobody(project: MigrationProject) -> None:
    url = "postgresql://ada:geheim-4711@db.example.test/points"
    project.write(FIRST, f"do $$ begin raise exception 'no answer at {url}'; end $$;")
    with pytest.raises(PointsctlError) as caught:
        project.apply()
    assert "no answer at postgresql://ada:" in caught.value.message
    assert "geheim" not in f"{caught.value.message}{caught.value.hint}"


def test_a_plan_that_is_not_in_force_any_more_permits_nothing(project: MigrationProject) -> None:
    project.write(FIRST, "create table a (x int);")
    with pytest.raises(RefusedError, match="plan ffffffffffff"):
        apply_pending(project.request(), "f" * 64, NEVER, NoProgress())
    assert versions(project.url) == []


def test_statements_hidden_in_what_the_split_takes_for_a_text_are_not_run(project: MigrationProject) -> None:
    hidden = "; commit; create table hidden (x int); --"
    project.write(FIRST, rf"set standard_conforming_strings = off; select 'x\', '{hidden}';")
    with pytest.raises(PointsctlError, match="multiple commands"):
        project.apply()
    assert query(project.url, "select to_regclass('public.hidden')") == [(None,)]


def test_an_earlier_runs_session_that_still_works_is_named(
    project: MigrationProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_lock, "_PATIENCE_S", 0.0)
    project.write(FIRST, "create table a (x int);")
    with closing(connect(project.url, application_name="pointsctl apply grace@host")) as earlier:
        earlier.execute("SELECT pg_advisory_lock(%s)", (WORK_KEY,))
        with pytest.raises(RefusedError, match=r"an earlier run's session still works.*grace@host"):
            project.apply()
    project.apply()
    assert versions(project.url) == ["20250101000001"]


@pytest.mark.parametrize("lock", ["migrate", "apply"])
def test_after_a_file_that_ends_the_session_of_a_lock_no_other_is_applied(
    project: MigrationProject, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(migration_lock, "_LOOK_EVERY_S", 0.0)
    project.write(
        FIRST,
        f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name like 'pointsctl {lock} %'"
        " and pid <> pg_backend_pid();",
    )
    project.write(SECOND, "create table b (x int);")
    with pytest.raises(ConnectionLostError, match="the lock of"):
        project.apply()
    assert versions(project.url) == ["20250101000001"]
