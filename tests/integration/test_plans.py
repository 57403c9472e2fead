"""Plans of a real project: what they fix, what voids them, and who may make one."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from pointsctl.errors import RefusedError, UsageError
from pointsctl.ledger.signing import sign
from pointsctl.ledger.store import Ledger
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.plan import Absent
from pointsctl.model.statement import DatabaseName, HeadName, PlanStatement
from pointsctl.postgres.connection import connect
from pointsctl.workflow.create_plan import Proposal
from tests.support.keys import make_key, trust_folder
from tests.support.plan_projects import ADA, FIRST, LINUS, NAME, OLGA, ROLES, SECOND, VARIABLES, PlanProject
from tests.support.repositories import commit, git
from tests.support.signed_ledgers import unguarded

HELLO = "function hello"


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> PlanProject:
    return PlanProject(tmp_path / "project", database_url)


def test_a_plan_fixes_everything_and_is_in_force(project: PlanProject) -> None:
    done = project.create()
    content, deployment = done.plan.content, project.deployment()
    assert done.new
    assert (deployment.plan and deployment.plan.plan, deployment.changes) == (done.plan, ())
    assert deployment.valid_for == timedelta(hours=72)
    assert [one.name for one in content.migrations] == [FIRST, SECOND]
    assert all(one.reverse and one.verify for one in content.migrations)
    assert [one.name for one in content.functions] == ["hello"]  # type: ignore[union-attr]
    assert (content.operator, content.authors) == (OLGA, (LINUS,))
    assert (content.roles, content.security_because) == (("engineering-lead", "operations-lead"), ())
    assert content.policy == deployment.history.trust.digest  # type: ignore[union-attr]
    assert (done.plan.origin.commit, done.plan.origin.dirty) == (git(project.folder, "rev-parse", "HEAD"), False)
    assert content.not_after - done.plan.created_at == timedelta(hours=72)
    assert isinstance(done.plan.evidence.run, Absent)
    assert done.record.plan == done.plan.digest
    assert done.record.applied_by == OLGA


def test_the_same_plan_again_records_nothing(project: PlanProject) -> None:
    first = project.create()
    again = project.create(consent=lambda _: pytest.fail("nothing is to be confirmed"))
    assert (again.new, again.plan.digest, again.record.seq) == (False, first.plan.digest, first.record.seq)
    assert project.create(not_after="5h").new


CHANGES: list[tuple[str, str]] = [
    (f"supabase/migrations/{SECOND}", f"migration {SECOND}"),
    (f"supabase/reverse/{SECOND}", f"reverse script of {SECOND}"),
    (f"supabase/reverse/{SECOND.removesuffix('.sql')}.verify.sql", f"verify script of {SECOND}"),
    ("supabase/functions/hello/index.ts", HELLO),
    ("supabase/functions/_shared/cors.ts", HELLO),
    ("checklist.yaml", "the checklist"),
]


@pytest.mark.parametrize(("path", "what"), CHANGES)
def test_one_byte_more_is_a_change_and_is_named(project: PlanProject, path: str, what: str) -> None:
    project.create()
    place = project.folder / path
    before = place.read_bytes()
    place.write_bytes(before + b"\n")
    assert project.changes() == [what]
    place.write_bytes(before)
    assert project.changes() == []
    if path != "checklist.yaml":
        place.unlink()
        first = project.deployment().changes[0]
        assert first.what == what
        assert first.found == "nothing" or what == HELLO


def test_a_byte_that_differs_is_a_change_whatever_its_place(project: PlanProject) -> None:
    project.create()
    place = project.folder / "supabase/migrations" / FIRST
    content = place.read_bytes()
    for position in range(0, len(content), 7):
        place.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        assert f"migration {FIRST}" in project.changes()


def test_files_that_are_added_or_renamed(project: PlanProject) -> None:
    project.create()
    project.write("supabase/functions/deno.json", "{}")
    project.write("supabase/config.toml", "[functions.hello]\nverify_jwt = false\n")
    assert project.changes() == [HELLO]
    (project.folder / "supabase/functions/hello/index.ts").rename(project.folder / "supabase/functions/hello/main.ts")
    project.write("supabase/migrations/20240101000000_before_all.sql", "create table public.c (id bigint);")
    place = project.folder / "supabase/migrations" / SECOND
    place.rename(place.with_name("20250103000000_second.sql"))
    changes = {one.what: (one.planned, one.found) for one in project.deployment().changes}
    assert changes["migration 20240101000000_before_all.sql"][0] == "nothing"
    assert changes[f"migration {SECOND}"][1] == "nothing"
    assert changes["migration 20250103000000_second.sql"][0] == "nothing"
    assert changes[f"reverse script of {SECOND}"][1] == "nothing"


def test_contents_that_were_swapped(project: PlanProject) -> None:
    project.create()
    first, second = (project.folder / "supabase/migrations" / name for name in (FIRST, SECOND))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    assert project.changes() == [f"migration {FIRST}", f"migration {SECOND}"]


def test_function_files_that_were_swapped_or_split_otherwise(project: PlanProject) -> None:
    project.write("supabase/functions/hello/a.ts", "1")
    project.write("supabase/functions/hello/b.ts", "2")
    project.create()
    project.write("supabase/functions/hello/a.ts", "2")
    project.write("supabase/functions/hello/b.ts", "1")
    assert project.changes() == [HELLO]


def test_what_a_function_can_import_from_the_folder_of_one_that_is_not_deployed(project: PlanProject) -> None:
    project.write("supabase/functions/other/lib/points.ts", "export const most = 100\n")
    project.create()
    project.write("supabase/functions/other/lib/points.ts", "export const most = 999\n")
    assert project.changes() == [HELLO]


def test_functions_that_appear_or_are_gone(project: PlanProject) -> None:
    project.create()
    shutil.rmtree(project.folder / "supabase/functions/hello")
    assert project.changes() == [HELLO, "the functions"]
    done = project.create()
    assert isinstance(done.plan.content.functions, Absent)
    assert "supabase/functions/hello" in done.plan.content.functions.absent
    assert project.changes() == []
    project.write("supabase/functions/hello/index.ts", "x")
    assert project.changes() == [HELLO, "the functions"]


def test_the_checklist_that_was_read_must_be_the_file_that_is_there(project: PlanProject) -> None:
    """A file that is edited while a person reads the plan, and back again afterwards."""
    project.create()
    place = project.folder / "checklist.yaml"
    before = place.read_bytes()
    place.write_bytes(before + b"# edited\n")
    edited = project.loaded()
    place.write_bytes(before)
    assert [one.what for one in project.deployment(edited).changes] == ["the checklist"]
    loaded = project.loaded()
    place.write_bytes(before + b"# edited\n")
    assert [one.what for one in project.deployment(loaded).changes] == ["the checklist"]
    with pytest.raises(RefusedError, match="changed while it was read"):
        project.create_from(loaded)


def test_another_policy_or_trust_folder_is_a_change(project: PlanProject) -> None:
    project.create()
    signers = project.trust / "allowed_signers"
    before = signers.read_text(encoding="utf-8")
    signers.write_text(f"{before}# edited\n", encoding="utf-8")
    assert project.changes() == ["the trust folder"]
    with pytest.raises(RefusedError, match="is not the policy in force"):
        project.create()
    signers.write_text("junk\n", encoding="utf-8")
    (change,) = project.deployment().changes
    assert "cannot be used" in change.found
    shutil.rmtree(project.trust)
    assert project.changes() == []


def test_links_are_refused(project: PlanProject, tmp_path: Path) -> None:
    for path in (f"supabase/migrations/{FIRST}", f"supabase/reverse/{FIRST}", "supabase/functions/hello/index.ts"):
        place = project.folder / path
        outside = tmp_path / place.name
        shutil.move(place, outside)
        place.symlink_to(outside)
        with pytest.raises(RefusedError, match="is a link"):
            project.create()
        place.unlink()
        shutil.move(outside, place)
    inner = project.folder / "supabase/functions/hello/more"
    inner.symlink_to(tmp_path)
    with pytest.raises(RefusedError, match="is a link"):
        project.create()
    inner.unlink()
    shutil.move(project.folder / "supabase/functions/hello", tmp_path / "hello")
    (project.folder / "supabase/functions/hello").symlink_to(tmp_path / "hello")
    with pytest.raises(RefusedError, match="is a link"):
        project.create()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (f"{SECOND.removesuffix('.sql')}.down.sql", "applies it forwards"),
        ("20250109000000_x.DOWN.SQL", "applies it forwards"),
        (f"{SECOND.partition('_')[0]}_twin.sql", "have one version"),
        ("20250109000000_\x1b[2J.sql", "no name for a migration"),
    ],
)
def test_what_no_push_could_apply_is_refused_and_closes(project: PlanProject, name: str, why: str) -> None:
    project.create()
    project.write(f"supabase/migrations/{name}", "select 1;")
    for attempt in (project.create, project.deployment):
        with pytest.raises(RefusedError, match=why) as caught:
            attempt()
        assert caught.value.message.isprintable()


def test_a_folder_or_a_pipe_in_the_place_of_a_migration(project: PlanProject) -> None:
    folder = project.folder / "supabase/migrations/20250109000000_x.sql"
    folder.mkdir()
    with pytest.raises(RefusedError, match="is not a file"):
        project.create()
    folder.rmdir()
    os.mkfifo(folder)
    with pytest.raises(RefusedError, match="is not a file"):
        project.create()


def test_other_files_are_ignored_and_said(project: PlanProject) -> None:
    project.write("supabase/migrations/README.md", "x")
    project.write("supabase/migrations/draft.sql", "x")
    seen: list[Proposal] = []
    project.create(consent=seen.append)
    assert any("README.md, draft.sql" in one for one in seen[0].remarks)


def test_nothing_to_deploy_is_no_plan(project: PlanProject) -> None:
    shutil.rmtree(project.folder / "supabase")
    with pytest.raises(UsageError, match="nothing to deploy"):
        project.create()


def test_the_machine_asks_for_a_security_review(project: PlanProject) -> None:
    project.create()
    project.write(f"supabase/migrations/{SECOND}", "select 1;\ngrant all on public.b to anon;\n")
    assert project.changes() == [f"migration {SECOND}", "the roles that must sign"]
    content = project.create().plan.content
    assert content.roles == ("engineering-lead", "operations-lead", "security")
    assert content.security_because == (f"{SECOND}:2 touches grants",)


def test_a_plan_that_leaves_a_role_out_is_changed_from_the_start(project: PlanProject) -> None:
    """Made by another program than this one, signed by somebody who may."""
    project.write(f"supabase/migrations/{SECOND}", "grant all on public.b to anon;\n")
    plan = project.create().plan
    forged = plan.model_copy(
        update={"content": plan.content.model_copy(update={"roles": ("operations-lead",), "security_because": ()})}
    )
    record(project, forged.model_dump(mode="json"), forged.digest)
    deployment = project.deployment()
    assert deployment.plan is not None
    assert deployment.plan.digest == forged.digest
    (change,) = deployment.changes
    assert change.what == "the roles that must sign"
    assert f"{SECOND}:1 touches grants" in change.found


def test_what_is_applied_needs_no_review_and_has_no_authors(project: PlanProject, admin_url: str) -> None:
    project.write(f"supabase/migrations/{FIRST}", "grant all on public.a to anon;\n")
    commit(project.folder, ADA)
    apply(admin_url, FIRST)
    done = project.create()
    assert done.plan.content.security_because == ()
    assert done.plan.content.authors == (LINUS,)
    assert project.deployment().pending == (SECOND,)


def test_an_applied_migration_asks_for_fewer_roles_than_planned_and_nothing_changes(
    project: PlanProject, admin_url: str
) -> None:
    project.write(f"supabase/migrations/{SECOND}", "grant all on public.b to anon;\n")
    project.create()
    apply(admin_url, SECOND)
    assert project.changes() == []


def test_authors_whom_git_does_not_know(tmp_path: Path, database_url: str) -> None:
    project = PlanProject(tmp_path / "project", database_url, protected=True)
    project.write(f"supabase/migrations/{SECOND}", "create table public.c (id bigint);\n")
    with pytest.raises(RefusedError, match="nobody knows who wrote") as caught:
        project.create()
    assert "--author" in caught.value.hint
    seen: list[Proposal] = []
    done = project.create(consent=seen.append, authors=(ADA.upper(),))
    assert done.plan.content.authors == (ADA, LINUS)
    assert done.plan.origin.dirty
    assert any(SECOND in one and "not as in the commit" in one for one in seen[0].remarks)
    assert any("engineering-lead lacks 1 person" in one for one in seen[0].remarks)


def test_elsewhere_unknown_authors_are_said(project: PlanProject) -> None:
    shutil.rmtree(project.folder / ".git")
    seen: list[Proposal] = []
    done = project.create(consent=seen.append)
    assert (done.plan.content.authors, done.plan.origin.commit) == ((), None)
    assert any("nobody knows who wrote" in one for one in seen[0].remarks)


@pytest.mark.parametrize("author", ["", " ", "x\x1b[2J", "a" * 401, "x\ny"])
def test_authors_that_are_none(project: PlanProject, author: str) -> None:
    with pytest.raises(UsageError, match="--author"):
        project.create(authors=(author,))


@pytest.mark.parametrize("when", ["soon", "2020-01-01T00:00:00Z", "2030-01-01T00:00:00", "0h", "-1h"])
def test_deadlines_that_are_none(project: PlanProject, when: str) -> None:
    with pytest.raises(UsageError, match="--not-after"):
        project.create(not_after=when)


def test_a_role_that_nobody_holds(project: PlanProject) -> None:
    project.settings["approvals"]["roles"]["auditor"] = {"title": "A"}
    project.write_checklist()
    with pytest.raises(RefusedError, match="nobody holds the role 'auditor'"):
        project.create()
    project.settings["approvals"] = {}
    project.write_checklist()
    with pytest.raises(UsageError, match="no role must sign"):
        project.create()


def test_a_key_that_is_nobody_s_makes_no_plan(project: PlanProject) -> None:
    with pytest.raises(RefusedError, match="nobody's in the policy"):
        project.create("mallory")
    assert project.deployment().plan is None


def test_a_plan_that_somebody_outside_the_policy_signed_supersedes_nothing(project: PlanProject) -> None:
    plan = project.create().plan
    other = plan.model_copy(update={"content": plan.content.model_copy(update={"operator": "mallory@example.test"})})
    record(project, other.model_dump(mode="json"), other.digest, person="mallory")
    deployment = project.deployment()
    assert deployment.plan is not None
    assert deployment.plan.digest == plan.digest
    assert len(deployment.history.plans) == 2


def test_a_plan_s_record_that_was_altered(project: PlanProject, admin_url: str) -> None:
    """The signature is over the digest, so other content with it is no plan; rewriting the row damages the chain."""
    plan = project.create().plan
    altered = plan.model_dump(mode="json")
    altered["content"]["roles"] = ["operations-lead"]
    record(project, altered, plan.digest)
    assert project.deployment().plan.plan == plan  # type: ignore[union-attr]
    with unguarded(admin_url) as connection:
        connection.execute(
            "update public.migration_audit set body = replace(body, '\"operations-lead\"', '\"x\"') where kind = 'plan.created'"
        )
    with pytest.raises(RefusedError, match="the ledger is damaged"):
        project.deployment()


def test_two_plans_at_once_leave_one(project: PlanProject) -> None:
    """The second operator was asked while the first one's plan was recorded."""

    def meanwhile(_proposal: Proposal) -> None:
        project.create()

    with pytest.raises(RefusedError, match=r"went on while the plan was made: record \d+ is 'plan.created'"):
        project.create(consent=meanwhile, not_after="3h")
    assert len(project.deployment().history.plans) == 1


def test_a_policy_that_was_replaced_in_the_meantime(project: PlanProject) -> None:
    def meanwhile(_proposal: Proposal) -> None:
        from pointsctl.workflow.update_trust import Request, update_trust

        trust_folder(project.folder, {**ROLES, "auditor": [OLGA]})
        with Ledger(project.url) as ledger:
            request = Request(NAME, project.trust, ADA, project.means("ada"), timedelta(hours=1))
            update_trust(ledger, request, lambda _: None)

    with pytest.raises(RefusedError, match=r"is 'policy.signed'"):
        project.create(consent=meanwhile)
    assert project.deployment().plan is None


def test_consent_that_is_refused_records_nothing(project: PlanProject) -> None:
    def refuse(_proposal: Proposal) -> None:
        raise RefusedError("no", hint="no")

    with pytest.raises(RefusedError):
        project.create(consent=refuse)
    assert project.deployment().plan is None


def test_a_newer_plan_says_what_it_supersedes(project: PlanProject) -> None:
    old = project.create().plan
    project.write(f"supabase/migrations/{SECOND}", "select 3;\n")
    seen: list[Proposal] = []
    project.create(consent=seen.append)
    assert seen[0].supersedes == old.short
    assert [one.what for one in seen[0].changes] == [f"migration {SECOND}"]
    assert seen[0].dying == ()


def test_doing_without_is_part_of_the_plan(project: PlanProject) -> None:
    project.create()
    project.write_checklist(without=["backup"])
    assert project.changes() == ["the checklist", "what is done without"]
    assert project.create().plan.content.without == ("backup",)


def test_a_migration_too_large_to_search_is_planned_and_reviewed(project: PlanProject) -> None:
    project.write(f"supabase/migrations/{SECOND}", "-- x\n" * 300_000)
    content = project.create().plan.content
    assert content.security_because == (f"{SECOND}:1 is too large to be searched",)


def apply(admin_url: str, name: str) -> None:
    """Write the migration into the history, as a push does."""
    with connect(admin_url) as connection:
        connection.execute("create schema if not exists supabase_migrations")
        connection.execute(
            "create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text)"
        )
        connection.execute("grant usage on schema supabase_migrations to public")
        connection.execute("grant select on supabase_migrations.schema_migrations to public")
        connection.execute(
            "insert into supabase_migrations.schema_migrations (version) values (%s)", (name.partition("_")[0],)
        )


def record(project: PlanProject, plan: dict[str, object], digest: str, person: str = "olga") -> None:
    """Append a plan that this program would not have made, really signed."""
    from datetime import UTC, datetime

    with Ledger(project.url) as ledger:
        found, head = ledger.identity(), ledger.head()
        database = DatabaseName(
            system_identifier=found.system_identifier, database_oid=found.database_oid, database=found.database
        )
        statement = PlanStatement(
            environment=NAME,
            database=database,
            principal=f"{person}@example.test",
            not_before=datetime.now(UTC),
            expires_at=None,
            head=HeadName(seq=head.seq, hash=head.hash),
            nonce=project.means().new_nonce(),
            plan=digest,
        )
        signature = sign(statement.text(), make_key(project.folder / "keys", person), VARIABLES)
        data = {"statement": statement.text(), "plan": plan}
        ledger.append(Draft(Kind.PLAN_CREATED, NAME, statement.principal, data, plan=digest, signature=signature))
