"""`migrate apply` as a whole: what is pending, what is refused before anything is changed, what is recorded, and the command."""

from __future__ import annotations

import json
import os
import subprocess
import tracemalloc
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pointsctl.errors import PermissionMissingError, RefusedError, UsageError
from pointsctl.ledger.store import Ledger
from pointsctl.model.rehearsal import RehearsalData, RehearsedMigration, rehearsal_draft
from pointsctl.postgres.blockers import refuse_open_work
from pointsctl.postgres.connection import connect
from pointsctl.postgres.deployment_lock import procedure_lock
from pointsctl.postgres.migrating import StatementFailedError
from pointsctl.postgres.migration_lock import migration_lock
from tests.support.cli import PROGRAM, environment
from tests.support.ledgers import install
from tests.support.migrations import NAME, MigrationProject, order, query, records, versions

FIRST, SECOND, THIRD = "20250101000001_a.sql", "20250101000002_b.sql", "20250101000003_c.sql"
# Threads of one process stand for twenty operators in tests/fault/test_deploy_faults.py; these are whole programs.
MANY = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "campaign" else 5


@pytest.fixture
def project(tmp_path: Path, empty_database_url: str) -> MigrationProject:
    made = MigrationProject(tmp_path, empty_database_url)
    made.write(FIRST, "create table a (x int);\n")
    made.write(SECOND, "create table b (x int);\n")
    return made


def test_everything_pending_is_applied_in_order_and_then_nothing_is(project: MigrationProject) -> None:
    done = project.apply()
    assert [one.version for one in done.migrations] == versions(project.url) == ["20250101000001", "20250101000002"]
    first, _ = records(project.url)
    assert (first.environment, first.backup_taken, first.run, first.plan) == (NAME, False, "run-1", None)
    assert (first.migration_name, first.data["file"], first.data["engine"]) == ("20250101000001_a", FIRST, "native")
    assert project.apply().migrations == ()


def test_to_stops_after_a_version(project: MigrationProject) -> None:
    done = project.apply(to="20250101000001")
    assert (versions(project.url), done.pending.later) == (["20250101000001"], 1)
    with pytest.raises(UsageError, match="no migration has the version"):
        project.apply(to="2025")


def test_a_failure_says_which_files_are_applied(project: MigrationProject) -> None:
    project.write(THIRD, "select 1;\nselect no;\n")
    with pytest.raises(StatementFailedError) as caught:
        project.apply()
    assert f"{THIRD}: line 2, SELECT" in caught.value.message
    assert f"applied before it: 2 of 3, up to and with {SECOND}" in caught.value.message
    assert versions(project.url) == ["20250101000001", "20250101000002"]


def test_a_file_that_cannot_be_applied_keeps_all_back(project: MigrationProject) -> None:
    project.write(THIRD, "copy a from stdin;\n1\n\\.\n")
    with pytest.raises(RefusedError, match=rf"{THIRD} cannot be applied: line 1"):
        project.apply()
    assert versions(project.url) == []


def test_what_changed_after_it_was_applied_is_refused(project: MigrationProject) -> None:
    project.apply(to="20250101000001")
    project.write(FIRST, "create table a (x bigint);\n")
    with pytest.raises(RefusedError, match="20250101000001 a is drifted"):
        project.apply()
    (project.migrations / FIRST).unlink()
    with pytest.raises(RefusedError, match="20250101000001 a is missing"):
        project.apply()
    assert versions(project.url) == ["20250101000001"]


def test_what_is_out_of_order_needs_a_flag(project: MigrationProject) -> None:
    project.apply()
    project.write("20240101000001_old.sql", "create table old (x int);\n")
    with pytest.raises(RefusedError, match="is out-of-order") as caught:
        project.apply()
    assert "--include-all" in caught.value.hint
    project.apply(include_all=True)
    assert versions(project.url)[0] == "20240101000001"


def test_an_old_transaction_is_named(project: MigrationProject) -> None:
    with closing(connect(project.url, application_name="a report")) as other:
        other.execute("BEGIN")
        other.execute("select 'a-secret-value'")
        text = project.checklist.read_text("utf-8").replace("tries: 3", "tries: 3\n  old_transaction: 1ms")
        project.checklist.write_text(text, "utf-8")
        with pytest.raises(RefusedError, match=r"open for more than .*a report.*idle in transaction") as caught:
            project.apply()
        assert "a-secret-value" not in caught.value.message
        assert f"pg_terminate_backend({other.info.backend_pid})" in caught.value.hint
    assert versions(project.url) == []


def test_a_dump_is_named(project: MigrationProject) -> None:
    with (
        closing(connect(project.url, application_name="pg_dump")) as dump,
        pytest.raises(RefusedError, match=rf"process {dump.info.backend_pid} \(pg_dump\)"),
    ):
        project.apply()
    assert versions(project.url) == []


def test_sessions_that_hide_their_age_are_no_reason_to_go_on(project: MigrationProject) -> None:
    query(project.url, "create table held (x int)")
    with closing(connect(project.url)) as other, closing(connect(project.url)) as looking:
        other.execute("BEGIN")
        other.execute("lock table held in access share mode")
        looking.execute("SET ROLE authenticated")
        with pytest.raises(PermissionMissingError, match=rf"process {other.info.backend_pid} holds tables locked"):
            refuse_open_work(looking, timedelta(minutes=5))
        other.execute("ROLLBACK")
        refuse_open_work(looking, timedelta(minutes=5))


@pytest.mark.parametrize("lock", ["procedure", "migration"])
def test_whoever_holds_a_lock_is_named(project: MigrationProject, lock: str) -> None:
    request = project.request()
    old = request.settings.old_transaction
    held = (
        procedure_lock(project.url, "pointsctl deploy grace@host 01J")
        if lock == "procedure"
        else migration_lock(project.url, "pointsctl migrate grace@host 01J", old)
    )
    with held, pytest.raises(RefusedError, match=r"grace@host 01J\), since "):
        project.apply()
    assert versions(project.url) == []


def test_of_many_at_once_exactly_one_applies(project: MigrationProject) -> None:
    project.write(THIRD, "create table c (x int);\nselect pg_sleep(1);\n")
    started = [
        subprocess.Popen(
            [*PROGRAM, "migrate", "apply", "--env", NAME, "--yes", "--json"],
            cwd=project.folder,
            env=environment(project.folder, DATABASE_URL=project.url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(MANY)
    ]
    said = [(one.communicate(timeout=120), one.returncode) for one in started]
    codes = [code for _, code in said]
    assert set(codes) <= {0, 5}, said
    applied = [json.loads(out)["applied"] for (out, _), code in said if code == 0]
    assert sorted(len(one) for one in applied if one) == [3]
    assert len(records(project.url)) == 3
    assert versions(project.url) == ["20250101000001", "20250101000002", "20250101000003"]


def test_a_large_file_is_not_copied_again_and_again(project: MigrationProject) -> None:
    rows = b"insert into a values (1), (2), (3), (4), (5), (6), (7), (8), (9), (10);\n" * 20_000
    project.write(THIRD, b"-- " + b"x" * 2_000_000 + b"\nselect 1;\n" + b"-- " + rows)
    tracemalloc.start()
    try:
        found = project.request().pending()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    size = len(found.migrations[-1].content)
    assert size > 2_000_000
    assert peak < 12 * size


def test_bytes_are_those_that_were_hashed(project: MigrationProject, monkeypatch: pytest.MonkeyPatch) -> None:
    place = project.write(THIRD, b"-- " + b"x" * 2_000_000 + b"\nselect 1;\n")
    read = Path.read_bytes

    def changed(path: Path) -> bytes:
        return read(path) + b"select 2;" if path == place else read(path)

    monkeypatch.setattr(Path, "read_bytes", changed)
    with pytest.raises(RefusedError, match=f"{THIRD} was changed while it was read"):
        project.apply()


def test_the_command_tells_what_it_applied(project: MigrationProject) -> None:
    dry = project.run("--env", NAME, "--dry-run")
    assert (dry.code, dry.out.splitlines()[0]) == (0, f"2 migrations pending on {NAME}, 0 applied")
    assert versions(project.url) == []
    asked = project.run("--env", NAME)
    assert (asked.code, versions(project.url)) == (5, [])
    assert "--yes" in asked.err
    done = project.run("--env", NAME, "--yes")
    assert done.code == 0, done.err
    assert f"  {FIRST}: 1 statement in " in done.out
    again = project.run("--env", NAME, "--yes", "--json")
    assert (again.code, again.json["applied"]) == (0, [])
    assert again.json["schema"] == "pointsctl/applied/v1"


def test_the_command_says_what_failed_and_what_is_applied(project: MigrationProject) -> None:
    project.write(THIRD, "select 1;\nselect no;\n")
    failed = project.run("--env", NAME, "--yes", "--json")
    assert (failed.code, failed.json["code"]) == (1, "statement-failed")
    assert "line 2" in failed.json["message"]
    assert "2 of 3" in failed.json["message"]


def test_one_file_is_split_once() -> None:
    pending = order(FIRST, "select 1;").pending
    assert pending.script is pending.script


def rehearsed(project: MigrationProject, *problems: str) -> None:
    """Record that the first migration was rehearsed as it is now."""
    (first, *_) = project.request().pending().migrations
    with Ledger(project.url) as ledger:
        data = RehearsalData(
            database=ledger.database(),
            backup="20250101T000000Z-abcdef",
            manifest="0" * 64,
            server_version=180000,
            before=(),
            migrations=(
                RehearsedMigration(
                    migration=first.migration, duration_ms=1, statements=(), verified=None, reversible=None
                ),
            ),
            catalogue="0" * 64,
            audits=(),
            applied_again=False,
            traffic=None,
            duration_ms=1,
            problems=problems,
            tool="0",
        )
        ledger.append(rehearsal_draft(data, NAME, "ada@example.test"))


def test_a_file_added_or_edited_after_the_rehearsal_is_refused(project: MigrationProject) -> None:
    rehearsed(project)
    with pytest.raises(RefusedError, match=rf"{SECOND} was not rehearsed as it is now"):
        project.apply()
    (project.migrations / SECOND).unlink()
    place = project.migrations / FIRST
    before = place.read_bytes()
    project.write(FIRST, "create table a (x bigint);\n")
    with pytest.raises(RefusedError, match=rf"{FIRST} was not rehearsed as it is now"):
        project.apply()
    assert versions(project.url) == []
    place.write_bytes(before)
    assert len(project.apply().migrations) == 1


def test_what_did_not_pass_its_rehearsal_is_refused(project: MigrationProject) -> None:
    rehearsed(project, "an audit fails")
    with pytest.raises(RefusedError, match=r"did not pass its rehearsal .*: an audit fails"):
        project.apply(to="20250101000001")
    assert versions(project.url) == []


def test_a_protected_environment_needs_its_name_and_an_open_gate(project: MigrationProject) -> None:
    text = project.checklist.read_text("utf-8").replace("  here:\n", "  here:\n    protected: true\n")
    project.checklist.write_text(text, "utf-8")
    install(project.url, NAME, protected=True)
    assert project.run("--env", NAME, "--yes").code == 5
    refused = project.run("--env", NAME, "--confirm", NAME)
    assert refused.code == 5
    assert "the gate is closed" in refused.err
    assert versions(project.url) == []
