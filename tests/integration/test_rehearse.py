"""`migrate rehearse`: on the proven copy, measured, verified, undone, applied again; whatever is bad is told and recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsctl.errors import ContextMissingError, ExitCode, RefusedError, StorageError
from pointsctl.model.ledger import Kind
from pointsctl.model.plan import Absent, ProofEvidence
from pointsctl.model.plan_evidence import evidence_of
from pointsctl.model.rehearsal import HeldLock
from pointsctl.workflow.migration_files import read_migrations
from tests.support.audits import execute
from tests.support.rehearsal_projects import ADDED, ADDED_TEXT, FIRST, VERIFY_TEXT, RehearsalProject

SECOND = "20260103000001_second.sql"


@pytest.fixture
def project(open_path: Path, empty_database_url: str) -> RehearsalProject:
    return RehearsalProject(open_path, empty_database_url)


def evidence(project: RehearsalProject) -> ProofEvidence | Absent:
    """What a plan of the files as they are now would be shown."""
    request = project.request()
    files = read_migrations(project.folder, request.loaded.checklist.migrations).migrations
    return evidence_of(project.history(), [one.migration for one in files]).rehearsal


def test_from_a_rehearsal_to_the_real_database_as_it_must_be(project: RehearsalProject) -> None:
    project.prove()
    project.add(verify=VERIFY_TEXT)
    done = project.rehearse(traffic=True)
    assert done.data.problems == ()
    assert done.exit_code is ExitCode.DONE, (done.data, done.remarks)
    (one,) = done.data.migrations
    assert one.loses == ()
    assert (one.verified, one.reversible, done.data.applied_again) == (True, True, True)
    assert [(each.line, each.rows) for each in one.statements] == [(1, None), (3, 40), (4, None)]
    strictest = one.statements[0].locks[0]
    assert isinstance(strictest, HeldLock)
    assert (strictest.table, strictest.blocks) == ("public.members", "reads and writes")
    assert done.data.traffic is not None
    assert done.data.traffic.calm_requests > 0
    assert "public.members" in [one.table for one in done.data.traffic.tables]
    assert done.data.before == ("20260101000001",)
    assert [(audit.id, audit.outcome.value) for audit in done.data.audits] == [("duplicate-indexes", "pass")]
    assert project.left_over() == []

    found = evidence(project)
    assert isinstance(found, ProofEvidence)
    assert (found.seq, found.subject) == (done.recorded.head.seq if done.recorded.head else 0, done.data.catalogue)

    # The real database has not been touched, and is as it was backed up.
    plan = project.migrate("plan", "--env", "here", "--json").json
    assert (plan["applied"], plan["migrations"][0]["rehearsal_passed"]) == (1, True)
    assert project.changed_since_backup() == ()
    before = project.migrate("verify", "--env", "here", "--json")
    assert (before.code, before.json["pending"]) == (1, [ADDED])
    assert "column points of public.members" in [one["what"] for one in before.json["differences"]]

    # Somebody changes it by hand, and takes that back.
    execute(project.url, "create table public.by_hand (id integer)")
    assert [one.what for one in project.changed_since_backup()] == ["table public.by_hand"]
    execute(project.url, "drop table public.by_hand")

    project.apply(ADDED)
    result = project.compare()
    assert (result.differences, result.pending, [one.problem for one in result.scripts]) == ((), (), [""])
    assert result.holds
    # Half-way through a deployment only what the migrations leave alone is compared with the backup.
    assert project.changed_since_backup() == ()
    execute(project.url, "create or replace view public.gold as select id from public.members where tier = 'silver'")
    assert [one.what for one in project.changed_since_backup()] == ["view public.gold"]
    execute(project.url, "alter table public.members alter column points set default 1")
    execute(project.url, "update public.members set points = 0")
    result = project.compare()
    assert {one.what for one in result.differences} == {"view public.gold", "column points of public.members"}
    assert "are not true" in result.scripts[0].problem
    assert result.exit_code is ExitCode.BAD

    # The bytes are edited: neither the gate nor a comparison knows them any more.
    project.migrations.joinpath(ADDED).write_text(f"{ADDED_TEXT}\n-- edited")
    missing = evidence(project)
    assert isinstance(missing, Absent)
    assert "not of these bytes" in missing.absent
    with pytest.raises(ContextMissingError, match="no rehearsal"):
        project.changed_since_backup()


def test_a_statement_that_fails_is_told_with_its_line_and_recorded(project: RehearsalProject) -> None:
    project.prove()
    project.add(text=f"{ADDED_TEXT}alter table public.members add column points integer;\n")
    project.add(SECOND, "create table public.second (id integer);", reverse=None)
    done = project.rehearse()
    assert done.exit_code is ExitCode.BAD
    assert done.data.catalogue is None
    (problem,) = done.data.problems
    assert problem.startswith("20260102000001_added: line 5, ALTER TABLE: ")
    assert "already exists" in problem
    assert [len(one.statements) for one in done.data.migrations] == [3, 0]
    missing = evidence(project)
    assert isinstance(missing, Absent)
    assert "did not pass: 20260102000001_added: line 5" in missing.absent


def test_scripts_and_audits_that_do_not_pass_fail_the_rehearsal(project: RehearsalProject) -> None:
    project.prove()
    twice = f"{ADDED_TEXT}create index members_points_again on public.members (points);\n"
    project.add(text=twice, reverse="drop table public.nowhere;\n", verify="select 'looks good';\n")
    done = project.rehearse()
    assert done.exit_code is ExitCode.BAD
    verify, audit, reverse = done.data.problems
    assert "the verify script of 20260102000001_added does not pass: it says of nothing that it is true" in verify
    assert audit.startswith("it passes before the migrations and not after: audit duplicate-indexes")
    assert reverse.startswith("the reverse script fails: 20260102000001_added: line 1, DROP TABLE")
    assert not done.data.applied_again
    shown = project.migrate("rehearse", "--env", "here")
    assert shown.code == 1
    assert "did NOT pass" in shown.out


def test_what_a_reverse_script_loses_is_listed_and_a_missing_one_is_told(project: RehearsalProject) -> None:
    project.prove()
    project.add(
        text="alter table public.members drop column name;\n",
        reverse="alter table public.members add column name text;",
    )
    lost = project.rehearse()
    assert lost.exit_code is ExitCode.DONE
    (one,) = lost.data.migrations
    assert one.reversible is False
    assert any(line.startswith("content table public.members: expected 100 rows") for line in one.loses)
    assert any("column name of public.members" in line for line in one.loses)
    project.add(SECOND, "create table public.second (id integer);", reverse=None)
    told = project.rehearse()
    assert told.exit_code is ExitCode.DONE
    assert [one.reversible for one in told.data.migrations] == [None, None]
    assert told.remarks == ("20260103000001_second has no reverse script: nobody knows whether it can be undone",)
    assert not told.data.applied_again


def test_only_a_proven_backup_and_files_that_can_be_applied(project: RehearsalProject) -> None:
    project.add()
    with pytest.raises(ContextMissingError, match="no backup"):
        project.rehearse()
    manifest = project.create().manifest
    with pytest.raises(RefusedError, match="is not verified"):
        project.rehearse()
    with pytest.raises(RefusedError, match="needs a proven backup"):
        project.rehearse(manifest.id)
    assert project.records(Kind.REHEARSAL_FINISHED) == 0


def test_a_file_that_cannot_be_applied_is_refused_with_its_line(project: RehearsalProject) -> None:
    project.prove()
    project.add(text="select 1;\ncommit;\nselect 2;\n")
    with pytest.raises(RefusedError, match="line 2"):
        project.rehearse()
    assert project.records(Kind.REHEARSAL_FINISHED) == 0
    assert project.left_over() == []


def test_with_nothing_pending_the_copy_says_so_and_what_was_stored_is_needed(project: RehearsalProject) -> None:
    project.prove()
    done = project.rehearse()
    assert done.data.migrations == ()
    assert done.exit_code is ExitCode.DONE
    assert isinstance(evidence(project), ProofEvidence)
    assert project.compare().holds
    (stored,) = project.store.rglob("catalogue-*.json")
    stored.write_text(stored.read_text().replace("gold", "bold"))
    shown = project.migrate("verify", "--env", "here", "--json")
    assert shown.code != 0
    assert shown.json["code"] == "expected-catalogue"
    stored.unlink()
    with pytest.raises(StorageError, match="are not in"):
        project.compare()
    assert FIRST in {one.name for one in project.migrations.iterdir()}
